import { Page } from '../../parts/page.tsx';

export default function Route() {
  return <Page title="Route">{null}</Page>;
}
