// `gateway.tls.sessionResumption`: how long TLS sessions live, and the keys of their tickets.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { duration, durationBetween, flag, map, text } from './atoms.ts';
import type { TlsConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { readRef } from './reading.ts';

export const sessionResumptionKeys = {
  enabled: key(flag, { says: 'Default {default}.', default: true, restricts: true, page: 'own.' }),
  lifetime: key(duration, {
    says: 'Default {default}.',
    default: '1h',
    page: 'own. From the handshake in which a client proves its key, however often it resumes. Up to `168h`.',
  }),
  keys: key(text, {
    says: 'Ticket keys shared by several nodes: path, PEM text, or base64 of PEM or DER.',
    page: 'own. `S`: ticket keys shared by several nodes.',
  }),
  rotation: key(durationBetween('1m', '168h'), {
    says: 'Ticket keys change at each multiple of this on the clock; {min} to {max}. Default {default}.',
    default: '12h',
    restricts: true,
    page: 'own. Ticket keys change at every multiple of this on the clock (`{min}` to `{max}`); a session whose key is gone costs a full handshake.',
  }),
};
const sessionResumption = map(sessionResumptionKeys);

export function readResumption(
  shape: z.output<typeof sessionResumption>,
  at: Cursor,
  problems: ProblemList,
): TlsConfig['sessionResumption'] {
  return {
    enabled: shape.enabled,
    lifetimeMs: readLifetime(shape.lifetime, at, problems),
    keys: readRef(shape.keys, at, 'keys', problems),
    rotationMs: shape.rotation,
  };
}

function readLifetime(ms: number, at: Cursor, problems: ProblemList): number {
  // RFC 8446 section 4.6.1: tickets live seven days at most.
  const week = 7 * 24 * 3_600_000;
  if (ms === 0 || ms > week)
    problems.error(
      'bad_lifetime',
      at.down('lifetime').place,
      'the lifetime of sessions is not between 1ms and 168h',
      'To switch resumption off write `enabled: false`.',
    );
  return ms;
}
