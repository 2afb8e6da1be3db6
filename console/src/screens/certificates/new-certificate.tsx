import { Page } from '../../parts/page.tsx';

export default function NewCertificate() {
  return <Page title="Add a certificate">{null}</Page>;
}
