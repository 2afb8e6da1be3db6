// Takes a revision back by a new one.
import { useNavigate } from '@tanstack/react-router';
import { useMay } from '../../api/session.tsx';
import { type Changed, useGuardedAct } from '../../parts/guarded-act.tsx';
import { GuardedButton } from '../../parts/guarded-button.tsx';
import { say } from '../../parts/toast.tsx';

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
  return (
    <GuardedButton act={revert} onPress={() => void revert.run({ params: { revision } })}>
      Revert
    </GuardedButton>
  );
}
