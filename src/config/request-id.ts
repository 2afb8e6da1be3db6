// `gateway.requestId`: whose X-Request-Id is kept, and whether clients are told the one that counts.
import { flag, oneOf } from './atoms.ts';
import { key } from './key.ts';

export const requestIdKeys = {
  keepFrom: key(oneOf(['proxies', 'verified', 'everybody'], true), {
    says: 'Whose X-Request-Id is kept: proxies (trustedProxies), verified (also of clients with a verified certificate), everybody. Default {default}.',
    default: 'proxies',
    page: 'own. Whose `X-Request-Id` is kept, where it is at most 64 of `A-Z a-z 0-9 . _ : + / = @ -`: `proxies` (those of `proxy.trustedProxies`), `verified` (also clients whose certificate passed), `everybody`. All others get a new one.',
  }),
  respond: key(flag, {
    says: 'Whether answers carry it in X-Request-Id. Default {default}.',
    default: true,
    page: "own. Answers carry it in `X-Request-Id`, refusals too, in place of a backend's own.",
  }),
};
