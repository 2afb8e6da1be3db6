// The last step: what came back for the question that was asked within TLS, or why nothing did.
import { escapeForLog } from '../base/log-text.ts';
import { findAlert } from '../trust/handshake-error.ts';
import type { Answer } from './answer.ts';
import { deadlineRaw, type Failure, type TimeLeft } from './connect.ts';
import type { ProbeEvidence } from './probe-tls.ts';
import { isHttp2, type Place, SecondLook } from './second-look.ts';
import { broken, passed, type Step, unclear } from './step.ts';
import type { Target } from './target.ts';

const step = 'answer';

/** Never rejects. */
export async function verifyAnswer(
  evidence: ProbeEvidence,
  answer: Answer | undefined,
  target: Target,
  place: Place,
  time: TimeLeft,
): Promise<Step> {
  const spoken = isHttp2(evidence, target);
  if (answer !== undefined) {
    const { shown, refusal } = answer;
    if (refusal !== undefined) return broken(step, shown, refusal);
    if (spoken || !shown.startsWith('HTTP/2 ')) return passed(step, shown);
    const cause = `it answers an HTTP/1.1 request with frames of HTTP/2: it speaks HTTP/2 only, though no protocol was agreed on (${describeAlpn(evidence, target)})`;
    return broken(step, shown, { code: 'protocol_mismatch', cause, raw: '' });
  }
  const { failure, established } = evidence;
  const raw = failure?.raw ?? '';
  if (raw === deadlineRaw)
    return unclear(
      step,
      `nothing within ${target.timeoutMs} ms: not a server that speaks first, nor one that answers GET ${target.path}`,
    );
  // An HTTP/2 server that heeds no ALPN takes our request for a broken preface.
  if (!spoken && established && (await new SecondLook(place, target, time).speaksHttp2())) {
    const cause = `it closed the connection at an HTTP/1.1 request, and speaks HTTP/2 where that is offered (ALPN h2): we had ${describeAlpn(evidence, target)}`;
    return broken(step, 'none', { code: 'protocol_mismatch', cause, raw });
  }
  if (failure === undefined && established)
    return unclear(step, `the server closed the connection without an answer to GET ${target.path}: no HTTP server?`);
  return broken(step, 'none', { code: 'backend_closed', cause: describeEnd(failure), raw });
}

function describeAlpn({ alpn }: ProbeEvidence, { alpn: offered }: Target): string {
  if (offered.length === 0) return 'offered no application protocol';
  return `offered ${offered.join(', ')}, agreed on ${alpn === '' ? 'none' : alpn}`;
}

/** OpenSSL's own sentence has a line of its source in it, and nothing that a person can use. */
function describeEnd(failure: Failure | undefined): string {
  if (failure === undefined) return 'the server broke the connection off in the handshake';
  const alert = findAlert(failure.raw);
  if (alert !== undefined) return `the server broke the connection off with the alert ${alert}`;
  const how = failure.raw.startsWith('ERR_SSL_')
    ? failure.raw.slice('ERR_SSL_'.length).toLowerCase().replaceAll('_', ' ')
    : failure.message;
  return `the connection broke: ${escapeForLog(how, 300)}`;
}
