import { Page } from '../../parts/page.tsx';

export default function Start() {
  return <Page title="Start">{null}</Page>;
}
