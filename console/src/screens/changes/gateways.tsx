// What each gateway runs, by its own report, and what it is to run: nothing here is assumed.
import type { Item } from '../../api/client.ts';
import { useAct, useRead } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Action, Go } from '../../parts/button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Page, Panel } from '../../parts/page.tsx';
import { Loaded } from '../../parts/states.tsx';
import { SubNavigation } from '../../parts/sub-navigation.tsx';
import { Tag } from '../../parts/tag.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';
import { GatewayTag } from './gateway-tag.tsx';
import { RevertButton } from './revert.tsx';
import { RolloutPanel } from './rollout.tsx';

type Gateway = Item<'listGateways'>;
/** Of a clock, before it is said. */
const skewMs = 30_000;

export default function Gateways() {
  const query = useRead('listGateways', {}, { everyMs: 5_000 });
  return (
    <Page
      title="Gateways"
      sub="Each tells itself what it runs: the revision, the workers, the certificates that they have loaded."
    >
      <SubNavigation of="changes" />
      <RolloutPanel />
      <Loaded query={query}>
        {({ body }) => body.items.map((gateway) => <One key={gateway.name} gateway={gateway} />)}
      </Loaded>
    </Page>
  );
}

function One({ gateway }: { readonly gateway: Gateway }) {
  const { name, isThis, state, revision, expected, generation, since, reportedAt, workers, digest, versions } = gateway;
  const { clockSkewMs, drift, store, instance, sharedWith } = gateway;
  const serving = workers.filter((worker) => worker.serving).length;
  const isOther = revision !== expected.revision;
  return (
    <Panel
      padded
      title={
        <>
          <Hostile text={name} /> {isThis && '(this one) '}
          <GatewayTag state={state} /> {expected.canary && <Tag tone="due">canary</Tag>}
        </>
      }
      label={`Gateway ${name}`}
    >
      <Facts
        items={[
          ['Revision', isOther ? `${revision}; it is to run ${expected.revision}` : String(revision)],
          [
            'Runs it since',
            <>
              <When at={since} />, as generation {generation}
            </>,
          ],
          ['Reported', <When key="reported" at={reportedAt} show="distance" />],
          ['Workers', `${serving} of ${workers.length} serve`],
          ['Certificates loaded', String(gateway.certificateCount)],
          versions === null
            ? undefined
            : [
                'Versions',
                <Hostile
                  key="versions"
                  text={`Countersign ${versions.countersign}, Node ${versions.node}, OpenSSL ${versions.openssl}`}
                />,
              ],
          instance === null
            ? undefined
            : ['Where', <Hostile key="where" text={`${instance.machine}, ${instance.url}`} max={300} />],
          [
            'Digest',
            <span key="digest" className="mono">
              {digest.slice(0, 16)}…
            </span>,
          ],
          clockSkewMs === null || Math.abs(clockSkewMs) < skewMs
            ? undefined
            : [
                'Clock',
                <>
                  <Tag tone="due">wrong</Tag> {Math.round(Math.abs(clockSkewMs) / 1000)} s{' '}
                  {clockSkewMs > 0 ? 'ahead of' : 'behind'} that of the store
                </>,
              ],
          sharedWith === null
            ? undefined
            : [
                'Name',
                <>
                  <Tag tone="bad">taken twice</Tag>{' '}
                  <Hostile text={`${sharedWith.machine}, ${sharedWith.url}`} max={300} /> reports under it too. Give
                  each a gateway.name of its own.
                </>,
              ],
          drift.length === 0 ? undefined : ['Drift', <Drifts key="drift" drift={drift} />],
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
          gateway.refused === null ? undefined : ['Refused', <Refused key="refused" refused={gateway.refused} />],
        ]}
      />
      {state === 'silent' && <ForgetButton name={name} />}
    </Panel>
  );
}

function Drifts({ drift }: Pick<Gateway, 'drift'>) {
  return (
    <ul>
      {drift.map(({ kind, key, sentence, help, since }) => (
        <li key={`${kind} ${key}`}>
          <Tag tone="bad">{kind}</Tag> <Hostile text={sentence} max={600} />, since <When at={since} />.{' '}
          <Hostile text={help} max={600} />
        </li>
      ))}
    </ul>
  );
}

function Refused({ refused }: { readonly refused: NonNullable<Gateway['refused']> }) {
  const { at, why, revision, problems } = refused;
  return (
    <>
      {revision === null ? 'its file' : <Revision number={revision} />}, <When at={at} />:{' '}
      <Hostile text={why} max={600} />. What ran before goes on.
      <ul>
        {problems.map(({ message, hint, place, code }) => (
          <li key={`${place} ${message}`}>
            <span className="mono">
              <Hostile text={place} max={300} />
            </span>{' '}
            <Hostile text={message} max={600} /> <Hostile text={hint} max={600} /> <span className="mono">{code}</span>
          </li>
        ))}
      </ul>
      {revision !== null && <RevertButton revision={String(revision)} />}
    </>
  );
}

function Revision({ number }: { readonly number: number }) {
  return (
    <Go to="/changes/$revision" params={{ revision: String(number) }} label={`Revision ${number}`}>
      revision {number}
    </Go>
  );
}

function ForgetButton({ name }: { readonly name: string }) {
  const may = useMay('gateways.write');
  const forget = useAct('removeGateway', { onDone: () => say(`Gateway ${name} is forgotten.`) });
  if (!may) return null;
  return (
    <>
      <Action isPending={forget.isRunning} onPress={() => void forget.run({ params: { name } })}>
        Remove from the list
      </Action>
      {forget.problem !== null && <div role="alert">{forget.problem.message}</div>}
    </>
  );
}
