import { Page } from '../../parts/page.tsx';

export default function ClientPolicy() {
  return <Page title="Policy">{null}</Page>;
}
