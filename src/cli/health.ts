// `countersign health`: one question to the admin entry point, answered by the exit code and one line. It is what a container without a shell
// and curl can ask itself with; the configuration is not read for it, since it is asked every few seconds.
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Command } from 'commander';
import { escapeForLog } from '../base/log-text.ts';
import { get } from '../base/node-http.ts';
import { type CommandIo, finish } from './command-io.ts';
import { parseSeconds } from './seconds-option.ts';

type Options = { readonly ca?: string; readonly serverName?: string; readonly timeout: number };
type Verdict = { readonly ok: boolean; readonly line: string };

const defaultUrl = 'http://127.0.0.1:9901';
/** Of the answer; what our gateway says is shorter. */
const maxShown = 200;

export function healthCommand(io: CommandIo = process): Command {
  return new Command('health')
    .argument('[url]', 'admin URL of the gateway; with a path: /healthz in place of /readyz', defaultUrl)
    .option('--ca <file>', 'https: the CAs that its certificate must come from (PEM)')
    .option('--server-name <name>', 'https: the name in its certificate, where the URL has another')
    .option('--timeout <seconds>', 'for all of it', parseSeconds, 5)
    .addHelpText('after', '\nExit code: 0 it is ready (answer 200), 1 it is not, or nobody answers as it should.')
    .action(async (where: string, options: Options) => {
      const { ok, line } = await ask(where, options);
      finish(io, `${line}\n`, ok ? 0 : 1);
    });
}

async function ask(where: string, options: Options): Promise<Verdict> {
  const url = URL.canParse(where) ? new URL(where) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) return no(`${where}: not a URL of http or https`);
  if (url.pathname === '/') url.pathname = '/readyz';
  try {
    const { status, text } = await fetchText(url, options);
    const said = escapeForLog(text.trim(), maxShown);
    if (status === 200) return { ok: true, line: said === '' ? 'ok' : said };
    return no(`${url.href} answered ${status}${said === '' ? '' : `: ${said}`}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return no(`${url.href}: ${code ?? message}`);
  }
}

function no(line: string): Verdict {
  return { ok: false, line: `not healthy: ${line}` };
}

type Answer = { readonly status: number; readonly text: string };

async function fetchText(url: URL, { ca, serverName, timeout }: Options): Promise<Answer> {
  const signal = AbortSignal.timeout(timeout * 1000);
  const isTls = url.protocol === 'https:';
  // Most are asked on loopback, without TLS, and need not load it.
  const send = isTls ? (await import('node:https')).get : get;
  const trust = isTls && ca !== undefined ? { ca: readFileSync(ca) } : {};
  const name = isTls && serverName !== undefined ? { servername: serverName } : {};
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(signal.aborted ? new Error(`no answer within ${timeout} s`, { cause: error }) : error);
    const onAnswer = (answer: IncomingMessage): void => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (chunk: string) => (text = (text + chunk).slice(0, maxShown + 1)));
      answer.on('error', fail);
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    };
    send(url, { agent: false, signal, ...trust, ...name }, onAnswer).on('error', fail);
  });
}
