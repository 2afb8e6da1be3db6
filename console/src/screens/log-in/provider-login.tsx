// The identity provider as a way in. Whether it answers is found when somebody wants to go there: until then nobody is asked.
import { useState } from 'react';
import { send } from '../../api/client.ts';
import { asProblem, type Problem } from '../../api/problem.ts';
import { keepReturn } from '../../api/return-to.ts';
import { Action } from '../../parts/button.tsx';
import { SignInProblem } from './sign-in-problem.tsx';

/** Leaves for the provider. Rejects where that cannot be. */
export async function goToProvider(): Promise<void> {
  const { body } = await send<{ readonly url: string }>('beginByProvider', {});
  location.assign(body.url);
}

export function ProviderLogin({ name }: { readonly name: string }) {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [isRunning, setRunning] = useState(false);
  const begin = async (): Promise<void> => {
    setRunning(true);
    setProblem(null);
    try {
      keepReturn(`${location.pathname}${location.search}`);
      await goToProvider();
    } catch (error) {
      setProblem(asProblem(error));
      setRunning(false);
    }
  };
  return (
    <>
      <Action kind="primary" isPending={isRunning} onPress={() => void begin()}>
        Sign in with {name}
      </Action>
      {problem !== null && <SignInProblem problem={problem} />}
    </>
  );
}

/** In a tab of its own, so that what was typed here stays; it says here when it is done. */
export function ProviderLoginElsewhere({ name }: { readonly name: string }) {
  const [isOpen, setOpen] = useState(false);
  const open = (): void => {
    window.open('/log-in/again', '_blank', 'noopener');
    setOpen(true);
  };
  return (
    <>
      <Action kind="primary" onPress={open}>
        Sign in with {name}, in a new tab
      </Action>
      {isOpen && <p role="status">Sign in there, then come back: this page goes on by itself.</p>}
    </>
  );
}
