// Where there is no screen, or one fell over.
import type { ErrorComponentProps } from '@tanstack/react-router';
import { asProblem } from '../api/problem.ts';
import { Go } from '../parts/button.tsx';
import { Page, Panel } from '../parts/page.tsx';
import { Empty, FailedToLoad } from '../parts/states.tsx';

export function NoSuchPage() {
  return (
    <Page title="There is no such page">
      <Panel label="Not found">
        <Empty
          title="Nothing is at this address"
          actions={
            <Go to="/" kind="plain">
              To the overview
            </Go>
          }
        >
          <p>It may have been renamed or removed since the link was made.</p>
        </Empty>
      </Panel>
    </Page>
  );
}

export function Failed({ error, reset }: ErrorComponentProps) {
  return (
    <Page title="This screen failed">
      <Panel label="Failed">
        <FailedToLoad problem={asProblem(error)} onRetry={reset} />
      </Panel>
    </Page>
  );
}
