import { Page } from '../../parts/page.tsx';

export default function Service() {
  return <Page title="Service">{null}</Page>;
}
