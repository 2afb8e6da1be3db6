// The gateways that are measured: how each is found, asked for its version, configured and started. Every one gets one
// worker and the same certificates; configurations are the templates in bench/peers/, `{{name}}` filled in here.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { accepts, findFreePort } from '../test/support/free-port.ts';
import { type OwnedProcess, startProcess } from '../test/support/owned-process.ts';
import { findCommand } from '../test/support/peers.ts';
import type { Pki } from '../test/support/pki.ts';
import { eventually } from '../test/support/wait-for.ts';
import type { Backend } from './job.ts';
import type { Token } from './token.ts';

export type PeerName = 'countersign' | 'nginx' | 'haproxy' | 'caddy' | 'envoy';

/** `optional`: for load generators without client certificates. */
export type ClientAuth = 'required' | 'optional';

type Peer = {
  readonly name: PeerName;
  readonly command: string;
  readonly versionArgs: readonly string[];
  readonly template: string;
  /** What the template puts in where clients need a certificate, and where they may come without one. */
  readonly clientAuth: Readonly<Record<ClientAuth, string>>;
  /** What the template puts in for the protocol of the backend. */
  readonly legs: Readonly<Record<'h1' | 'h2', Readonly<Record<string, string>>>>;
  /** Arguments that run `config` in the foreground with one worker. */
  readonly args: (config: string, dir: string) => readonly string[];
  readonly env?: (dir: string) => Readonly<Record<string, string>>;
  /** What it says once it serves, where a port that accepts is no sign: it may be tried before. */
  readonly ready?: RegExp;
};

/** Built before a run: what is measured is what is installed. */
const MAIN = new URL('../dist/cli/main.js', import.meta.url).pathname;
const GRPC_BACKEND = new URL('grpc-backend.ts', import.meta.url).pathname;

export const peers: readonly Peer[] = [
  {
    name: 'countersign',
    command: process.execPath,
    versionArgs: [MAIN, '--version'],
    template: 'countersign.yml',
    clientAuth: { required: 'true', optional: 'false' },
    legs: { h1: { http2: 'off' }, h2: { http2: 'on' } },
    args: (config) => [MAIN, 'run', '--config', config],
    ready: /\blistening\b.*\bwebSecure\b/,
  },
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
        pass: 'proxy_pass https://backend; proxy_http_version 1.1; proxy_set_header Connection "";',
        buffers: 'proxy_buffer_size 16k; proxy_buffers 16 16k; proxy_max_temp_file_size 0;',
      },
      h2: { module: 'grpc', pass: 'grpc_pass grpcs://backend;', buffers: 'grpc_buffer_size 16k;' },
    },
    args: (config, dir) => ['-p', dir, '-e', `${dir}/nginx-error.log`, '-c', config],
  },
  {
    name: 'haproxy',
    command: 'haproxy',
    versionArgs: ['-v'],
    template: 'haproxy.cfg',
    clientAuth: { required: 'required', optional: 'optional' },
    legs: { h1: { alpn: 'http/1.1' }, h2: { alpn: 'h2' } },
    args: (config) => ['-db', '-f', config],
  },
  {
    name: 'caddy',
    command: 'caddy',
    versionArgs: ['version'],
    template: 'Caddyfile',
    clientAuth: { required: 'require_and_verify', optional: 'verify_if_given' },
    legs: { h1: { versions: '1.1' }, h2: { versions: '2' } },
    args: (config) => ['run', '--adapter', 'caddyfile', '--config', config],
    env: (dir) => ({ GOMAXPROCS: '1', HOME: dir, XDG_DATA_HOME: dir, XDG_CONFIG_HOME: dir }),
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
    args: (config) => ['--concurrency', '1', '--disable-hot-restart', '--log-level', 'error', '-c', config],
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
};

export type RunningPeer<Name = PeerName> = {
  readonly name: Name;
  readonly port: number;
  readonly process: OwnedProcess;
};

/** The answer of the backend: 107 bytes of JSON. */
export const SMALL_JSON = `{"id":4711,"name":"countersign","note":"${'x'.repeat(107 - 42)}"}`;

/** Starts the backend on the load's core; waits until it accepts. */
export async function startBackend(pki: Pki, core: string, kind: Backend = 'h1'): Promise<RunningPeer<'backend'>> {
  const port = await findFreePort();
  if (kind === 'grpc') {
    const args = [GRPC_BACKEND, String(port), pki.backend.cert, pki.backend.key, pki.internal.file];
    return start('backend', port, core, [process.execPath, ...args], {});
  }
  pki.dir.write('content/1m', Buffer.alloc(1 << 20, 'countersign '));
  const given = { ...values(pki), port, json: SMALL_JSON, http2: kind === 'h2' ? 'http2' : '' };
  const config = pki.dir.write('backend.conf', render('backend.conf', given));
  const args = ['-p', pki.dir.path, '-e', pki.dir.file('backend-error.log'), '-c', config];
  return start('backend', port, core, ['nginx', ...args], {});
}

/** Starts one gateway on its core; waits until it accepts. */
export async function startPeer(
  peer: Peer,
  { pki, clientAuth, backend, backendPort, cores, token }: Setup,
): Promise<RunningPeer> {
  const port = await findFreePort();
  const leg = peer.legs[backend === 'h1' ? 'h1' : 'h2'];
  const tokenKey = pki.dir.write('token.pem', token.publicKey);
  const tokenKeys = pki.dir.write('token.json', token.jwks);
  const keys = { tokenKey, tokenKeys };
  const given = { ...values(pki), ...keys, ...leg, clientAuth: peer.clientAuth[clientAuth], port, backendPort };
  const config = pki.dir.write(peer.template, render(peer.template, given));
  const command = [peer.command, ...peer.args(config, pki.dir.path)];
  return start(peer.name, port, cores.gateway, command, peer.env?.(pki.dir.path) ?? {}, peer.ready);
}

async function start<Name extends string>(
  name: Name,
  port: number,
  core: string,
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  ready?: RegExp,
): Promise<RunningPeer<Name>> {
  const pinned = ['-c', core, findCommand(command) ?? command, ...args];
  const child = await startProcess('taskset', pinned, { name, env });
  const ended = (): boolean => child.exit() !== undefined;
  if (ready !== undefined) await said(child, ready);
  await eventually(() => ended() || accepts(port), { what: `${name} to accept connections` });
  if (ended()) throw new Error(`${name} did not start\n${child.lines.tail()}`);
  return { name, port, process: child };
}

/** Resolves where the process says so, and where it ends before. */
async function said({ lines }: OwnedProcess, ready: RegExp): Promise<void> {
  await lines.waitFor(({ text }) => ready.test(text)).catch(() => undefined);
}

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
