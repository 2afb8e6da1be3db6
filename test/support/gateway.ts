// The real gateway as a user runs it: the command line in a process of its own, on ports of its own, watched through
// its log and its signals only.
import { get } from '../../src/base/node-http.ts';
import { isMap, parseDocument } from 'yaml';
import { type Exit, type OwnedProcess, startProcess } from './owned-process.ts';
import { program } from './program.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { Feed, SAFETY_NET_MS, type WaitOptions } from './wait-for.ts';

export type EntryPointName = 'web' | 'webSecure' | 'admin';

/** One line of the gateway's log; lines that are not JSON arrive as `{ msg: text }`. */
export type LogLine = Readonly<Record<string, unknown>> & { readonly msg: string };

export type GatewayOptions = {
  /** The configuration as text … */
  readonly yaml?: string;
  /** … or as a file. It is used as it is; with `yaml`, see `tameConfig`. */
  readonly configFile?: string;
  /** Where `yaml` is written as `gateway.yml`, so that relative paths in it mean files there. */
  readonly dir?: TempDir;
  /** Written into `yaml` where it says nothing about workers. Default 1. */
  readonly workers?: number;
  /** Entry points to wait for, where it is not what the configuration says. */
  readonly entryPoints?: readonly EntryPointName[];
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `run`. */
  readonly args?: readonly string[];
};

export type AdminAnswer = { readonly status: number; readonly body: string };

export type Gateway = {
  readonly pid: number;
  /** The file it runs. */
  readonly configFile: string;
  /** Port of each entry point that listens. */
  readonly ports: Readonly<Record<EntryPointName, number>>;
  /** Everything it has logged, parsed. */
  readonly log: Feed<LogLine>;
  /** The next or an earlier log line that fits; `{ from: gateway.log.length }` for later ones only. */
  waitForLog(fits: (line: LogLine) => boolean, options?: WaitOptions): Promise<LogLine>;
  /** SIGHUP. Where it has an effect, the log says so: wait for that line. */
  reload(): void;
  signal(signal: NodeJS.Signals): void;
  /** GET on the admin listener. */
  admin(path: string): Promise<AdminAnswer>;
  /** Replaces the file it runs by another configuration, tamed as at the start. What happens then, the log says. */
  rewrite(yaml: string): void;
  readonly exited: Promise<Exit>;
  /** SIGTERM, waits for the end; SIGKILL where it does not end. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A gateway that would not start: its log and how it ended. */
export class StartFailure extends Error {
  readonly exit: Exit | undefined;
  readonly log: readonly LogLine[];

  constructor(log: Feed<LogLine>, exit: Exit | undefined, cause: unknown) {
    super(`the gateway did not start\n${log.tail(40)}`, { cause });
    this.exit = exit;
    this.log = log.items;
  }
}

/**
 * Makes a configuration fit to run beside others: every entry point on 127.0.0.1 and any free port, and a number of
 * workers where none is named. Text that already says so comes back untouched, with its lines and columns.
 */
export function tameConfig(yaml: string, workers = 1): string {
  const document = parseDocument(yaml);
  // What is broken on purpose is for the gateway to verify.
  const isOpen = (path: readonly string[]): boolean => !document.hasIn(path) || isMap(document.getIn(path));
  if (document.errors.length > 0 || !isMap(document.contents)) return yaml;
  if (!isOpen(['gateway']) || !isOpen(['gateway', 'entryPoints'])) return yaml;
  let touched = false;
  const put = (path: readonly string[], value: unknown): void => {
    if (document.getIn(path) === value) return;
    touched = true;
    document.setIn(path, value);
  };
  for (const name of ['web', 'webSecure', 'admin'] as const) {
    const path = ['gateway', 'entryPoints', name];
    if (isOpen(path)) put([...path, 'address'], '127.0.0.1:0');
  }
  if (!document.hasIn(['gateway', 'workers'])) put(['gateway', 'workers'], workers);
  return touched ? document.toString({ lineWidth: 0 }) : yaml;
}

function enabledEntryPoints(yaml: string): EntryPointName[] {
  const document = parseDocument(yaml);
  return (['web', 'webSecure', 'admin'] as const).filter(
    (name) => document.getIn(['gateway', 'entryPoints', name, 'enabled']) !== false,
  );
}

/** Starts `countersign run` and waits until every entry point listens. Rejects with StartFailure. */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const ownDir = options.dir === undefined ? openTempDir('gateway') : undefined;
  const dir = options.dir ?? ownDir;
  const workers = options.workers ?? 1;
  const tamed = tameConfig(options.yaml ?? '', workers);
  const configFile = options.configFile ?? dir?.write('gateway.yml', tamed) ?? '';
  const args = [program, 'run', '--config', configFile, ...(options.args ?? [])];
  const child = await startProcess(process.execPath, args, { name: 'gateway', env: options.env ?? {} });
  const log = new Feed<LogLine>('gateway');
  follow(child, log);
  const ports: Record<EntryPointName, number> = { web: 0, webSecure: 0, admin: 0 };
  const expected = options.entryPoints ?? enabledEntryPoints(options.yaml ?? '');
  try {
    for (const name of expected) {
      const wait = { what: `${name} to listen` };
      ports[name] = portOf(await log.waitFor((line) => isListening(line, name), wait));
    }
  } catch (error) {
    const exit = await child.stop('SIGKILL');
    ownDir?.remove();
    throw new StartFailure(log, exit, error);
  }
  const stop = async (signal?: NodeJS.Signals): Promise<Exit> => {
    const exit = await child.stop(signal);
    ownDir?.remove();
    return exit;
  };
  return {
    pid: child.pid,
    configFile,
    ports,
    log,
    waitForLog: (fits, wait) => log.waitFor(fits, wait),
    reload: () => void child.child.kill('SIGHUP'),
    signal: (signal) => void child.child.kill(signal),
    admin: (path) => getText(ports.admin, path),
    rewrite: (yaml) => void dir?.replace('gateway.yml', tameConfig(yaml, workers)),
    exited: child.exited,
    stop,
    async [Symbol.asyncDispose]() {
      await stop();
    },
  };
}

/** Reads the child's output, both streams, as log lines. */
function follow(child: OwnedProcess, log: Feed<LogLine>): void {
  child.lines.subscribe(({ text }) => log.push(parseLine(text)));
  void child.exited.then((exit) => log.end(`the gateway ended (${exit.signal ?? `exit ${exit.code}`})`));
}

export function parseLine(text: string): LogLine {
  if (!text.startsWith('{')) return { msg: text };
  try {
    return { msg: '', ...(JSON.parse(text) as Record<string, unknown>) };
  } catch {
    return { msg: text };
  }
}

function isListening(line: LogLine, name: EntryPointName): boolean {
  return line.msg === 'listening'
    ? line['entryPoint'] === name
    : new RegExp(`\\blistening\\b.*\\b${name}\\b`).test(line.msg);
}

function portOf(line: LogLine): number {
  const address = typeof line['address'] === 'string' ? line['address'] : line.msg;
  const port = /:(\d+)(?!.*:\d)/.exec(address)?.[1];
  if (port === undefined) throw new Error(`no port in ${JSON.stringify(line)}`);
  return Number(port);
}

function getText(port: number, path: string): Promise<AdminAnswer> {
  return new Promise((resolve, reject) => {
    const request = get({ host: '127.0.0.1', port, path, agent: false, timeout: SAFETY_NET_MS }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (body += chunk));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.on('error', reject);
    });
    request.on('timeout', () => request.destroy(new Error(`the admin listener did not answer ${path}`)));
    request.on('error', reject);
  });
}
