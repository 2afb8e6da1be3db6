import { Page } from '../../parts/page.tsx';

export default function NewRoute() {
  return <Page title="New route">{null}</Page>;
}
