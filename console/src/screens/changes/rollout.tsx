// What is on trial on some gateways: who put it there, how each of them does with it, and the two ways to end it.
import { useMay } from '../../api/session.tsx';
import { useRead } from '../../api/queries.ts';
import type { Item } from '../../api/client.ts';
import { Go } from '../../parts/button.tsx';
import { type Changed, useGuardedAct } from '../../parts/guarded-act.tsx';
import { GuardedButton } from '../../parts/guarded-button.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { Facts, Panel } from '../../parts/page.tsx';
import { Tag } from '../../parts/tag.tsx';
import { say } from '../../parts/toast.tsx';
import { When } from '../../parts/when.tsx';
import { GatewayTag } from './gateway-tag.tsx';
import css from './changes.module.css';
import { RevertButton } from './revert.tsx';

/** Nothing where nothing is on trial. */
export function RolloutPanel() {
  const query = useRead('listGateways', {}, { everyMs: 5_000 });
  const { rollout, items = [] } = query.data?.body ?? {};
  if (rollout === null || rollout === undefined) return null;
  const { revision, base, gateways, actor, at, reason } = rollout;
  const name = String(revision);
  return (
    <Panel
      label="On trial"
      title={
        <>
          Revision{' '}
          <Go to="/changes/$revision" params={{ revision: name }} label={`Revision ${name}, on trial`}>
            {revision}
          </Go>{' '}
          is on trial <Tag tone="due">canary</Tag>
        </>
      }
    >
      <Facts
        items={[
          ['Who', <Hostile key="who" text={actor} />],
          ['Since', <When key="since" at={at} />],
          ['Why', reason === null ? 'nobody said' : <Hostile key="why" text={reason} max={2000} />],
          ['Tried by', <Tried key="tried" names={gateways} items={items} />],
          ['All others', `run revision ${base}`],
        ]}
      />
      <div className={css['acts']}>
        <PromoteButton revision={name} />
        <RevertButton revision={name} />
      </div>
    </Panel>
  );
}

type Gateway = Item<'listGateways'>;

function Tried({ names, items }: { readonly names: readonly string[]; readonly items: readonly Gateway[] }) {
  return (
    <ul>
      {names.map((name) => {
        const gateway = items.find((one) => one.name === name);
        return (
          <li key={name}>
            <Hostile text={name} /> {gateway === undefined ? <Tag tone="bad">gone</Tag> : <GatewayTag {...gateway} />}
          </li>
        );
      })}
    </ul>
  );
}

function PromoteButton({ revision }: { readonly revision: string }) {
  const mayWrite = useMay('config.write');
  const promote = useGuardedAct('promoteChange', {
    title: `Promote revision ${revision} to all gateways?`,
    act: 'Promote',
    onDone: ({ body }) => {
      const { revision: made } = body as Changed;
      say(`Revision ${revision} is for all gateways now, as revision ${made}.`);
    },
  });
  if (!mayWrite) return null;
  return (
    <GuardedButton act={promote} onPress={() => void promote.run({ params: { revision } })}>
      Promote
    </GuardedButton>
  );
}
