// The session ended while somebody worked: over what he was doing, so that nothing of it is lost.
import { useMe, useSession } from '../../api/session.tsx';
import { OpenDialog } from '../../parts/dialog.tsx';
import { LogInForm } from './log-in-form.tsx';

export default function LogInAgain() {
  const { gaveUp } = useSession();
  const { user } = useMe();
  return (
    <OpenDialog title="Your session has ended" onClose={gaveUp} isFirm>
      <p>Log in again; what you typed is still there, and what you sent is sent then.</p>
      <LogInForm name={user.name} onCancel={gaveUp} />
    </OpenDialog>
  );
}
