// Why TLS did not come about before the server showed a certificate: it speaks something else, another version, no cipher of
// ours, does not know the name, or says nothing. Asks once more, differently, where that tells which.
import { escapeForLog } from '../base/log-text.ts';
import { findAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import { deadlineRaw, type TimeLeft } from './connect.ts';
import type { ProbeEvidence } from './probe-tls.ts';
import { type Place, SecondLook } from './second-look.ts';
import { broken, type Step } from './step.ts';
import type { Target } from './target.ts';

/** The failed step. Never rejects. */
export async function explainTlsFailure(
  evidence: ProbeEvidence,
  target: Target,
  place: Place,
  time: TimeLeft,
): Promise<Step> {
  const { failure, firstBytes } = evidence;
  const raw = failure?.raw ?? '';
  const offer = describeOffer(target);
  const fail = (code: Parameters<typeof broken>[2]['code'], cause: string, remedy?: string): Step =>
    broken('tls', offer, { code, cause, raw, ...(remedy === undefined ? {} : { remedy }) });
  if (firstBytes.length > 0 && !looksLikeTls(firstBytes)) return fail('not_tls', describeOther(firstBytes));
  if (findAlert(raw) === 'unrecognized_name')
    return fail(
      'unknown_sni',
      `the server knows no ${target.serverName ?? 'connection without a server name'} (alert unrecognized_name)`,
    );
  const look = new SecondLook(place, target, time);
  if (firstBytes.length === 0) {
    const [isHttp, small] = await Promise.all([
      look.answersPlainHttp(),
      target.max === 'TLSv1.3' ? look.takesSmallHello() : undefined,
    ]);
    if (isHttp) return fail('not_tls', 'the server does not answer TLS, but it answers a plain HTTP request');
    const [code, cause] =
      raw === deadlineRaw
        ? (['timeout', 'the server accepted the connection and did not answer our ClientHello'] as const)
        : (['unreachable', 'the server closed the connection at our ClientHello, without a byte'] as const);
    if (small === undefined) return fail(code, cause);
    const sizes = `one of ${evidence.transcript.helloBytes} bytes does not get through, one of ${small.helloBytes} does`;
    const more = `without the post-quantum group (X25519MLKEM768) it answers: ${sizes}`;
    return fail(code, `${cause}; ${more}`, largeHelloRemedy);
  }
  if (raw === deadlineRaw) return fail('timeout', 'the server began with TLS and did not finish in time');
  const verified = verifyHandshakeError(raw, { leg: 2, sawPeerCertificate: false, peer: 'the server' });
  if (verified === undefined || verified.code === 'ok')
    return fail(
      'refused_by_peer',
      escapeForLog(failure?.message ?? 'the server closed the connection in the handshake', 300),
    );
  if (verified.code !== 'protocol_mismatch') return fail(verified.code, verified.detail);
  if (findAlert(raw) === 'no_application_protocol') {
    const cause = `the server has no application protocol in common with us (ALPN): we offered ${target.alpn.join(', ')}`;
    const chosen = await look.findApplicationProtocol();
    if (chosen === undefined)
      return fail('protocol_mismatch', cause, 'Offer what it speaks: --alpn h2, or --alpn none.');
    const what = chosen === '' ? 'none' : chosen;
    return fail(
      'protocol_mismatch',
      `${cause}; of everything on offer it takes ${what}`,
      `Offer what it speaks: --alpn ${what}.`,
    );
  }
  const spoken = await look.findWhatItSpeaks();
  const theirs =
    spoken === undefined
      ? 'it did not agree to anything from TLSv1 to TLSv1.3 either'
      : `with everything on offer it takes ${spoken}`;
  return fail('protocol_mismatch', `${verified.detail}; we offered ${offer}; ${theirs}`);
}

const largeHelloRemedy =
  'Something in between (a firewall, a load balancer, a DPI box) drops a ClientHello that fills more than one packet: have it updated. Until then leave the group out: curl --curves X25519:P-256, openssl s_client -groups X25519:P-256.';

/** What we offer, in a few words. */
function describeOffer({ min, max, ciphers, alpn }: Target): string {
  const versions = min === max ? min : `${min} to ${max}`;
  const which = ciphers === undefined ? '' : `, ciphers ${escapeForLog(ciphers, 120)}`;
  return `${versions}${which}${alpn.length === 0 ? '' : `, ALPN ${alpn.join(' ')}`}`;
}

/** Record types 20 to 24 of any version 3.x. */
function looksLikeTls(bytes: Buffer): boolean {
  const type = bytes[0] as number;
  return type >= 20 && type <= 24 && (bytes.length < 2 || bytes[1] === 3);
}

function describeOther(bytes: Buffer): string {
  const [line = ''] = bytes.toString('latin1', 0, 512).split(/\r?\n/, 1);
  const shown = escapeForLog(line, 80);
  return /^HTTP\/\d/.test(line)
    ? `the server speaks plain HTTP on this port: it answered our ClientHello with "${shown}"`
    : `the server speaks something else than TLS on this port: its first bytes are "${shown}"`;
}
