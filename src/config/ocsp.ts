// `ocsp` of client authentication: whom to ask about a certificate, and what holds where no answer comes.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { closedMap, durationBetween, oneOf, oneOrMore, text } from './atoms.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import type { OcspConfig } from './gateway-config.ts';
import { readHostNames } from './host-names.ts';
import { key } from './key.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportEmpty, reportMistake } from './reading.ts';

export const ocspShape = closedMap({
  mode: key(oneOf(['off', 'soft', 'hard'], true), {
    says: 'Required. hard: what is not known to be good is refused. soft: only what is known to be revoked is.',
    unset: 'required',
    restricts: true,
    page: '`hard`: what is not known to be good is refused. `soft`: only what is known to be revoked is; whoever can block the responder gets a revoked certificate through (warning). `off`: as if the block were not there.',
  }),
  responder: key(text, {
    says: 'http(s) URL of the responder. Default: the one in the certificate (allowedHosts).',
    unset: 'the one in the certificate',
    page: '`http://` or `https://` URL.',
  }),
  allowedHosts: key(oneOrMore(text), {
    says: 'Hosts of responders that certificates may name. Default: none, so only `responder` is asked.',
    default: [],
    page: 'One or a list: hosts of responders that certificates may name. Neither this nor `responder`: error, nobody could be asked.',
  }),
  timeout: key(durationBetween('100ms', '10s'), {
    says: 'For one question; {min} to {max}, below tls.handshakeTimeout. Default {default}.',
    default: '2s',
    page: 'For one question; `{min}` to `{max}`, and shorter than `handshakeTimeout`.',
  }),
  refresh: key(durationBetween('10s', '168h'), {
    says: 'Longest time that an answer is relied on, {min} to {max}; shorter where its nextUpdate is nearer. Default {default}.',
    default: '10m',
    restricts: true,
    page: 'Longest time that an answer is relied on, `{min}` to `{max}`; shorter where its `nextUpdate` is nearer.',
  }),
});
type OcspShape = z.output<typeof ocspShape>;

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
  const allowedHosts = readHostNames(shape.allowedHosts, at.down('allowedHosts'), problems);
  const { timeout: timeoutMs, refresh: refreshMs } = shape;
  if (mode === undefined || mode === 'off') return undefined;
  if (timeoutMs >= handshakeTimeoutMs && !at.isBroken('timeout'))
    problems.error(
      'long_timeout',
      at.has('timeout') ? at.down('timeout').place : at.place,
      'the timeout of ocsp is not shorter than tls.handshakeTimeout: the handshake would end before the answer counts',
      'Give a shorter timeout, or a longer handshakeTimeout.',
    );
  if (
    shape.responder === undefined &&
    shape.allowedHosts.length === 0 &&
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
