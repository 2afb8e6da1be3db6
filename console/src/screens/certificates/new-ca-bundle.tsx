import { Page } from '../../parts/page.tsx';

export default function NewCaBundle() {
  return <Page title="New CA bundle">{null}</Page>;
}
