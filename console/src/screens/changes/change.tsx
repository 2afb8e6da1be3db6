import { Page } from '../../parts/page.tsx';

export default function Change() {
  return <Page title="Change">{null}</Page>;
}
