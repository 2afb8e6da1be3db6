import { Page } from '../../parts/page.tsx';

export default function TestRequest() {
  return <Page title="Test request">{null}</Page>;
}
