// Back from the identity provider. What it sent the browser with is taken out of the address at once, and sent from here: as a request of
// our own page it carries the cookie of the login, which no redirect from another site does.
import { useNavigate } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { send } from '../../api/client.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { keepReturn, takeReturn, takeWaited } from '../../api/return-to.ts';
import { type Me, tellEntered, useSession } from '../../api/session.tsx';
import { Action, Go } from '../../parts/button.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty } from '../../parts/states.tsx';
import { goToProvider } from './provider-login.tsx';
import { SignInProblem } from './sign-in-problem.tsx';

export default function Callback() {
  const { entered } = useSession();
  const navigate = useNavigate();
  const begun = useRef(false);
  const [answer] = useState(() => location.search.slice(1));
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isDone, setDone] = useState(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    history.replaceState(history.state, '', '/log-in/callback');
    const finish = async (): Promise<void> => {
      const { body } = await send<Me>('logInByProvider', { body: { answer } });
      tellEntered();
      if (takeWaited()) setDone(true);
      else await navigate({ to: takeReturn(), replace: true });
      entered(body);
    };
    finish().catch((error: unknown) => setProblem(asProblem(error)));
  }, [answer, entered, navigate]);
  if (isDone)
    return (
      <Page title="You are signed in">
        <Panel label="Signed in">
          <Empty title="Go back to the tab that you came from" actions={<Go to="/">To the overview</Go>}>
            <p>It goes on where you were. You can close this one.</p>
          </Empty>
        </Panel>
      </Page>
    );
  if (problem === null)
    return (
      <Page title="Signing in">
        <Panel label="Signing in">
          <p role="status">The gateway asks the identity provider who you are.</p>
        </Panel>
      </Page>
    );
  return <NotIn problem={problem} />;
}

function NotIn({ problem: first }: { readonly problem: Problem }) {
  const [problem, setProblem] = useState(first);
  const [isRunning, setRunning] = useState(false);
  const again = async (): Promise<void> => {
    setRunning(true);
    try {
      keepReturn(takeReturn());
      await goToProvider();
    } catch (error) {
      setProblem(asProblem(error));
      setRunning(false);
    }
  };
  return (
    <Page title="You are not signed in">
      <Panel label="Not signed in" padded>
        <SignInProblem problem={problem} />
        <Action kind="primary" isPending={isRunning} onPress={() => void again()}>
          Try again
        </Action>{' '}
        <Go to="/" kind="plain">
          Log in another way
        </Go>
      </Panel>
    </Page>
  );
}
