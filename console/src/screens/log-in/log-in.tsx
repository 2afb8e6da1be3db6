// Nobody is logged in. Where there is no user yet, how the first one is made.
import { useRead } from '../../api/queries.ts';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty } from '../../parts/states.tsx';
import { CertificateLogin } from './certificate-login.tsx';
import { LogInForm } from './log-in-form.tsx';
import { ProviderLogin } from './provider-login.tsx';

export default function LogIn() {
  const { data } = useRead('getSetup', {});
  if (data?.body.needed === true)
    return (
      <Page title="There is no user yet">
        <Panel label="First user">
          <Empty title="Open the setup link">
            <p>
              The gateway wrote it into its log at its start, and into the terminal where it has one: “this link makes
              the first administrator”. It works once and for an hour; a restart makes another.
            </p>
          </Empty>
          {data.body.provider !== undefined && <ProviderLogin name={data.body.provider.name} />}
        </Panel>
      </Page>
    );
  return (
    <Page title="Log in">
      <Panel label="Log in">
        {data?.body.provider !== undefined && <ProviderLogin name={data.body.provider.name} />}
        {data?.body.certificate !== undefined && <CertificateLogin shown={data.body.certificate} />}
        <LogInForm />
      </Panel>
    </Page>
  );
}
