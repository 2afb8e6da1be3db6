// The diagnosis as text for people and as JSON for machines. Everything of the peer's was escaped where it was read; JSON gets
// its own escapes again, so that no byte of a peer reaches a terminal raw.
import type { CertificateFacts } from '../certs/facts.ts';
import { escapeForLog } from '../base/log-text.ts';
import { curlCommand, opensslCommand } from './shell-commands.ts';
import type { HandshakeDiagnosis } from './diagnose-handshake.ts';
import { type Step, stepNames } from './step.ts';
import type { Target } from './target.ts';

/** True where no step broke. */
export function isSound({ steps }: Pick<HandshakeDiagnosis, 'steps'>): boolean {
  return steps.every(({ status }) => status !== 'failed');
}

const words = { ok: 'ok', failed: 'FAILED', unknown: '?' } as const;

export function printDiagnosis(diagnosis: HandshakeDiagnosis, target: Target): string {
  const { host, port, wanted } = target;
  const place = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const lines = [
    `${place}${wanted === host ? '' : ` as ${wanted}`}, by our clock ${new Date(diagnosis.now).toISOString()}`,
    '',
  ];
  lines.push(
    ...printSteps(diagnosis.steps),
    '',
    'the same with OpenSSL:',
    `  ${opensslCommand(target, diagnosis.address)}`,
  );
  if (isHttp(diagnosis)) lines.push('and with curl:', `  ${curlCommand(target, diagnosis.address)}`);
  return `${lines.join('\n')}\n`;
}

export function printSteps(steps: readonly Step[]): string[] {
  return steps.flatMap(printStep);
}

const indent = ' '.repeat(26);

function printStep({ step, status, text, notes, failure }: Step): string[] {
  const lines = [`  ${words[status].padEnd(7)} ${stepNames[step].padEnd(15)} ${text}`];
  for (const note of notes) lines.push(`${indent}note: ${note}`);
  if (failure === undefined) return lines;
  const { code, cause, remedy, raw } = failure;
  return [
    ...lines,
    `${indent}cause:  ${cause}`,
    `${indent}remedy: ${remedy}`,
    `${indent}code:   ${code}${raw === '' ? '' : ` (${escapeForLog(raw, 120)})`}`,
  ];
}

/** curl is of use where HTTP was spoken, or would have been. */
function isHttp({ steps, alpn }: HandshakeDiagnosis): boolean {
  const answer = steps.find(({ step }) => step === 'answer');
  if (answer !== undefined) return answer.text.startsWith('HTTP/');
  return alpn === 'http/1.1' || alpn === 'h2' || steps.some(({ failure }) => failure?.raw.startsWith('HTTP ') === true);
}

/** The shape is documented in docs/explain-handshake.md: keys are added, never changed. */
export function diagnosisToJson(diagnosis: HandshakeDiagnosis, target: Target): object {
  const { steps, now, address, version, cipher, group, alpn, certificates, acceptedCas } = diagnosis;
  const failed = steps.find(({ status }) => status === 'failed');
  return {
    ok: isSound(diagnosis),
    failedStep: failed?.step ?? null,
    code: failed?.failure?.code ?? null,
    target: { host: target.host, port: target.port, name: target.wanted, address: address ?? null },
    clock: new Date(now).toISOString(),
    tls: { version: version || null, cipher: cipher || null, group: group ?? null, alpn: alpn || null },
    certificates: certificates.map(describeFacts),
    clientCertificate: {
      asked: acceptedCas !== undefined,
      acceptedCas: (acceptedCas ?? []).map((name) => escapeForLog(name, 512)),
    },
    steps,
    commands: {
      openssl: opensslCommand(target, address),
      curl: isHttp(diagnosis) ? curlCommand(target, address) : null,
    },
  };
}

const maxSans = 100;

function describeFacts(facts: CertificateFacts): object {
  return {
    subject: escapeForLog(facts.subject, 512),
    issuer: escapeForLog(facts.issuer, 512),
    serial: facts.serial,
    sha256: facts.sha256,
    sans: facts.sans.slice(0, maxSans).map(({ type, value }) => `${type}:${escapeForLog(value, 512)}`),
    notBefore: new Date(facts.notBefore).toISOString(),
    notAfter: new Date(facts.notAfter).toISOString(),
    key: facts.key,
    isCa: facts.isCa,
  };
}
