import { Page } from '../../parts/page.tsx';

export default function Services() {
  return <Page title="Services">{null}</Page>;
}
