import { Page } from '../../parts/page.tsx';

export default function NewService() {
  return <Page title="New service">{null}</Page>;
}
