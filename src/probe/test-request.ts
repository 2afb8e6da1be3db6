// One request to the gateway itself, over a real connection to its own entry point: what the handshake did, and the answer as it
// came. Where it goes is not for the asker to say: the address is the caller's, and nothing is followed.
import type { IncomingMessage } from 'node:http';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { isIpLiteral } from '../base/host.ts';
import { request as plainRequest } from '../base/node-http.ts';
import { escapeForLog } from '../base/log-text.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { coversHost, explainNotCovered } from '../certs/host-coverage.ts';
import { broken, passed, type Step, unclear } from '../diagnosis/step.ts';
import { verifyHandshakeError } from '../trust/handshake-error.ts';

export type TestedRequest = {
  /** Of the entry point. */
  readonly address: { readonly host: string; readonly port: number };
  readonly tls: boolean;
  /** Host and server name. */
  readonly host: string;
  /** As `Host` has it. */
  readonly authority: string;
  readonly target: string;
  readonly method: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer | undefined;
  /** What is shown as the client, PEM, and how it is called. */
  readonly client: { readonly chainPem: string; readonly keyPem: string; readonly name: string } | undefined;
  /** Of the certificates that the policy shows. */
  readonly ours: readonly string[];
  readonly timeoutMs: number;
};

export type TestAnswer = {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  /** Undefined where it is no text. */
  readonly text: string | undefined;
  readonly bytes: Buffer;
  readonly truncated: boolean;
};

export type TestedResult = {
  readonly steps: readonly Step[];
  readonly answer: TestAnswer | undefined;
  readonly durationMs: number;
};

export const maxAnswerBytes = 16 * 1024;
const maxHeaders = 100;
const maxHeaderText = 2_048;
const maxText = 256;

/** Never rejects for what the gateway does. */
export async function testRequest(tested: TestedRequest, clock: Clock): Promise<TestedResult> {
  const begun = clock.monotonic();
  const took = (): number => Math.round(clock.monotonic() - begun);
  const sockets: Socket[] = [];
  const late = Promise.withResolvers<never>();
  const cancel = clock.after(tested.timeoutMs, () => late.reject(new Late()));
  late.promise.catch(() => {});
  const steps: Step[] = [];
  try {
    const answer = await Promise.race([climb(tested, steps, sockets), late.promise]);
    return { steps, answer, durationMs: took() };
  } catch (error) {
    steps.push(stepOf(error, tested, steps));
    return { steps, answer: undefined, durationMs: took() };
  } finally {
    cancel();
    for (const socket of sockets) socket.destroy();
  }
}

class Late extends Error {}

async function climb(tested: TestedRequest, steps: Step[], sockets: Socket[]): Promise<TestAnswer> {
  const { address, host } = tested;
  const socket = connectTcp(address);
  sockets.push(socket);
  await eventOf(socket, 'connect');
  steps.push(passed('tcp', `${address.host}:${address.port}, an entry point of this gateway`));
  const carrier = tested.tls ? await shakeHands(socket, tested, steps) : socket;
  if (tested.tls) sockets.push(carrier);
  else steps.push(unclear('tls', `plain HTTP for ${host}: nothing is shown or checked`));
  const answer = await exchange(carrier, tested);
  if (tested.tls && tested.client !== undefined)
    steps.push(passed('own', `${tested.client.name} was shown: whether it was let in the answer says`));
  steps.push(passed('answer', `HTTP ${answer.status}`));
  return answer;
}

async function shakeHands(socket: Socket, tested: TestedRequest, steps: Step[]): Promise<TLSSocket> {
  const { host, client, ours } = tested;
  const secure = connectTls({
    socket,
    ...(isIpLiteral(host) ? {} : { servername: host }),
    ALPNProtocols: ['http/1.1'],
    // Looked at here: what is shown is ours, and whether clients trust its issuer is theirs to know.
    rejectUnauthorized: false,
    ...(client && { cert: client.chainPem, key: client.keyPem }),
  });
  secure.on('error', () => {});
  await eventOf(secure, 'secureConnect');
  const cipher = secure.getCipher();
  const parts = [
    secure.getProtocol() ?? '',
    cipher.standardName,
    secure.alpnProtocol ? `ALPN ${secure.alpnProtocol}` : '',
  ];
  steps.push(passed('tls', parts.filter((part) => part !== '').join(', ')));
  const raw = secure.getPeerX509Certificate()?.raw;
  if (raw === undefined) return secure;
  const facts = readFacts(raw);
  const shown = `${escapeForLog(facts.subject, maxText)}, until ${new Date(facts.notAfter).toISOString()}`;
  const known = ours.includes(facts.sha256);
  steps.push(
    known ? passed('certificate', shown) : unclear('certificate', `${shown}: none that the policy names by a file`),
  );
  steps.push(
    unclear('chain', `issued by ${escapeForLog(facts.issuer, maxText)}: whether clients trust it is theirs to know`),
  );
  if (coversHost(facts, host)) steps.push(passed('name', host));
  else {
    const cause = escapeForLog(explainNotCovered(facts, host), 2 * maxText);
    // Said, and gone on: clients that do not look are served all the same.
    steps.push(broken('name', host, { code: 'name_mismatch', cause, raw: '' }));
  }
  return secure;
}

async function exchange(socket: Socket, tested: TestedRequest): Promise<TestAnswer> {
  const { method, target, authority, headers, body } = tested;
  const asked = plainRequest({
    createConnection: () => socket,
    method,
    path: target,
    setHost: false,
    headers: [
      ['Host', authority],
      ...headers,
      ['Connection', 'close'],
      ...(body === undefined ? [] : [['Content-Length', String(body.length)] as const]),
    ].flat(),
  });
  const response = eventOf(asked, 'response') as Promise<[IncomingMessage]>;
  asked.end(body);
  const [answer] = await response;
  const pieces: Buffer[] = [];
  let size = 0;
  let truncated = false;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    size += piece.length;
    if (size > maxAnswerBytes) {
      truncated = true;
      break;
    }
  }
  const bytes = Buffer.concat(pieces).subarray(0, maxAnswerBytes);
  const pairs = answer.rawHeaders.slice(0, 2 * maxHeaders);
  return {
    status: answer.statusCode ?? 0,
    headers: pairs.flatMap((name, i) =>
      i % 2 === 0 ? [[escapeForLog(name, maxText), escapeForLog(pairs[i + 1] ?? '', maxHeaderText)] as const] : [],
    ),
    text: textOf(bytes),
    bytes,
    truncated,
  };
}

/** Rejects with what goes wrong first. */
async function eventOf(emitter: NodeJS.EventEmitter, name: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    emitter.once(name, (...args: unknown[]) => resolve(args));
    emitter.on('error', reject);
    emitter.once('close', () => reject(new Error('the gateway closed the connection')));
  });
}

/** Undefined for bytes that are no text, and for text with characters that are not what they seem. */
function textOf(bytes: Buffer): string | undefined {
  // A character may be cut in two at the end.
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: true });
  return /[\uFFFD\p{Cf}]|[^\P{Cc}\t\r\n]/u.test(text) ? undefined : text;
}

function stepOf(error: unknown, { client, timeoutMs }: TestedRequest, steps: readonly Step[]): Step {
  const at = steps.some(({ step }) => step === 'tls') ? 'own' : steps.length > 0 ? 'tls' : 'tcp';
  if (error instanceof Late)
    return broken(at === 'own' ? 'answer' : at, '', {
      code: 'timeout',
      cause: `nothing came within ${timeoutMs / 1000} s`,
      raw: '',
    });
  const { code: raw = '', message, library } = error as NodeJS.ErrnoException & { library?: string };
  const sawPeerCertificate = at === 'own';
  const found = verifyHandshakeError(raw, { leg: 2, library, sawPeerCertificate, peer: 'the gateway' });
  const code = found === undefined || found.code === 'ok' ? (at === 'tcp' ? 'refused' : 'backend_closed') : found.code;
  const cause = found?.detail ?? escapeForLog(message, maxText);
  const remedy = 'See the failed handshakes: the gateway says there why it refused this one.';
  return broken(at, client?.name ?? '', { code, cause, raw: escapeForLog(raw, maxText), remedy });
}
