// The thread that builds CRLs, so that a million entries stall nobody's event loop. Started by builder.ts; does its work
// when it is imported. One order at a time; whatever goes wrong with one is its answer.
import { parentPort } from 'node:worker_threads';
import { type BuiltCrl, buildCrls, type CrlOrder } from './build.ts';
import { type CrlRejectionCode, refusalOf } from './rejection.ts';

export type ThreadOrder = CrlOrder & { readonly id: number };

export type ThreadAnswer = { readonly id: number } & (
  | { readonly ok: true; readonly crls: readonly BuiltCrl[] }
  | { readonly ok: false; readonly code: CrlRejectionCode; readonly message: string; readonly hint: string }
);

parentPort?.on('message', (order: ThreadOrder) => {
  try {
    const crls = buildCrls(order);
    const buffers = crls.flatMap((crl) => ('index' in crl ? [crl.index.buffer as ArrayBuffer] : []));
    parentPort?.postMessage({ id: order.id, ok: true, crls } satisfies ThreadAnswer, buffers);
  } catch (error) {
    const { code, message, hint } = refusalOf(error);
    parentPort?.postMessage({ id: order.id, ok: false, code, message, hint } satisfies ThreadAnswer);
  }
});
