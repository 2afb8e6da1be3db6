// A real curl: what a user would run, and what came back.
import { readFileSync } from 'node:fs';
import { runToEnd } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir } from './temp.ts';
import { SAFETY_NET_MS } from './wait-for.ts';

export type CurlOptions = {
  /** Files. */
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sends the names in the URL to 127.0.0.1, whatever DNS says. Default true. */
  readonly loopback?: boolean;
  readonly args?: readonly string[];
};

export type CurlResult = {
  /** 0 where no answer came. */
  readonly status: number;
  /** Of the last answer, names in lower case; repeated ones joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** curl's own verdict: 0 ok, 56 connection reset, 35 handshake failed, 60 server not trusted, 18 truncated, … */
  readonly exitCode: number;
  readonly stderr: string;
};

/** One call. Never rejects because of what the server does. */
export async function curl(url: string, options: CurlOptions = {}): Promise<CurlResult> {
  using dir = openTempDir('curl');
  const head = dir.write('head', '');
  const { hostname, port, protocol } = new URL(url);
  const args = ['-q', '-sS', '--noproxy', '*', '-D', head, '-o', '-', '--max-time', String(SAFETY_NET_MS / 1000)];
  if (options.loopback !== false && !/^[[\d]/.test(hostname)) {
    args.push('--resolve', `${hostname}:${port || (protocol === 'https:' ? '443' : '80')}:127.0.0.1`);
  }
  if (options.cert !== undefined) args.push('--cert', options.cert);
  if (options.key !== undefined) args.push('--key', options.key);
  if (options.ca !== undefined) args.push('--cacert', options.ca);
  if (options.method !== undefined) args.push(options.method === 'HEAD' ? '-I' : `-X${options.method}`);
  for (const [name, value] of Object.entries(options.headers ?? {})) args.push('-H', `${name}: ${value}`);
  if (options.body !== undefined) args.push('--data-binary', '@-');
  const run = await runToEnd(requireCommand('curl'), [...args, ...(options.args ?? []), url], {
    input: options.body ?? '',
  });
  return { ...readHead(readFileSync(head, 'latin1')), body: run.stdout, exitCode: run.code ?? -1, stderr: run.stderr };
}

/** The last head of the dump: interim answers (1xx) and redirects come before it. */
function readHead(dump: string): { status: number; headers: Record<string, string> } {
  const last = dump.trimEnd().split('\r\n\r\n').at(-1) ?? '';
  const [statusLine = '', ...lines] = last.split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return { status: Number(statusLine.split(' ')[1] ?? 0), headers };
}
