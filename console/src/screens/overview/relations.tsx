// The trust relations, what fails first: whose clients, which service, and how both legs are.
import type { Item } from '../../api/client.ts';
import { Go } from '../../parts/button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import type { Tone } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';

export type Relation = Item<'listRelations'>;

export const stateWords = { holds: 'holds', failing: 'failing', unknown: 'not tried', none: 'no TLS' } as const;
export const stateTones: Readonly<Record<Relation['state'], Tone>> = {
  holds: 'ok',
  failing: 'bad',
  unknown: 'plain',
  none: 'plain',
};
const order: readonly Relation['state'][] = ['failing', 'unknown', 'holds', 'none'];
const most = 12;

export function Relations({ items }: { readonly items: readonly Relation[] }) {
  const sorted = items.toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state));
  return (
    <Rows label="Trust relations">
      {sorted.slice(0, most).map((relation) => (
        <Row
          key={relation.id}
          tone={stateTones[relation.state]}
          state={stateWords[relation.state]}
          title={
            <>
              clients of <b>{relation.policy}</b> → gateway →{' '}
              <b>
                <Hostile text={relation.service ?? relation.target} />
              </b>
            </>
          }
          detail={<LastOf relation={relation} />}
          action={
            <Go
              to="/relations/$id"
              params={{ id: relation.id }}
              label={`Show the relation of ${relation.policy} and ${relation.target}`}
            >
              Show
            </Go>
          }
        />
      ))}
      {sorted.length > most && (
        <Row title={`and ${sorted.length - most} more`} action={<Go to="/services">Services</Go>} />
      )}
    </Rows>
  );
}

function LastOf({ relation: { client, backend } }: { readonly relation: Relation }) {
  const failed = [backend, client].find(({ state }) => state === 'failing')?.lastFailure;
  if (failed !== null && failed !== undefined)
    return (
      <>
        <When at={failed.at} show="distance" />: <Hostile text={failed.detail} max={300} />
      </>
    );
  const passed = [backend.lastOk, client.lastOk].find((one) => one !== null);
  return passed === null || passed === undefined ? (
    'nobody has come through yet'
  ) : (
    <>
      last handshake <When at={passed.at} show="distance" />
    </>
  );
}
