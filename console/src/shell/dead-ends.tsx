// Where there is no screen, or one fell over.
import type { ErrorComponentProps } from '@tanstack/react-router';
import { useEffect } from 'react';
import { asProblem, unreachable } from '../api/problem.ts';
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

const againMs = 3_000;

/** In the words of the bundler, Chromium, Firefox and Safari: a part of the page that nobody served. */
const isPartMissing = (error: unknown): boolean =>
  error instanceof Error &&
  /unable to preload css|dynamically imported module|importing a module script failed/i.test(error.message);

/** Browsers keep in mind what they could not import: only the page as a whole can ask again, and does where it would be served. */
async function reloadWhereServed(): Promise<void> {
  try {
    const { ok } = await fetch('/', { headers: { accept: 'text/html' }, cache: 'no-store' });
    if (ok) location.reload();
  } catch {
    // Not yet.
  }
}

export function Failed({ error, reset }: ErrorComponentProps) {
  const isMissing = isPartMissing(error);
  useEffect(() => {
    if (!isMissing) return undefined;
    const timer = setInterval(() => void reloadWhereServed(), againMs);
    return () => clearInterval(timer);
  }, [isMissing]);
  return (
    <Page title="This screen failed">
      <Panel label="Failed">
        <FailedToLoad
          problem={isMissing ? unreachable('A part of this page was not served.') : asProblem(error)}
          onRetry={reset}
        />
      </Panel>
    </Page>
  );
}
