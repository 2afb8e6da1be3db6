import { Page } from '../../parts/page.tsx';

export default function Relation() {
  return <Page title="Relation">{null}</Page>;
}
