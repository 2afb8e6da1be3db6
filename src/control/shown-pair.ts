// A certificate of ours that somebody is shown, as the API tells it.
import { z } from 'zod';
import { escapeForLog } from '../base/log-text.ts';
import { isNearExpiry } from '../certs/expiry.ts';
import { timeOf } from './times.ts';
import type { ShownPair } from './view.ts';

const maxText = 256;

export const expiryState = z.enum(['valid', 'expiresSoon', 'expired', 'notYetValid']);
export type ExpiryState = z.output<typeof expiryState>;

export function expiryStateOf(
  lifetime: { notBefore: number; notAfter: number; isCa?: boolean },
  now: number,
): ExpiryState {
  if (now > lifetime.notAfter) return 'expired';
  if (now < lifetime.notBefore) return 'notYetValid';
  return isNearExpiry(lifetime, now) ? 'expiresSoon' : 'valid';
}

export const shownPair = z.strictObject({
  id: z.string().nullable().describe('Null: it stands in the configuration without an id.'),
  subject: z.string(),
  sha256: z.string().describe("Of the leaf; '' for one that was made for this run."),
  names: z.array(z.string()),
  notBefore: z.iso.datetime(),
  notAfter: z.iso.datetime(),
  state: expiryState,
});

export function showPair(pair: ShownPair, now: number): z.output<typeof shownPair> {
  return {
    id: pair.id,
    subject: escapeForLog(pair.subject, maxText),
    sha256: pair.sha256,
    names: pair.names.map((name) => escapeForLog(name, maxText)),
    notBefore: timeOf(pair.notBefore),
    notAfter: timeOf(pair.notAfter),
    state: expiryStateOf(pair, now),
  };
}
