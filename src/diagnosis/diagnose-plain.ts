// The way to a backend that is spoken to in plain HTTP: name, TCP, and the first bytes of an answer, which say so where the port
// speaks TLS.
import type { Socket } from 'node:net';
import type { Clock } from '../base/clock.ts';
import { findAnswerEnd, parseAnswer } from './answer.ts';
import { deadlineRaw, type Failure, failureOf, resolveHost, TimeLeft } from './connect.ts';
import { type Place, reach } from './reach.ts';
import { broken, passed, type Step, unclear } from './step.ts';

export type PlainTarget = Place & { readonly authority: string; readonly path: string; readonly timeoutMs: number };

export type PlainDiagnosis = {
  readonly steps: readonly Step[];
  readonly now: number;
  readonly address: string | undefined;
};

const maxAnswerBytes = 16 * 1024;
const tlsRemedy = 'Write the endpoint as https://, with security.tls.rootCAs for its CA.';

/** Never rejects. */
export async function diagnosePlain(target: PlainTarget, clock: Clock, resolve = resolveHost): Promise<PlainDiagnosis> {
  const time = new TimeLeft(clock, target.timeoutMs);
  const now = clock.now();
  const { steps, address, connected } = await reach(target, time, resolve);
  if (connected === undefined) return { steps, now, address };
  const heard = await ask(connected.socket, target, time);
  return { steps: [...steps, verifyAnswer(heard, target)], now, address };
}

type Heard = { readonly answer: Buffer; readonly failure: Failure | undefined };

function ask(socket: Socket, { authority, path }: PlainTarget, time: TimeLeft): Promise<Heard> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const settle = (failure: Failure | undefined): void => {
      cancel();
      socket.destroy();
      resolve({ answer: Buffer.concat(pieces).subarray(0, maxAnswerBytes), failure });
    };
    const cancel = time.clock.after(time.left(), () => settle({ raw: deadlineRaw, message: 'no answer in time' }));
    socket.on('error', (error) => settle(failureOf(error)));
    socket.once('close', () => settle(undefined));
    socket.on('data', (chunk: Buffer) => {
      pieces.push(chunk);
      const all = Buffer.concat(pieces);
      if (all.length >= maxAnswerBytes || findAnswerEnd(all)) settle(undefined);
    });
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${authority}\r\nUser-Agent: countersign\r\nAccept: */*\r\nConnection: close\r\n\r\n`,
    );
  });
}

function verifyAnswer({ answer, failure }: Heard, { path }: PlainTarget): Step {
  const raw = failure?.raw ?? '';
  if (answer.length === 0) {
    if (raw === deadlineRaw) return unclear('answer', `no answer to GET ${path}`);
    const cause = 'the backend closed the connection without an answer: does this port speak TLS?';
    return broken('answer', 'none', { code: 'backend_closed', cause, raw, remedy: 'If it does, write https://.' });
  }
  // An alert record: what a TLS server says to a request in the clear.
  if (answer[0] === 21 && answer[1] === 3) {
    const cause = 'the backend speaks TLS on this port: it answered plain HTTP with an alert';
    return broken('answer', 'none', { code: 'not_tls', cause, raw, remedy: tlsRemedy });
  }
  const { shown, refusal } = parseAnswer(answer);
  if (refusal?.code !== 'not_tls') return passed('answer', shown);
  const cause = 'the backend speaks TLS on this port: it says that it got plain HTTP';
  return broken('answer', shown, { code: 'not_tls', cause, raw: refusal.raw, remedy: tlsRemedy });
}
