// One revision: what it changed, field by field, and the way back.
import { useParams } from '@tanstack/react-router';
import type { Answer } from '../../api/client.ts';
import { useRead } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Row, Rows } from '../../parts/rows.tsx';
import { Empty, Loaded } from '../../parts/states.tsx';
import { When } from '../../parts/when.tsx';
import { RevertButton } from './revert.tsx';

type Difference = Answer<'getChange'>['differences'][number];

const kinds: Readonly<Record<string, string>> = {
  certificates: 'certificate',
  caBundles: 'CA bundle',
  services: 'service',
  routes: 'route',
  policies: 'policy',
  middlewares: 'middleware',
};
const tones = { added: 'ok', removed: 'bad', changed: 'due' } as const;

export default function Change() {
  const { revision } = useParams({ strict: false }) as { readonly revision: string };
  const query = useRead('getChange', { params: { revision } });
  return (
    <Page
      title={`Revision ${revision}`}
      actions={
        <>
          <RevertButton revision={revision} />
          <Go to="/changes">All changes</Go>
        </>
      }
    >
      <Loaded query={query}>
        {({ body: { actor, at, reason, digest, differences, canary } }) => (
          <>
            <Panel label="Who and when" padded>
              <Facts
                items={[
                  ['Who', <Hostile key="who" text={actor} />],
                  ['For', canary === null ? 'all gateways' : <Hostile key="for" text={canary.join(', ')} max={500} />],
                  ['When', <When key="when" at={at} />],
                  ['Why', reason === null ? 'nobody said' : <Hostile key="why" text={reason} max={2000} />],
                  [
                    'Digest',
                    <span key="digest" className="mono">
                      {digest}
                    </span>,
                  ],
                ]}
              />
            </Panel>
            <Panel title="What is different from the revision before">
              {differences.length === 0 ? (
                <Empty title="Nothing is different" />
              ) : (
                <Rows label="Differences">
                  {differences.map((one) => (
                    <Row
                      key={`${one.kind} ${one.id}`}
                      tone={tones[one.change]}
                      state={one.change}
                      title={
                        <>
                          {kinds[one.kind] ?? one.kind} <b>{one.id}</b>
                        </>
                      }
                      detail={<Fields {...one} />}
                    />
                  ))}
                </Rows>
              )}
            </Panel>
          </>
        )}
      </Loaded>
    </Page>
  );
}

function Fields({ fields, more }: Difference) {
  if (fields.length === 0) return null;
  return (
    <ul>
      {fields.map(({ pointer, ...values }) => (
        <li key={pointer}>
          <span className="mono">{pointer === '' ? 'all of it' : pointer}</span>
          {'before' in values && (
            <>
              {' was '}
              <Hostile text={shown(values['before'])} mono max={300} />
            </>
          )}
          {'after' in values && (
            <>
              {' is now '}
              <Hostile text={shown(values['after'])} mono max={300} />
            </>
          )}
        </li>
      ))}
      {more && <li>and more</li>}
    </ul>
  );
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
