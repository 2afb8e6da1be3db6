// The session ended while somebody worked: over what he was doing, so that nothing of it is lost.
import { useRead } from '../../api/queries.ts';
import { useMe, useSession } from '../../api/session.tsx';
import { OpenDialog } from '../../parts/dialog.tsx';
import { CertificateLogin } from './certificate-login.tsx';
import { LogInForm } from './log-in-form.tsx';
import { ProviderLoginElsewhere } from './provider-login.tsx';

export default function LogInAgain() {
  const { gaveUp } = useSession();
  const { user } = useMe();
  const { data } = useRead('getSetup', {});
  return (
    <OpenDialog title="Your session has ended" onClose={gaveUp} isFirm>
      <p>Log in again; what you typed is still there, and what you sent is sent then.</p>
      {data?.body.provider !== undefined && <ProviderLoginElsewhere name={data.body.provider.name} />}
      {data?.body.certificate !== undefined && <CertificateLogin shown={data.body.certificate} />}
      <LogInForm name={user.name} onCancel={gaveUp} />
    </OpenDialog>
  );
}
