import { Page } from '../../parts/page.tsx';

export default function Certificates() {
  return <Page title="Certificates">{null}</Page>;
}
