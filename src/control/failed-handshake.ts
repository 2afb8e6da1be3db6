// A failed handshake as the API shows it: the group, and the ladder up to the step that broke, in the words of `explain handshake`.
// What a gateway does not see of the other side is not made up: steps that were not reached are not there.
import { z } from 'zod';
import { shellQuote } from '../base/shell.ts';
import { broken, passed, type Step, type StepId, stepNames, unclear } from '../diagnosis/step.ts';
import type { FailureSample } from '../gateway/failure-tally.ts';
import type { HandshakeFailure } from '../store/handshake-failures.ts';
import { helpOfCode, isFaultCode, titleOfCode } from './seen-failure.ts';
import { timeOf } from './times.ts';
import type { ConfigView } from './view.ts';

const time = z.iso.datetime();

export const failureGroup = z.strictObject({
  id: z.string(),
  gateway: z.string(),
  side: z.enum(['client', 'backend']).describe('client: who came to us. backend: whom we went to.'),
  code: z.string().describe('Of the fault table.'),
  title: z.string(),
  count: z.int(),
  firstAt: time,
  lastAt: time,
  sentence: z.string().describe('Of the newest, as the log says it.'),
  detail: z.string().describe('The cause.'),
  help: z.string().describe('What to do.'),
  policy: z.string().nullable().describe("Of a client; '' where none was chosen."),
  remoteAddress: z.string().nullable(),
  serverName: z.string().nullable(),
  address: z.string().nullable().describe('Of a backend: host:port.'),
  services: z.array(z.string()).describe('That have this backend.'),
  certificate: z
    .strictObject({
      subject: z.string(),
      issuer: z.string(),
      serial: z.string(),
      sha256: z.string(),
      sans: z.array(z.string()),
      notBefore: z.string(),
      notAfter: z.string(),
    })
    .nullable()
    .describe('That the other side showed.'),
});
export type FailureShown = z.output<typeof failureGroup>;

export const ladderStep = z.strictObject({
  step: z.enum(Object.keys(stepNames) as [StepId, ...StepId[]]),
  name: z.string(),
  status: z.enum(['ok', 'failed', 'unknown']),
  text: z.string(),
  notes: z.array(z.string()),
  failure: z.strictObject({ code: z.string(), cause: z.string(), remedy: z.string(), raw: z.string() }).nullable(),
});

export const failureDetail = failureGroup.extend({
  steps: z.array(ladderStep).describe('Up to the one that broke, as the gateway saw it.'),
  openssl: z.string().describe('The same handshake by hand; FILE stands for files that only the caller has.'),
});

export function showStep({ step, status, text, notes, failure }: Step): z.output<typeof ladderStep> {
  const { code = '', cause = '', remedy = '', raw = '' } = failure ?? {};
  const told = failure === undefined ? null : { code, cause, remedy, raw };
  return { step, name: stepNames[step], status, text, notes: [...notes], failure: told };
}

export function idOfFailure({ side, code, peer }: Pick<HandshakeFailure, 'side' | 'code' | 'peer'>): string {
  return `${side}-${code}-${peer}`;
}

/** Undefined for what is no id of ours. */
export function parseFailureId(id: string): Pick<HandshakeFailure, 'side' | 'code' | 'peer'> | undefined {
  const [, side, code, peer] = /^(client|backend)-([a-z0-9_]{1,60})-([0-9a-f]{24})$/.exec(id) ?? [];
  if (side === undefined || code === undefined || peer === undefined) return undefined;
  return { side: side === 'client' ? 'client' : 'backend', code, peer };
}

export function showFailure(failure: HandshakeFailure, view: ConfigView): FailureShown {
  const { gateway, side, code, count, firstAt, lastAt } = failure;
  const sample = readSample(failure);
  const { sentence, detail, help, policy, remoteAddress, serverName, address, leaf } = sample;
  return {
    id: idOfFailure(failure),
    gateway,
    side,
    code,
    title: titleOfCode(code, side),
    count,
    firstAt: timeOf(firstAt),
    lastAt: timeOf(lastAt),
    sentence,
    detail,
    help: help === '' ? helpOfCode(code, side) : help,
    policy: policy ?? null,
    remoteAddress: remoteAddress ?? null,
    serverName: serverName ?? null,
    address: address ?? null,
    services: address === undefined ? [] : servicesAt(address, view),
    certificate:
      leaf === null || leaf === undefined
        ? null
        : {
            subject: leaf.subject,
            issuer: leaf.issuer,
            serial: leaf.serial,
            sha256: leaf.sha256,
            sans: [...leaf.sans],
            notBefore: leaf.notBefore,
            notAfter: leaf.notAfter,
          },
  };
}

export function explainFailure(failure: HandshakeFailure, view: ConfigView): z.output<typeof failureDetail> {
  const sample = readSample(failure);
  const steps = failure.side === 'client' ? clientLadder(failure, sample, view) : backendLadder(failure, sample, view);
  const openssl = failure.side === 'client' ? clientCommand(sample) : backendCommand(sample, view);
  return { ...showFailure(failure, view), steps: steps.map(showStep), openssl };
}

/** Another version may have written it: what is not there is empty. */
function readSample({ sample }: HandshakeFailure): FailureSample {
  return { sentence: '', detail: '', help: '', raw: '', ...(sample as unknown as Partial<FailureSample>) };
}

function servicesAt(address: string, { targets }: ConfigView): string[] {
  const found = targets.filter(({ addresses }) => addresses.includes(address)).map(({ id }) => id);
  return found.slice(0, 20);
}

/** Which step a verdict belongs to. What is not here broke TLS itself. */
const stepOf: Readonly<Record<string, StepId>> = {
  dns: 'dns',
  refused: 'tcp',
  unreachable: 'tcp',
  bad_proxy_header: 'tcp',
  untrusted_proxy: 'tcp',
  client_limit: 'tcp',
  expired: 'certificate',
  not_yet_valid: 'certificate',
  wrong_purpose: 'certificate',
  weak_key: 'certificate',
  malformed_cert: 'certificate',
  unproven_key: 'certificate',
  untrusted_issuer: 'chain',
  missing_intermediate: 'chain',
  chain_too_deep: 'chain',
  revoked: 'chain',
  revocation_unknown: 'chain',
  crl_stale: 'chain',
  name_mismatch: 'name',
  pin_mismatch: 'name',
};

function failing(step: StepId, { code }: HandshakeFailure, { detail, help, raw }: FailureSample): Step {
  const side = { code: isFaultCode(code) ? code : ('internal' as const), cause: detail, raw };
  // The remedy is the gateway's, as the log has it: those of the ladder of a command speak to the other side.
  return broken(step, '', { ...side, remedy: help });
}

/** As the gateway saw a client come. */
function clientLadder(failure: HandshakeFailure, sample: FailureSample, view: ConfigView): Step[] {
  const { code } = failure;
  const { remoteAddress = '', remotePort = 0, localPort = 0, negotiated = '', offered = [], leaf } = sample;
  const policy = view.policies.find(({ id }) => id === sample.policy);
  const at = code === 'no_client_cert' ? 'client_auth' : code === 'refused_by_peer' ? 'own' : (stepOf[code] ?? 'tls');
  const from = `${remoteAddress}:${remotePort} to port ${localPort}`;
  if (at === 'tcp') return [failing('tcp', failure, sample)];
  const steps: Step[] = [
    passed('tcp', from, sample.balancer ? [`named by the PROXY header of ${sample.balancer}`] : []),
  ];
  const name = sample.serverName === null || sample.serverName === undefined ? 'no server name' : sample.serverName;
  if (at === 'tls') {
    const offer = offered.length === 0 ? [] : [`offered ${offered.join(', ')}`];
    return [...steps, { ...failing('tls', failure, sample), text: name, notes: offer }];
  }
  steps.push(passed('tls', [negotiated, name, `policy ${sample.policy ?? ''}`].filter((one) => one !== '').join(', ')));
  const shown = policy?.shows.map(({ id, subject }) => id ?? subject).join(', ') ?? '';
  if (at === 'own') return [...steps, { ...failing('own', failure, sample), text: shown }];
  steps.push(shown === '' ? unclear('own', 'the policy is another one by now') : passed('own', `we show ${shown}`));
  const asked =
    policy === undefined ? '' : `we ask for one from ${policy.caBundles.join(', ') || 'the CAs of the policy'}`;
  if (at === 'client_auth') return [...steps, { ...failing('client_auth', failure, sample), text: asked }];
  steps.push(passed('client_auth', asked));
  const certificate = leaf ? `${leaf.subject} from ${leaf.issuer}, until ${leaf.notAfter}` : '';
  if (at === 'certificate') return [...steps, { ...failing('certificate', failure, sample), text: certificate }];
  steps.push(passed('certificate', certificate));
  if (at === 'chain') return [...steps, failing('chain', failure, sample)];
  return [
    ...steps,
    passed('chain', leaf?.issuer ?? ''),
    { ...failing('name', failure, sample), text: leaf?.sans.join(', ') ?? '' },
  ];
}

/** As the gateway went to a backend. */
function backendLadder(failure: HandshakeFailure, sample: FailureSample, view: ConfigView): Step[] {
  const { code } = failure;
  const { address = '', isHandshake = false } = sample;
  const at =
    code === 'no_client_cert' || code === 'refused_by_peer' ? 'own' : (stepOf[code] ?? (isHandshake ? 'tls' : 'tcp'));
  if (at === 'dns') return [{ ...failing('dns', failure, sample), text: address }];
  if (at === 'tcp') return [{ ...failing('tcp', failure, sample), text: address }];
  const steps: Step[] = [passed('tcp', address)];
  if (at === 'tls') return [...steps, failing('tls', failure, sample)];
  steps.push(passed('tls', ''));
  const target = view.targets.find(({ addresses }) => addresses.includes(address));
  if (at === 'own') {
    steps.push(
      passed('certificate', ''),
      passed('chain', target?.caBundle ?? ''),
      passed('name', target?.serverName ?? ''),
    );
    const shows = target?.shows ?? undefined;
    const shown = shows === undefined ? 'none sent' : `sent ${shows.id ?? shows.subject}`;
    return [...steps, { ...failing('own', failure, sample), text: shown }];
  }
  if (at === 'certificate') return [...steps, failing('certificate', failure, sample)];
  steps.push(passed('certificate', ''));
  if (at === 'chain') return [...steps, { ...failing('chain', failure, sample), text: target?.caBundle ?? '' }];
  return [
    ...steps,
    passed('chain', target?.caBundle ?? ''),
    { ...failing('name', failure, sample), text: target?.serverName ?? '' },
  ];
}

function clientCommand({ localPort = 443, serverName }: FailureSample): string {
  const name = serverName === null || serverName === undefined ? ['-noservername'] : ['-servername', serverName];
  const words = ['openssl', 's_client', '-connect', `GATEWAY:${localPort}`, ...name];
  return [...words, '-cert', 'FILE', '-key', 'FILE', '-CAfile', 'FILE', '-showcerts'].map(shellQuote).join(' ');
}

function backendCommand({ address = '' }: FailureSample, view: ConfigView): string {
  const target = view.targets.find(({ addresses }) => addresses.includes(address));
  const name = target?.serverName ?? address.slice(0, Math.max(0, address.lastIndexOf(':')));
  const words = ['openssl', 's_client', '-connect', address, '-servername', name, '-verify_hostname', name];
  const own = (target?.shows ?? undefined) === undefined ? [] : ['-cert', 'FILE', '-key', 'FILE'];
  return [...words, '-CAfile', 'FILE', ...own, '-showcerts'].map(shellQuote).join(' ');
}
