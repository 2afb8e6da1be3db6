import { Page } from '../../parts/page.tsx';

export default function Changes() {
  return <Page title="Changes">{null}</Page>;
}
