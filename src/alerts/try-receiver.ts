// A receiver that somebody tries: the way to it step by step, as `explain handshake` goes it, and then a real message of test. Nothing is
// sent where a step broke.
import { createSecureContext, rootCertificates } from 'node:tls';
import type { Clock } from '../base/clock.ts';
import { isIpLiteral } from '../base/host.ts';
import { UsageError } from '../base/usage-error.ts';
import { resolveHost, TimeLeft } from '../diagnosis/connect.ts';
import { diagnoseHandshake } from '../diagnosis/diagnose-handshake.ts';
import { reach } from '../diagnosis/reach.ts';
import { broken, defaultRemedy, passed, type Step } from '../diagnosis/step.ts';
import { readOwn, type Target } from '../diagnosis/target.ts';
import { type FaultCode, faultTable } from '../base/fault.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { IdentityRules } from '../trust/identity-rules.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { Attempt } from './receiver.ts';
import { contextOf, type PostedReceiver, postMessage } from './post.ts';

export type TriedReceiver = {
  readonly steps: readonly Step[];
  /** Null: it did not come to it. */
  readonly attempt: Attempt | null;
};

/** Never rejects for what the receiver does. Throws UsageError where our own certificate cannot be used. */
export async function tryReceiver(
  receiver: PostedReceiver,
  message: { readonly id: string; readonly body: string },
  clock: Clock,
): Promise<TriedReceiver> {
  const steps = await climb(receiver, clock);
  if (steps.some(({ status }) => status === 'failed')) return { steps, attempt: null };
  const attempt = await postMessage(receiver, message, clock);
  return { steps: [...steps, showAttempt(attempt)], attempt };
}

async function climb(receiver: PostedReceiver, clock: Clock): Promise<readonly Step[]> {
  const url = new URL(receiver.url);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const isTls = url.protocol === 'https:';
  const port = url.port === '' ? (isTls ? 443 : 80) : Number(url.port);
  if (!isTls) {
    const { steps, connected } = await reach({ host, port }, new TimeLeft(clock, receiver.timeoutMs), resolveHost);
    connected?.socket.destroy();
    return steps.map(forReceiver);
  }
  const { steps } = await diagnoseHandshake(targetOf(receiver, host, port, clock.now()), clock);
  return steps.map(forReceiver);
}

const noRules = { allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined };

function targetOf(receiver: PostedReceiver, host: string, port: number, now: number): Target {
  const { caPem, client, timeoutMs } = receiver;
  const bundle = caPem && TrustBundle.parse(caPem.join('\n'), { name: 'tls.ca', now }).bundle;
  if (caPem !== undefined && bundle === undefined) throw new UsageError('tls.ca of the receiver cannot be used');
  return {
    host,
    port,
    wanted: host,
    serverName: isIpLiteral(host) ? undefined : host,
    path: '/',
    min: 'TLSv1.2',
    max: 'TLSv1.3',
    ciphers: undefined,
    alpn: ['http/1.1'],
    timeoutMs,
    anchors: bundle && AnchorSet.of(bundle),
    own: client && readOwn(client.chainPem, client.keyPem, 'tls.certificateId', 'its key', now),
    files: {},
    context: createSecureContext({ ca: [...rootCertificates], ...contextOf({ caPem, client }) }),
    demands: {
      verify: true,
      rules: new IdentityRules(noRules),
      revocations: undefined,
      byCommonName: false,
      http2: false,
    },
    words: {
      cas: caPem === undefined ? 'the built-in roots (tls.ca is not set)' : 'tls.ca of the receiver',
      file: 'tls.certificateId of the receiver',
      without: 'the receiver has no tls.certificateId',
    },
    keepsBack: false,
    silent: true,
  };
}

const remedies: Readonly<Record<string, string>> = {
  'tls not_tls': 'This port does not speak TLS: use the TLS port of the receiver.',
  'chain untrusted_issuer':
    'If this is the right receiver, give the CA of its certificate in tls.ca; if that is no CA you know, this is another server.',
  'name name_mismatch': 'Use one of these names in the url, or have the certificate issued with this name as a SAN.',
  'own no_client_cert': 'Set tls.certificateId to a certificate from one of the CAs that the receiver names.',
  'own untrusted_issuer':
    'Give the receiver the CA that issued our certificate, or set tls.certificateId to one from a CA that it accepts.',
};

/** Said to who writes a configuration, where the ladder speaks of options. */
function forReceiver(step: Step): Step {
  const { failure } = step;
  if (failure === undefined) return step;
  const own = remedies[`${step.step} ${failure.code}`];
  const isOption = / --[a-z]/.test(failure.remedy) || failure.remedy === defaultRemedy(step.step, failure.code);
  if (own !== undefined && isOption) return { ...step, failure: { ...failure, remedy: own } };
  if (!/ --[a-z]/.test(failure.remedy)) return step;
  return { ...step, failure: { ...failure, remedy: faultTable[failure.code].help } };
}

function showAttempt({ ok, status, code, why, ms }: Attempt): Step {
  if (ok) return passed('answer', `HTTP ${status} in ${ms} ms`);
  const fault: FaultCode = Object.hasOwn(faultTable, code) ? (code as FaultCode) : 'backend_closed';
  const remedy =
    code === 'redirect'
      ? 'Write the address that it redirects to as the url.'
      : code === 'status'
        ? 'The log of the receiver says why. Where it verifies signatures: is its secret the same, and its clock right?'
        : 'See the log of the receiver.';
  return broken('answer', status === null ? 'none' : `HTTP ${status}`, { code: fault, cause: why, raw: '', remedy });
}
