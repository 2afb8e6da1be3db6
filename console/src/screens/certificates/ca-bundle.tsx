import { Page } from '../../parts/page.tsx';

export default function CaBundle() {
  return <Page title="CA bundle">{null}</Page>;
}
