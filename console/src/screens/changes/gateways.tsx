// What each gateway runs, by its own report: nothing here is assumed.
import type { Item } from '../../api/client.ts';
import { useRead, useReadAll } from '../../api/queries.ts';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { Tag } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';

type Gateway = Item<'listGateways'>;

export default function Gateways() {
  const query = useRead('listGateways', {}, { everyMs: 5_000 });
  const changes = useReadAll('listChanges', {}, { everyMs: 10_000 });
  const newest = changes.data?.items[0]?.revision;
  return (
    <Page
      title="Gateways"
      sub="Each tells itself what it runs: the revision, the workers, the certificates that they have loaded."
    >
      <SubNavigation of="changes" />
      <Loaded query={query}>
        {({ body }) => body.items.map((gateway) => <One key={gateway.name} gateway={gateway} newest={newest} />)}
      </Loaded>
    </Page>
  );
}

function One({ gateway, newest }: { readonly gateway: Gateway; readonly newest: number | undefined }) {
  const { name, isThis, revision, generation, since, reportedAt, refused, store, workers, digest } = gateway;
  const serving = workers.filter((worker) => worker.serving).length;
  const isBehind = newest !== undefined && revision < newest;
  return (
    <Panel
      padded
      title={
        <>
          <Hostile text={name} /> {isThis && '(this one) '}
          {refused !== null ? (
            <Tag tone="bad">refused a change</Tag>
          ) : isBehind ? (
            <Tag tone="due">behind</Tag>
          ) : (
            <Tag tone="ok">current</Tag>
          )}
        </>
      }
      label={`Gateway ${name}`}
    >
      <Facts
        items={[
          ['Revision', isBehind ? `${revision}; the newest is ${newest}` : String(revision)],
          [
            'Runs it since',
            <>
              <When at={since} />, as generation {generation}
            </>,
          ],
          ['Reported', <When key="reported" at={reportedAt} show="distance" />],
          ['Workers', `${serving} of ${workers.length} serve`],
          ['Certificates loaded', String(gateway.certificateCount)],
          [
            'Digest',
            <span key="digest" className="mono">
              {digest.slice(0, 16)}…
            </span>,
          ],
          store === null
            ? undefined
            : [
                'Store',
                store.problem === null ? (
                  'reachable'
                ) : (
                  <>
                    <Tag tone="bad">out of reach</Tag> {store.problem.message}. {store.problem.help}
                  </>
                ),
              ],
          refused === null
            ? undefined
            : [
                'Refused',
                <>
                  <When at={refused.at} />: <Hostile text={refused.why} max={600} />. What ran before goes on.
                  <ul>
                    {refused.problems.map(({ message, hint, place }) => (
                      <li key={`${place} ${message}`}>
                        <span className="mono">{place}</span> <Hostile text={message} max={600} /> {hint}
                      </li>
                    ))}
                  </ul>
                </>,
              ],
        ]}
      />
    </Panel>
  );
}
