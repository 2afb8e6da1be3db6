import { Page } from '../../parts/page.tsx';

export default function Routes() {
  return <Page title="Routes">{null}</Page>;
}
