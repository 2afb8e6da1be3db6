// The stage of most journeys: a gateway that asks for client certificates in front of a real nginx that asks for the
// gateway's, each with certificates of its own. A journey says only what differs from that.
import assert from 'node:assert/strict';
import { type Gateway, type LogLine, startGateway } from './gateway.ts';
import { type Load, type LoadOptions, startLoad } from './load.ts';
import { type Nginx, startNginx } from './nginx.ts';
import { type CertFiles, openPki, type Pki } from './pki.ts';

export type SetupOptions = {
  /** Default 1. */
  readonly workers?: number;
  /** Value of `timeouts.drain`; default 60s. */
  readonly drain?: string;
  /** Value of `timeouts.idle`; default the gateway's. */
  readonly idle?: number;
  /** Lines for `gateway:`, indented by two spaces: `accessLog`, `timeouts`, … */
  readonly gateway?: string;
  /** Lines for `tls:` besides certificates and clientAuth, indented by four spaces. */
  readonly tls?: string;
  /** The value of `clientAuth` as YAML; default clients-ca.crt, required. '' leaves it out. */
  readonly clientAuth?: string;
  /** The value of `certificates` as YAML. */
  readonly certificates?: string;
  /** Writes further files before the gateway starts. */
  readonly prepare?: (pki: Pki) => void | Promise<void>;
  /** Where requests go; default the setup's nginx over mTLS. */
  readonly target?: string;
  /** Lines for the setup's route, indented by six spaces. */
  readonly route?: string;
  /** Further routes to the same target, as lines. */
  readonly routes?: (target: string) => string;
};

export type Setup = {
  readonly pki: Pki;
  readonly nginx: Nginx;
  readonly gateway: Gateway;
  /** The configuration, with changes. */
  readonly yaml: (changes?: SetupOptions) => string;
  /** Load through the gateway as alice or whoever is given; it ends with the setup at the latest. */
  load(options?: Partial<LoadOptions> & { readonly as?: CertFiles }): Load;
  /** Current value of a metric summed over its labels; `labels` is a part of the label text. */
  metric(name: string, labels?: string): Promise<number>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Relative paths in the configuration mean files of `pki.dir`, where gateway.yml stands too. */
export async function openSetup(options: SetupOptions = {}): Promise<Setup> {
  const pki = await openPki();
  const nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
  const yaml = (changes: SetupOptions = {}): string => renderYaml({ ...options, ...changes }, nginx.port);
  const loads: Load[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(loads.map(async (load) => load.stop()));
    await nginx.stop();
    pki.remove();
  };
  let gateway: Gateway;
  try {
    await options.prepare?.(pki);
    gateway = await startGateway({ yaml: yaml(), dir: pki.dir, workers: options.workers ?? 1 });
  } catch (error) {
    await close();
    throw error;
  }
  return {
    pki,
    nginx,
    gateway,
    yaml,
    load({ as = pki.alice, ...load } = {}) {
      const trust = { ca: pki.servers.certPem, cert: as.chainPem, key: as.keyPem };
      const port = gateway.ports.webSecure;
      const started = startLoad({ port, servername: 'localhost', connections: 4, ...trust, ...load });
      loads.push(started);
      return started;
    },
    async metric(name, labels) {
      return sumOf((await gateway.admin('/metrics')).body, name, labels);
    },
    async [Symbol.asyncDispose]() {
      // First the load: what it would meet while the gateway ends is not its business.
      await Promise.all(loads.map(async (load) => load.stop()));
      await gateway.stop();
      await close();
    },
  };
}

function renderYaml(options: SetupOptions, backendPort: number): string {
  const { clientAuth = '{clientCA: clients-ca.crt, required: true}' } = options;
  const { target = `https://localhost:${backendPort}` } = options;
  return `version: 2
gateway:
  timeouts: {drain: ${options.drain ?? '60s'}${options.idle === undefined ? '' : `, idle: ${options.idle}`}}
${options.gateway ?? '  accessLog: {enabled: false}'}
  tls:
    certificates: ${options.certificates ?? '[{cert: edge.crt, key: edge.key}]'}
${clientAuth === '' ? '' : `    clientAuth: ${clientAuth}`}
${options.tls ?? ''}
  routes:
    - name: all
      path: /
      hosts: [localhost, a.test, b.test]
      target: ${target}
${options.route ?? '      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}'}
${options.routes?.(target) ?? ''}
`;
}

export type ReloadOutcome = {
  readonly ok: boolean;
  /** Everything that was logged on the way. */
  readonly lines: readonly LogLine[];
};

/** Ends a load and fails unless every request of it passed, the first time. */
export async function expectFlawless(...loads: readonly Load[]): Promise<void> {
  for (const load of loads) {
    const { ok, failed, retried, reasons } = await load.stop();
    assert.ok(ok > 0);
    assert.deepEqual({ failed, retried }, { failed: 0, retried: 0 }, JSON.stringify([...reasons]));
  }
}

/** Does something that makes the gateway load its configuration, and waits for what comes of it. */
export async function reloadBy(gateway: Gateway, act: () => void): Promise<ReloadOutcome> {
  const from = gateway.log.length;
  act();
  const isOutcome = ({ msg }: LogLine): boolean =>
    msg === 'configuration reloaded' || msg.startsWith('reload rejected');
  const last = await gateway.waitForLog(isOutcome, { from, what: 'the outcome of a reload' });
  const lines = gateway.log.items.slice(from, gateway.log.items.indexOf(last) + 1);
  return { ok: last.msg === 'configuration reloaded', lines };
}

let settled = 0;

/**
 * Gives a setup that several tests use in turn the configuration that the next one starts from. What another test may have
 * changed is written anew: the configuration as a whole, and by `prepare` the files that it names.
 */
export async function settle(setup: Setup, changes: Omit<SetupOptions, 'workers' | 'target'> = {}): Promise<void> {
  await changes.prepare?.(setup.pki);
  settled += 1;
  // The comment makes it another text in any case, so that a reload follows.
  const yaml = `${setup.yaml(changes)}# ${settled}\n`;
  const { ok, lines } = await reloadBy(setup.gateway, () => setup.gateway.rewrite(yaml));
  assert.ok(ok, JSON.stringify(lines));
}

/** Sum of the samples of `name` in Prometheus text whose labels contain `labels`; 0 where there are none. */
export function sumOf(text: string, name: string, labels = ''): number {
  let sum = 0;
  for (const line of text.split('\n')) {
    const sample = /^([a-z0-9_]+)(\{.*\})? (\S+)$/.exec(line);
    if (sample?.[1] === name && (sample[2] ?? '').includes(labels)) sum += Number(sample[3]);
  }
  return sum;
}
