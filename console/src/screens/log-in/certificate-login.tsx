// The certificate that the browser showed: a login by it where it has a role, and why it has none otherwise.
import { useState } from 'react';
import { send } from '../../api/client.ts';
import { asProblem } from '../../api/problem.ts';
import { type Me, useSession } from '../../api/session.tsx';
import { Action } from '../../parts/button.tsx';

export type ShownCertificate = {
  readonly role: string | null;
  readonly subject: string | null;
  readonly why: string | null;
};

export function CertificateLogin({ shown }: { readonly shown: ShownCertificate }) {
  const { entered } = useSession();
  const [problem, setProblem] = useState<Error | null>(null);
  const logIn = async (): Promise<void> => {
    try {
      const { body } = await send<Me>('logInByCertificate', {});
      entered(body);
    } catch (error) {
      setProblem(asProblem(error));
    }
  };
  if (shown.role === null) return <p>{shown.why} Log in with a password.</p>;
  return (
    <>
      <p>
        Your browser shows the certificate “{shown.subject}”, role {shown.role}.
      </p>
      <Action onPress={() => void logIn()}>Log in with the certificate</Action>
      {problem !== null && <p role="alert">{problem.message}</p>}
    </>
  );
}
