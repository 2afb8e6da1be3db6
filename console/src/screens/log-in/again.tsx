// A tab that was opened to sign in with the identity provider while another one keeps what was typed there.
import { useEffect, useRef, useState } from 'react';
import { asProblem, type Problem } from '../../api/problem.ts';
import { markWaited } from '../../api/return-to.ts';
import { Page, Panel } from '../../parts/page.tsx';
import { goToProvider } from './provider-login.tsx';
import { SignInProblem } from './sign-in-problem.tsx';

export default function Again() {
  const begun = useRef(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    markWaited();
    goToProvider().catch((error: unknown) => setProblem(asProblem(error)));
  }, []);
  return (
    <Page title="Signing in">
      <Panel label="Signing in" padded>
        {problem === null ? (
          <p role="status">On the way to the identity provider.</p>
        ) : (
          <SignInProblem problem={problem} />
        )}
      </Panel>
    </Page>
  );
}
