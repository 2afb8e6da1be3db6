// What is stored and not in force yet (202) is said as that: whoever reads "saved" must not take it for served.
import { say } from './toast.tsx';

export function sayPending(answer: unknown): void {
  const { state, revision, why } = answer as {
    readonly state?: string;
    readonly revision?: number;
    readonly why?: string | null;
  };
  if (state === 'elsewhere') say(`Stored as revision ${revision}. ${why ?? ''}`.trim());
  if (state === 'pending') say(`Stored as revision ${revision}, and not in force yet. ${why ?? ''}`.trim());
}
