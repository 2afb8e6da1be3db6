// Which versions of HTTP a backend speaks: a handshake for each, with that alone on offer (ALPN). What it means for a route depends on
// what that says of HTTP/2.
import type { Clock } from '../base/clock.ts';
import type { BackendHttp2 } from '../config/gateway-config.ts';
import { forBackend } from './backend-remedies.ts';
import type { resolveHost } from './connect.ts';
import { diagnoseHandshake, type HandshakeDiagnosis } from './diagnose-handshake.ts';
import { broken, type Step, type StepFailure } from './step.ts';
import type { Target } from './target.ts';

export type SpokenProtocols = {
  /** 'TLSv1.3'; '' where no handshake came about. */
  readonly tls: string;
  readonly http2: boolean;
  /** `unsaid`: it heeds no ALPN, so that HTTP/1.1 is what it must mean. */
  readonly http1: 'agreed' | 'unsaid' | 'no';
  /** What a route would be spoken to in; undefined where nothing would come of it. */
  readonly used: 'HTTP/2' | 'HTTP/1.1' | undefined;
  readonly failure: StepFailure | undefined;
  /** Of the handshake that a route would have, up to the one that broke. */
  readonly steps: readonly Step[];
};

/** Never rejects. `http2`: as the route says. */
export async function findSpokenProtocols(
  target: Target,
  http2: BackendHttp2,
  clock: Clock,
  resolve?: typeof resolveHost,
): Promise<SpokenProtocols> {
  const offer = async (alpn: string): Promise<HandshakeDiagnosis> => {
    const demands = { ...target.demands, http2: false };
    return diagnoseHandshake({ ...target, alpn: [alpn], demands }, clock, resolve);
  };
  const [two, one] = await Promise.all([offer('h2'), offer('http/1.1')]);
  return judge(two, one, http2);
}

function judge(two: HandshakeDiagnosis, one: HandshakeDiagnosis, mode: BackendHttp2): SpokenProtocols {
  const http2 = two.alpn === 'h2';
  const http1 = one.alpn === 'http/1.1' ? 'agreed' : agreesOnNothing(one) ? 'unsaid' : 'no';
  const tls = (http2 ? two : one).version;
  const wanted = mode === 'on' || (mode === 'auto' && http2) ? 'HTTP/2' : 'HTTP/1.1';
  const mismatch = findMismatch(http2, http1, mode);
  const steps = withMismatch((wanted === 'HTTP/2' ? two : one).steps.map(forBackend), mismatch);
  const failure = mismatch ?? steps.find(({ status }) => status === 'failed')?.failure;
  return { tls, http2, http1, failure, steps, used: failure === undefined ? wanted : undefined };
}

/** The handshake was good, and the backend did not speak HTTP/2 all the same. */
function agreesOnNothing({ steps, alpn }: HandshakeDiagnosis): boolean {
  if (alpn !== '' || !steps.some(({ step, status }) => step === 'tls' && status === 'ok')) return false;
  return !steps.some(({ step, failure }) => step === 'answer' && failure?.code === 'protocol_mismatch');
}

function findMismatch(http2: boolean, http1: SpokenProtocols['http1'], mode: BackendHttp2): StepFailure | undefined {
  const mismatch = { code: 'protocol_mismatch', raw: '' } as const;
  if (mode === 'on' && !http2 && http1 !== 'no') {
    const how = http1 === 'agreed' ? 'it agrees on http/1.1 alone' : 'it agrees on no protocol';
    const cause = `${how} (ALPN), and the route says http2: on`;
    return {
      ...mismatch,
      cause,
      remedy: 'Let the backend offer h2, or leave out security.tls.http2 (of a service: protocol).',
    };
  }
  if (mode === 'off' && http2 && http1 === 'no') {
    const cause = 'it agrees on h2 alone (ALPN), and the route says http2: off';
    return {
      ...mismatch,
      cause,
      remedy: 'Let the backend offer http/1.1, or leave out security.tls.http2 (of a service: protocol).',
    };
  }
  return undefined;
}

/** What was agreed on shows in the answer: no request of the route would get one. */
function withMismatch(steps: readonly Step[], mismatch: StepFailure | undefined): readonly Step[] {
  if (mismatch === undefined) return steps;
  const before = steps.filter(({ step, status }) => step !== 'answer' && status !== 'failed');
  return [...before, broken('answer', 'none', mismatch)];
}
