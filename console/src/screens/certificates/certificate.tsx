import { Page } from '../../parts/page.tsx';

export default function Certificate() {
  return <Page title="Certificate">{null}</Page>;
}
