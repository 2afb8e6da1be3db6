// `ocsp` of client authentication: whom to ask about a certificate, and what holds where no answer comes.
import type { Cursor } from '../yaml/cursor.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import type { OcspConfig } from './gateway-config.ts';
import { readHostNames } from './read-host-names.ts';
import type { OcspShape } from './identity-shape.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readBetween, reportEmpty, reportMistake } from './reading.ts';

/** More is reported as out of range already. */
const maxTimeoutMs = 10_000;

/** The block under `ocsp` of `around`; undefined where it is absent or off (then it is checked all the same). */
export function readOcsp(
  shape: OcspShape | undefined,
  around: Cursor,
  handshakeTimeoutMs: number,
  problems: ProblemList,
): OcspConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'ocsp', problems);
  const at = around.down('ocsp');
  const { mode } = shape;
  if (mode === undefined && !at.isBroken('mode'))
    problems.error(
      'missing_key',
      at.place,
      'ocsp has no `mode`',
      'hard: no good answer, no connection. soft: only what is known to be revoked is refused. off.',
    );
  reportEmpty(at, 'responder', problems);
  reportEmpty(at, 'allowedHosts', problems);
  const responder = readResponder(shape.responder, at.down('responder'), problems);
  const allowedHosts = readHostNames(shape.allowedHosts ?? [], at.down('allowedHosts'), problems);
  const timeoutMs = readBetween(shape.timeout, 2000, ['100ms', '10s'], at, 'timeout', problems);
  const refreshMs = readBetween(shape.refresh, 600_000, ['10s', '168h'], at, 'refresh', problems);
  if (mode === undefined || mode === 'off') return undefined;
  if (timeoutMs >= handshakeTimeoutMs && timeoutMs <= maxTimeoutMs)
    problems.error(
      'long_timeout',
      at.has('timeout') ? at.down('timeout').place : at.place,
      'the timeout of ocsp is not shorter than tls.handshakeTimeout: the handshake would end before the answer counts',
      'Give a shorter timeout, or a longer handshakeTimeout.',
    );
  if (
    shape.responder === undefined &&
    (shape.allowedHosts ?? []).length === 0 &&
    !at.isBroken('responder') &&
    !at.isBroken('allowedHosts')
  )
    problems.error(
      'nobody_to_ask',
      at.keyPlace('mode'),
      `ocsp has neither responder nor allowedHosts, so nobody could be asked: ${mode === 'hard' ? 'everybody would be refused' : 'no certificate would be checked'}`,
      'Give responder, or list the hosts that certificates may name in allowedHosts.',
    );
  if (mode === 'soft')
    problems.warn(
      'revocation_open',
      at.keyPlace('mode'),
      'soft: a revoked certificate passes while the responder gives no answer, and whoever can block it can bring that about',
      'Write hard.',
    );
  return { mode, responder, allowedHosts, timeoutMs, refreshMs, place: at.place };
}

function readResponder(text: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (text === undefined) return undefined;
  const reading = parseFetchUrl(text);
  if ('url' in reading) return reading.url;
  reportMistake(problems, 'bad_url', at, withoutPassword(text), {
    ...reading,
    hint: reading.hint.startsWith('For example') ? 'For example http://ocsp.example.com.' : reading.hint,
  });
  return undefined;
}
