// Everything that proves something: our certificates, the CAs that we believe, and what others have shown us. What ends first, by its
// share of lifetime, comes first.
import { useNavigate } from '@tanstack/react-router';
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { Page } from '../../parts/page.tsx';
import { Tabs } from '../../parts/tabs.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { Bundles } from './bundles.tsx';
import { Ours } from './ours.tsx';
import { Seen } from './seen.tsx';

const parts = [
  { id: 'ours', label: 'Ours' },
  { id: 'bundles', label: 'CA bundles' },
  { id: 'seen', label: 'Seen' },
] as const;

export default function Certificates() {
  const [part, setPart] = useUrlState('part', 'ours');
  const mayUpload = useMay('certificates.write');
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  useKeys({
    n: () => {
      if (part === 'bundles' && mayWrite) void navigate({ to: '/ca-bundles/new' });
      else if (mayUpload) void navigate({ to: '/certificates/new' });
    },
  });
  return (
    <Page
      title="Certificates"
      sub="What we show, whom we believe, and what others have shown us. What ends first comes first."
      actions={
        <>
          {mayUpload && (
            <Go to="/certificates/new" kind="primary">
              Add a certificate
            </Go>
          )}
          {mayWrite && (
            <Go to="/ca-bundles/new" kind="plain">
              Add a CA bundle
            </Go>
          )}
        </>
      }
    >
      <Tabs label="Certificates" tabs={parts} value={part} onChange={setPart} />
      {part === 'bundles' ? <Bundles /> : part === 'seen' ? <Seen /> : <Ours />}
    </Page>
  );
}
