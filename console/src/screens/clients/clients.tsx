import { Page } from '../../parts/page.tsx';

export default function Clients() {
  return <Page title="Clients and listeners">{null}</Page>;
}
