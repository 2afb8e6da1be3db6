// Debian's pebble as a real ACME server: TLS by a certificate of the test's own CA, names by the test's own name server, no waiting between
// validations. It loses everything when it is stopped, as its makers intend.
import { systemClock } from '../../src/base/clock.ts';
import { askBy } from '../../src/base/exchange.ts';
import type { Authority } from './pki.ts';
import { type DnsServer, startDns } from './dns.ts';
import { accepts, findFreePort } from './free-port.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import type { TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type PebbleOptions = {
  readonly dir: TempDir;
  /** Issues the certificate of the server itself. */
  readonly authority: Authority;
  /** Names that exist: all at 127.0.0.1. */
  readonly names: readonly string[];
  /** Ports where the challenges are looked for; default free ones. */
  readonly httpPort?: number;
  readonly tlsPort?: number;
  /** Fixed port, to come back where another was. */
  readonly port?: number;
  /** Of customers; with it nobody else gets an account. */
  readonly externalAccounts?: Readonly<Record<string, string>>;
  /** PEBBLE_…: NONCEREJECT of 100 valid nonces, … */
  readonly env?: Readonly<Record<string, string>>;
};

export type Pebble = {
  /** URL of the directory. */
  readonly directory: string;
  readonly port: number;
  readonly httpPort: number;
  readonly tlsPort: number;
  readonly dns: DnsServer;
  readonly lines: OwnedProcess['lines'];
  /** The root of what it issues, PEM; a new one after each start. */
  root(index?: number): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startPebble(options: PebbleOptions): Promise<Pebble> {
  const { dir, authority, names, externalAccounts, env } = options;
  const [port, managementPort] = [options.port ?? (await findFreePort()), await findFreePort()];
  const [httpPort, tlsPort] = [options.httpPort ?? (await findFreePort()), options.tlsPort ?? (await findFreePort())];
  const server = await authority.issueFiles(`pebble-${port}`, { kind: 'server', sans: ['localhost', '127.0.0.1'] });
  const config = dir.write(
    `pebble-${port}.json`,
    JSON.stringify({
      pebble: {
        listenAddress: `127.0.0.1:${port}`,
        managementListenAddress: `127.0.0.1:${managementPort}`,
        certificate: server.cert,
        privateKey: server.key,
        httpPort,
        tlsPort,
        ocspResponderURL: '',
        externalAccountBindingRequired: externalAccounts !== undefined,
        externalAccountMACKeys: externalAccounts ?? {},
      },
    }),
  );
  const dns = await startDns(Object.fromEntries(names.map((name) => [name, { addresses: ['127.0.0.1'] }])));
  const child = await startProcess(
    requireCommand('pebble'),
    ['-strict', '-config', config, '-dnsserver', dns.address],
    { name: 'pebble', env: { PEBBLE_VA_NOSLEEP: '1', PEBBLE_WFE_NONCEREJECT: '0', PEBBLE_AUTHZREUSE: '0', ...env } },
  );
  await eventually(async () => (await accepts(port)) && accepts(managementPort), { what: 'pebble' });
  let isStopped = false;
  const stop = async (signal: NodeJS.Signals = 'SIGKILL'): Promise<void> => {
    if (isStopped) return;
    isStopped = true;
    await child.stop(signal);
    await dns[Symbol.asyncDispose]();
  };
  return {
    directory: `https://localhost:${port}/dir`,
    port,
    httpPort,
    tlsPort,
    dns,
    lines: child.lines,
    root: async (index = 0) => readText(`https://localhost:${managementPort}/roots/${index}`, authority.certPem),
    stop,
    [Symbol.asyncDispose]: async () => stop(),
  };
}

async function readText(url: string, ca: string): Promise<string> {
  return (await askBy(systemClock)({ method: 'GET', url: new URL(url), headers: {}, ca })).text;
}
