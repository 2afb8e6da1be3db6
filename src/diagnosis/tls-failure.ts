// Why TLS did not come about before the server showed a certificate: it speaks something else, another version, no cipher of
// ours, does not know the name, or says nothing. Asks once more, differently, where that tells which.
import tls from 'node:tls';
import { escapeForLog } from '../base/log-text.ts';
import { findAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import { connectFirst, deadlineRaw, TimeLeft } from './connect.ts';
import { type ProbeEvidence, probeTls } from './probe-tls.ts';
import { broken, type Step } from './step.ts';
import type { Target } from './target.ts';

export type Place = { readonly address: string; readonly port: number };

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
  if (firstBytes.length === 0) {
    if (await answersPlainHttp(place, target, time))
      return fail('not_tls', 'the server does not answer TLS, but it answers a plain HTTP request');
    return raw === deadlineRaw
      ? fail('timeout', 'the server accepted the connection and did not answer our ClientHello')
      : fail('unreachable', 'the server closed the connection at our ClientHello, without a byte');
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
    return fail('protocol_mismatch', cause, 'Offer what it speaks: --alpn h2, or --alpn none.');
  }
  const spoken = await findWhatItSpeaks(place, target, time);
  const theirs =
    spoken === undefined
      ? 'it did not agree to anything from TLSv1 to TLSv1.3 either'
      : `with everything on offer it takes ${spoken}`;
  return fail('protocol_mismatch', `${verified.detail}; we offered ${offer}; ${theirs}`);
}

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

const probeLimitMs = 1500;

async function findWhatItSpeaks(place: Place, target: Target, time: TimeLeft): Promise<string | undefined> {
  const limited = limit(time);
  const { socket } = await connectFirst([place.address], place.port, limited);
  if (socket === undefined) return undefined;
  const context = tls.createSecureContext({ minVersion: 'TLSv1', maxVersion: 'TLSv1.3', ciphers: 'ALL:@SECLEVEL=0' });
  const settings = { context, serverName: target.serverName, alpn: [], roundTripMs: 0, question: () => undefined };
  const found = await probeTls(socket, settings, limited);
  return found.version === '' || (found.certificates === undefined && !found.established)
    ? undefined
    : `${found.version}, ${found.cipher}`;
}

function answersPlainHttp(place: Place, target: Target, time: TimeLeft): Promise<boolean> {
  return new Promise((resolve) => {
    void connectFirst([place.address], place.port, limit(time)).then(({ socket }) => {
      if (socket === undefined) return resolve(false);
      const settle = (isHttp: boolean): void => {
        cancel();
        socket.destroy();
        resolve(isHttp);
      };
      const cancel = time.clock.after(probeLimitMs, () => settle(false));
      socket.on('error', () => settle(false));
      socket.once('close', () => settle(false));
      socket.once('data', (chunk: Buffer) => settle(chunk.toString('latin1', 0, 5) === 'HTTP/'));
      socket.write(`HEAD / HTTP/1.1\r\nHost: ${target.wanted}\r\nConnection: close\r\n\r\n`);
    });
  });
}

/** A second look has time of its own: after a timeout nothing is left of the first one's. */
function limit({ clock }: TimeLeft): TimeLeft {
  return new TimeLeft(clock, probeLimitMs);
}
