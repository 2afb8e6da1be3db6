// The way of a handshake with any server, from the name to the first byte of the answer, up to the step that broke.
import type { Clock } from '../base/clock.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { findAlert, verifyHandshakeError } from '../trust/handshake-error.ts';
import { parseAnswer } from './answer.ts';
import { verifyAnswer } from './answer-step.ts';
import { resolveHost, TimeLeft } from './connect.ts';
import { verifyOwn, verifyRequest } from './own-certificate.ts';
import { type ProbeEvidence, probeTls, type TlsEvidence } from './probe-tls.ts';
import { verifyServer, type ServerSteps } from './server-certificate.ts';
import { reach } from './reach.ts';
import { broken, passed, type Step } from './step.ts';
import type { Target } from './target.ts';
import { http2Question, isHttp2, type Place } from './second-look.ts';
import { explainTlsFailure } from './tls-failure.ts';

export type HandshakeDiagnosis = {
  readonly steps: readonly Step[];
  /** Milliseconds since the epoch: the clock by which dates were verified. */
  readonly now: number;
  /** The address that was used. */
  readonly address: string | undefined;
  readonly version: string;
  readonly cipher: string;
  readonly group: string | undefined;
  readonly alpn: string;
  /** Of the server, as it sent them. */
  readonly certificates: readonly CertificateFacts[];
  /** CA names; undefined where the server did not ask for a certificate, or it could not be seen. */
  readonly acceptedCas: readonly string[] | undefined;
};

/** Never rejects. `resolve`: how names become addresses. */
export async function diagnoseHandshake(
  target: Target,
  clock: Clock,
  resolve = resolveHost,
): Promise<HandshakeDiagnosis> {
  const time = new TimeLeft(clock, target.timeoutMs);
  const now = clock.now();
  const nothing = {
    now,
    address: undefined,
    version: '',
    cipher: '',
    group: undefined,
    alpn: '',
    certificates: [],
    acceptedCas: undefined,
  };
  const { steps: way, address, connected } = await reach(target, time, resolve);
  if (connected === undefined || address === undefined) return { ...nothing, address, steps: way };
  // Verified when the handshake ends: a server that is not the right one is not asked anything.
  let server: ServerSteps | undefined;
  const evidence = await probeTls(
    connected.socket,
    {
      context: target.context,
      serverName: target.serverName,
      alpn: target.alpn,
      roundTripMs: connected.durationMs,
      question: (early) => {
        server = verifyServer(early, target, now);
        const isRight = server.steps.every(({ status }) => status !== 'failed');
        return isRight && target.silent !== true ? question(early, target) : undefined;
      },
    },
    time,
  );
  const { transcript, version, cipher, alpn } = evidence;
  const seen = {
    ...nothing,
    address,
    version,
    cipher,
    alpn,
    group: transcript.group,
    acceptedCas: transcript.request?.authorities,
  };
  if (!evidence.established && evidence.certificates === undefined) {
    const step = await explainTlsFailure(evidence, target, { address, port: target.port }, time);
    return { ...seen, steps: [...way, step] };
  }
  server ??= verifyServer(evidence, target, now);
  const rest = async (): Promise<Step[]> => verifyRest(evidence, target, { address, port: target.port }, time, now);
  const steps = [...way, ...(await verifyFrom(verifyTls(evidence, target), server.steps, rest))];
  return { ...seen, certificates: server.certificates, steps };
}

function verifyTls(
  { version, cipher, alpn, transcript, established, failure }: ProbeEvidence,
  { demands }: Target,
): Step {
  const parts = [version, cipher, transcript.group ?? '', alpn === '' ? '' : `ALPN ${alpn}`];
  const text = parts.filter((part) => part !== '').join(', ');
  const raw = failure?.raw ?? '';
  if (established && demands.http2 && alpn !== 'h2') {
    const cause = `it agreed on ${alpn === '' ? 'no protocol' : alpn} (ALPN), and the route says http2: on`;
    return broken('tls', text, { code: 'protocol_mismatch', cause, raw });
  }
  // Where the server broke it off, a later step says why; where our own OpenSSL did, nothing later would.
  if (established || !raw.startsWith('ERR_SSL_') || findAlert(raw) !== undefined) return passed('tls', text);
  const verified = verifyHandshakeError(raw, { leg: 2, sawPeerCertificate: true, peer: 'the server' });
  if (verified === undefined || verified.code === 'ok' || verified.code === 'refused_by_peer')
    return passed('tls', text);
  return broken('tls', text, { code: verified.code, cause: `our side gave up: ${verified.detail}`, raw });
}

function question(evidence: TlsEvidence, target: Target): Buffer {
  const { wanted, port, path } = target;
  if (isHttp2(evidence, target)) return http2Question;
  const host = wanted.includes(':') ? `[${wanted}]` : wanted;
  const authority = port === 443 ? host : `${host}:${port}`;
  return Buffer.from(
    `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: countersign\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
  );
}

/** A weak certificate is the better explanation of a handshake that our side broke off, so it goes first. */
async function verifyFrom(tls: Step, server: readonly Step[], rest: () => Promise<Step[]>): Promise<Step[]> {
  if (server.some(({ status }) => status === 'failed')) return [passed('tls', tls.text), ...server];
  return tls.status === 'failed' ? [tls] : [tls, ...server, ...(await rest())];
}

/** What follows a server that is the right one. */
async function verifyRest(
  evidence: ProbeEvidence,
  target: Target,
  place: Place,
  time: TimeLeft,
  now: number,
): Promise<Step[]> {
  const answer = evidence.answer.length === 0 ? undefined : parseAnswer(evidence.answer);
  const steps = [verifyRequest(evidence.transcript), verifyOwn(evidence, answer, target, now)];
  if (target.silent === true || steps.some(({ status }) => status === 'failed')) return steps;
  return [...steps, await verifyAnswer(evidence, answer, target, place, time)];
}
