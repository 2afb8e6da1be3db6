// Why nobody came in by the identity provider, and what to do: in the words of the log.
import type { Problem } from '../../api/problem.ts';

export function SignInProblem({ problem }: { readonly problem: Problem }) {
  const { hint, fault } = problem.document;
  return (
    <div role="alert">
      <p>{problem.message}</p>
      {typeof hint === 'string' && <p>{hint}</p>}
      {problem.code === 'provider_unavailable' && <p>Other ways to log in work as before.</p>}
      {typeof fault === 'string' && (
        <p>
          <small>
            Code: <code>{fault}</code>
          </small>
        </p>
      )}
    </div>
  );
}
