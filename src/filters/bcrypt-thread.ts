// The thread that compares passwords with bcrypt hashes: some hundred milliseconds of one core each, which no request should
// wait for. Started by bcrypt-checker.ts; does its work when it is imported.
import { parentPort } from 'node:worker_threads';
import { compareSync } from 'bcryptjs';

export type BcryptOrder = { readonly id: number; readonly password: string; readonly hash: string };

/** `fits` undefined: it could not be computed. */
export type BcryptAnswer = { readonly id: number; readonly fits: boolean | undefined };

parentPort?.on('message', ({ id, password, hash }: BcryptOrder) => {
  let fits: boolean | undefined;
  try {
    fits = compareSync(password, hash);
  } catch {
    // The error may hold what was compared.
  }
  parentPort?.postMessage({ id, fits } satisfies BcryptAnswer);
});
