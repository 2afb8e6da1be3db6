// A command that prints a certificate with its key, or certificates of CAs: PEM, or one JSON object. No shell reads it, its
// environment is what the configuration lists, its time and what it may print are bounded, and it ends with all of its process
// group. What it writes to standard error is told where it fails, PEM blocks left out: it may hold a key.
import { type ChildProcess, spawn } from 'node:child_process';
import type { Clock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { maskSecrets } from '../base/secret-text.ts';
import type { ExecSettings, SourceConfig } from '../config/source-config.ts';
import { type Delivery, PolledSource, type Source, SourceFailure } from './source.ts';

const maxOutputBytes = 1024 * 1024;
/** Of standard error; what comes first says most. */
const maxErrorBytes = 16 * 1024;
const maxShown = 300;

export function makeExecSource(config: SourceConfig & ExecSettings, clock: Clock): Source {
  return new PolledSource(async (signal) => {
    const output = await runCommand(config, clock, signal);
    const delivery = readOutput(output, config);
    const { refreshMs } = config;
    return refreshMs === undefined ? delivery : { ...delivery, renewAt: delivery.renewAt ?? clock.now() + refreshMs };
  });
}

/** What it prints. Rejects with a SourceFailure. */
async function runCommand(
  { command, env, timeoutMs, label }: ExecSettings & { label: string },
  clock: Clock,
  signal: AbortSignal,
): Promise<string> {
  const [program = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    let size = 0;
    let errorSize = 0;
    const child = spawn(program, args, {
      env: { ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      shell: false,
    });
    const fail = (code: string, message: string, hint: string): void => {
      endGroup(child);
      done();
      reject(new SourceFailure({ code, message: `${label}: ${message}`, hint }));
    };
    const cancel = clock.after(timeoutMs, () => {
      fail(
        'exec_timeout',
        `the command did not end within ${timeoutMs / 1000} s, and was ended`,
        'Give it more time (timeout), or find out what it waits for.',
      );
    });
    const onAbort = (): void => fail('exec_stopped', 'the command was ended', '');
    const done = (): void => {
      cancel();
      signal.removeEventListener('abort', onAbort);
    };
    signal.addEventListener('abort', onAbort);
    child.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        'exec_not_started',
        `the command cannot be started (${error.code ?? 'error'})`,
        'Check its path and that this user may execute it.',
      ),
    );
    child.stdout.on('data', (piece: Buffer) => {
      size += piece.length;
      if (size <= maxOutputBytes) output.push(piece);
      else
        fail(
          'exec_output_too_large',
          `the command prints more than ${maxOutputBytes} bytes`,
          'It has to print the certificate and its key, and nothing else.',
        );
    });
    child.stderr.on('data', (piece: Buffer) => {
      if (errorSize < maxErrorBytes) errors.push(piece.subarray(0, maxErrorBytes - errorSize));
      errorSize += piece.length;
    });
    child.on('close', (status, killedBy) => {
      if (status === 0) {
        endGroup(child);
        done();
        resolve(Buffer.concat(output).toString('utf8'));
        return;
      }
      const how = killedBy === null ? `exit code ${status}` : `signal ${killedBy}`;
      fail(
        'exec_failed',
        `the command failed (${how})${said(Buffer.concat(errors).toString('utf8'))}`,
        'Run it by hand as the user of the gateway.',
      );
    });
  });
}

/** What it started with it, too. */
function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them have ended.
  }
}

function said(text: string): string {
  const withoutPem = text.replace(/-----BEGIN[\s\S]*?(?:-----END [^-]*-----|$)/g, '[PEM]').trim();
  return withoutPem === '' ? '' : `: ${escapeForLog(maskSecrets(withoutPem), maxShown)}`;
}

/** PEM blocks of any order, or `{"certificate", "key", "ca", "renewAt"}`. Throws a SourceFailure. */
function readOutput(text: string, { want, label }: Pick<SourceConfig, 'want' | 'label'>): Delivery {
  if (text.trimStart().startsWith('{')) return readJson(text, want, label);
  if (want === 'anchors') return { anchorsPem: text };
  const keys = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----\r?\n?/g;
  return { pair: { certPem: text.replace(keys, ''), keyPem: (text.match(keys) ?? []).join('') } };
}

function readJson(text: string, want: SourceConfig['want'], label: string): Delivery {
  const refuse = (what: string): never => {
    const hint = 'Print {"certificate": PEM, "key": PEM}, for CAs {"ca": PEM}; "renewAt" is a time of RFC 3339.';
    throw new SourceFailure({ code: 'exec_output', message: `${label}: the command printed ${what}`, hint });
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse('what begins like JSON and is none');
  }
  const members = value as Readonly<Record<string, unknown>>;
  const textOf = (name: string): string => {
    const member = members[name];
    return typeof member === 'string' ? member : refuse(`JSON in which "${name}" is no text`);
  };
  const renewAt = members['renewAt'] === undefined ? undefined : Date.parse(textOf('renewAt'));
  if (renewAt !== undefined && Number.isNaN(renewAt)) return refuse('JSON in which "renewAt" is no time');
  const when = renewAt === undefined ? {} : { renewAt };
  if (want === 'anchors') return { anchorsPem: textOf('ca'), ...when };
  return { pair: { certPem: textOf('certificate'), keyPem: textOf('key') }, ...when };
}
