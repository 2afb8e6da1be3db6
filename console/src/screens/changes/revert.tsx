// Takes a revision back by a new one.
import { useNavigate } from '@tanstack/react-router';
import { useMay } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';
import { type Changed, useGuardedAct } from '../../parts/guarded-act.tsx';
import { say } from '../../parts/toast.tsx';
import { Problem } from '../../api/problem.ts';

export function RevertButton({ revision }: { readonly revision: string }) {
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  const revert = useGuardedAct('revertChange', {
    title: `Revert revision ${revision}?`,
    act: 'Revert',
    onDone: ({ body }) => {
      const { revision: made, state } = body as Changed;
      if (state === 'unchanged') {
        say('Everything that it changed has been taken back already.');
        return;
      }
      say(`Revision ${revision} is taken back by revision ${made}.`);
      void navigate({ to: '/changes/$revision', params: { revision: String(made) } });
    },
  });
  if (!mayWrite) return null;
  const { problem } = revert;
  return (
    <>
      <Action isPending={revert.isRunning} onPress={() => void revert.run({ params: { revision } })}>
        Revert
      </Action>
      {revert.dialog}
      {problem !== null && (
        <div role="alert">
          {problem.message}
          {problem instanceof Problem && (problem.errors ?? []).map(({ detail }) => <p key={detail}>{detail}</p>)}
        </div>
      )}
    </>
  );
}
