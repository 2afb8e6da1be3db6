// The gateways that are measured: how each is found, asked for its version, configured and started. Every one gets one
// worker and the same certificates; configurations are the templates in bench/peers/, `{{name}}` filled in here.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { OwnedProcess } from '../test/support/owned-process.ts';
import { findCommand } from '../test/support/peers.ts';
import type { Pki } from '../test/support/pki.ts';
import type { Backend } from './workload.ts';
import { envoyLog } from './envoy-log.ts';
import { type Prepared, spawnPinned, startOnFreePort } from './pinned.ts';
import type { Token } from './token.ts';

/** `against`: ourselves as another commit has it. */
export type PeerName = 'countersign' | 'against' | 'nginx' | 'haproxy' | 'caddy' | 'envoy';

/** `optional`: for load generators without client certificates. */
export type ClientAuth = 'required' | 'optional';

export type Peer = {
  readonly name: PeerName;
  readonly command: string;
  readonly versionArgs: readonly string[];
  readonly template: string;
  /** What the template puts in where clients need a certificate, and where they may come without one. */
  readonly clientAuth: Readonly<Record<ClientAuth, string>>;
  /** What the template puts in for the protocol of the backend. */
  readonly legs: Readonly<Record<'h1' | 'h2', Readonly<Record<string, string>>>>;
  /** What the template puts in for the access log, in JSON lines into `file`; undefined: none. */
  readonly log: (file: string | undefined) => string;
  /** Whose access log is its standard output. */
  readonly logsToOutput?: true;
  /** Arguments that run `config` in the foreground with so many workers, as far as the template does not say it. */
  readonly args: (config: string, dir: string, workers: number) => readonly string[];
  readonly env?: (dir: string, workers: number) => Readonly<Record<string, string>>;
  /** What it says once it serves, with its port, where it finds one itself. */
  readonly ready?: RegExp;
  /** What it says of the port where its metrics are. */
  readonly admin?: RegExp;
};

/** Built before a run: what is measured is what is installed. */
const MAIN = new URL('../dist/cli/main.js', import.meta.url).pathname;
const GRPC_BACKEND = new URL('grpc-backend.ts', import.meta.url).pathname;

/** Ourselves, built so that `main` is the command line. */
export function countersignAt(main: string, name: PeerName = 'countersign'): Peer {
  return {
    name,
    command: process.execPath,
    versionArgs: [main, '--version'],
    template: 'countersign.yml',
    clientAuth: { required: 'true', optional: 'false' },
    legs: { h1: { http2: 'off' }, h2: { http2: 'on' } },
    log: (file) => (file === undefined ? 'enabled: false' : `path: "${file}"`),
    args: (config) => [main, 'run', '--config', config],
    // As the installed command has it; the same for all starts of a run.
    env: (dir) => ({ NODE_COMPILE_CACHE: join(dirname(dir), 'compiled') }),
    // Its port is tried before it serves: that something accepts there says nothing yet.
    ready: /\blistening\b.*\bwebSecure\b.*:(\d+)/,
    admin: /\blistening\b.*\badmin\b.*:(\d+)/,
  };
}

export const peers: readonly Peer[] = [
  countersignAt(MAIN),
  {
    name: 'nginx',
    command: 'nginx',
    versionArgs: ['-v'],
    template: 'nginx.conf',
    clientAuth: { required: 'on', optional: 'optional' },
    // HTTP/2 to backends is what grpc_pass speaks, with one request at a time on a connection; proxy_pass does from 1.29.4 on.
    legs: {
      h1: {
        module: 'proxy',
        pass: 'proxy_pass https://backend;',
        connection: 'proxy_set_header Connection "";',
        buffers:
          'proxy_http_version 1.1; proxy_request_buffering off; proxy_buffer_size 16k; proxy_buffers 16 16k; proxy_max_temp_file_size 0;',
      },
      h2: { module: 'grpc', pass: 'grpc_pass grpcs://backend;', connection: '', buffers: 'grpc_buffer_size 16k;' },
    },
    // Its own way to save writes, as ours has it.
    log: (file) => (file === undefined ? 'access_log off;' : `access_log ${file} json buffer=64k flush=1s;`),
    args: (config, dir) => ['-p', dir, '-e', `${dir}/nginx-error.log`, '-c', config],
  },
  {
    name: 'haproxy',
    command: 'haproxy',
    versionArgs: ['-v'],
    template: 'haproxy.cfg',
    clientAuth: { required: 'required', optional: 'optional' },
    legs: { h1: { alpn: 'http/1.1' }, h2: { alpn: 'h2' } },
    log: (file) =>
      file === undefined ? 'no log' : 'log stdout format raw local0\n  http-request set-var(txn.host) req.hdr(host)',
    logsToOutput: true,
    args: (config) => ['-db', '-f', config],
  },
  {
    name: 'caddy',
    command: 'caddy',
    versionArgs: ['version'],
    template: 'Caddyfile',
    clientAuth: { required: 'require_and_verify', optional: 'verify_if_given' },
    legs: { h1: { versions: '1.1' }, h2: { versions: '2' } },
    log: (file) => (file === undefined ? '' : `log {\n\t\toutput file ${file}\n\t\tformat json\n\t}`),
    args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
    env: (dir, workers) => ({ GOMAXPROCS: String(workers), HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir }),
  },
  {
    name: 'envoy',
    command: 'envoy',
    versionArgs: ['--version'],
    template: 'envoy.yaml',
    clientAuth: { required: 'true', optional: 'false' },
    legs: {
      h1: { alpn: 'http/1.1', options: 'http_protocol_options' },
      h2: { alpn: 'h2', options: 'http2_protocol_options' },
    },
    log: (file) => (file === undefined ? '[]' : `[${envoyLog(file)}]`),
    args: (config, _dir, workers) => {
      return ['--concurrency', String(workers), '--disable-hot-restart', '--log-level', 'error', '-c', config];
    },
  },
];

/** Version as the program prints it; undefined where it is not installed or does not start. */
export function findVersion(peer: Peer): string | undefined {
  const command = findCommand(peer.command) ?? (peer.command.startsWith('/') ? peer.command : undefined);
  if (command === undefined) return undefined;
  const run = spawnSync(command, peer.versionArgs, { encoding: 'utf8', timeout: 20_000 });
  if (run.status !== 0) return undefined;
  return /\d+\.\d+(?:\.\d+)?/.exec(run.stdout + run.stderr)?.[0] ?? 'unknown version';
}

export type Setup = {
  readonly pki: Pki;
  readonly clientAuth: ClientAuth;
  readonly backend: Backend;
  readonly backendPort: number;
  /** Cores for the gateway, and for load and backend. */
  readonly cores: { readonly gateway: string; readonly load: string };
  readonly token: Token;
  /** Gateways write an access log. */
  readonly withLog?: boolean;
  /** Processes or threads that serve; default 1. */
  readonly workers?: number;
};

export type RunningPeer<Name = PeerName> = {
  readonly name: Name;
  readonly port: number;
  /** Of ours. */
  readonly adminPort?: number;
  /** Its access log, where it has one. */
  readonly logFile?: string | undefined;
  readonly process: OwnedProcess;
};

/** The answer of the backend: 107 bytes of JSON. */
export const SMALL_JSON = `{"id":4711,"name":"countersign","note":"${'x'.repeat(107 - 42)}"}`;

/** Starts the backend on the load's core; waits until it accepts. */
export async function startBackend(pki: Pki, core: string, kind: Backend = 'h1'): Promise<RunningPeer<'backend'>> {
  pki.dir.write('content/1m', Buffer.alloc(1 << 20, 'countersign '));
  return startOnFreePort('backend', core, (port) => {
    if (kind === 'grpc') {
      const args = [GRPC_BACKEND, String(port), pki.backend.cert, pki.backend.key, pki.internal.file];
      return { command: [process.execPath, ...args] };
    }
    const given = { ...values(pki), port, json: SMALL_JSON, http2: kind === 'h2' ? 'http2' : '' };
    const config = pki.dir.write('backend.conf', render('backend.conf', given));
    const args = ['-p', pki.dir.path, '-e', pki.dir.file('backend-error.log'), '-c', config];
    return { command: ['nginx', ...args] };
  });
}

/** Starts one gateway on its core, with a folder of its own; waits until it accepts. */
export async function startPeer(
  peer: Peer,
  { pki, clientAuth, backend, backendPort, cores, token, withLog, workers = 1 }: Setup,
): Promise<RunningPeer> {
  const leg = peer.legs[backend === 'h1' ? 'h1' : 'h2'];
  const tokenKey = pki.dir.write('token.pem', token.publicKey);
  const tokenKeys = pki.dir.write('token.json', token.jwks);
  const keys = { tokenKey, tokenKeys };
  const dir = mkdtempSync(join(pki.dir.path, `${peer.name}-`));
  const logFile = withLog === true ? join(dir, 'access.log') : undefined;
  const prepare = (port: number): Prepared => {
    const told = { workers, clientAuth: peer.clientAuth[clientAuth], log: peer.log(logFile), port, backendPort };
    const given = { ...values(pki), ...keys, ...leg, ...told };
    const config = join(dir, peer.template);
    writeFileSync(config, render(peer.template, given));
    const command = [findCommand(peer.command) ?? peer.command, ...peer.args(config, dir, workers)];
    return {
      command: logFile !== undefined && peer.logsToOutput === true ? [...redirect, logFile, ...command] : command,
      env: peer.env?.(dir, workers) ?? {},
    };
  };
  const { ready, admin } = peer;
  if (ready === undefined) return { ...(await startOnFreePort(peer.name, cores.gateway, prepare)), logFile };
  const child = await spawnPinned(peer.name, cores.gateway, prepare(0));
  const line = await child.lines.waitFor(({ text }) => ready.test(text), { what: `${peer.name} to listen` });
  const port = Number(ready.exec(line.text)?.[1]);
  if (admin === undefined) return { name: peer.name, port, process: child };
  const other = await child.lines.waitFor(({ text }) => admin.test(text), {
    what: `${peer.name} to say its admin port`,
  });
  return { name: peer.name, port, adminPort: Number(admin.exec(other.text)?.[1]), logFile, process: child };
}

/** Runs what follows the name of a file, with its output in that. */
const redirect = ['sh', '-c', 'exec "$@" >"$0"'];

function values(pki: Pki): Record<string, string> {
  const bundle = (name: string, files: { chainPem: string; keyPem: string }): string =>
    pki.dir.write(`${name}-bundle.pem`, files.chainPem + files.keyPem);
  return {
    dir: pki.dir.path,
    clientsCa: pki.clients.file,
    internalCa: pki.internal.file,
    edgeCert: pki.downstream.cert,
    edgeKey: pki.downstream.key,
    edgeBundle: bundle('edge', pki.downstream),
    gatewayCert: pki.gateway.cert,
    gatewayKey: pki.gateway.key,
    gatewayBundle: bundle('gateway', pki.gateway),
    backendCert: pki.backend.cert,
    backendKey: pki.backend.key,
  };
}

function render(template: string, given: Readonly<Record<string, string | number>>): string {
  const text = readFileSync(new URL(`peers/${template}`, import.meta.url), 'utf8');
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = given[name];
    if (value === undefined) throw new Error(`${template}: nothing to put for {{${name}}}`);
    return String(value);
  });
}
