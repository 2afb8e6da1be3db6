import { Page } from '../../parts/page.tsx';

export default function Gateways() {
  return <Page title="Gateways">{null}</Page>;
}
