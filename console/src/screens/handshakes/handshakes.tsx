import { Page } from '../../parts/page.tsx';

export default function Handshakes() {
  return <Page title="Handshakes">{null}</Page>;
}
