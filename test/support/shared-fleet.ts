// Several gateways as processes on one store, each with a name and a configuration of its own beside the others.
import { type Gateway, startGateway } from './gateway.ts';
import { openPki, type Pki } from './pki.ts';

export type FleetOptions = {
  /** Lines for `gateway:`, indented by two spaces; may differ by gateway. */
  readonly gateway?: (name: string) => string;
  /** Lines for `tls:`, indented by four spaces. */
  readonly tls?: string;
  readonly clientAuth?: string;
};

export type Fleet = {
  readonly pki: Pki;
  /** The configuration of one. */
  readonly yaml: (name: string, changes?: FleetOptions) => string;
  /** Starts one that is not there yet. */
  start(name: string, changes?: FleetOptions): Promise<Gateway>;
  /** Gives one another configuration; what comes of it its log says. */
  change(name: string, changes: FleetOptions): void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** `store`: the URL that all have; default a file beside them. */
export async function openFleet(options: FleetOptions = {}, store = 'sqlite:fleet.db'): Promise<Fleet> {
  const pki = await openPki();
  const started: Gateway[] = [];
  const yaml = (name: string, changes: FleetOptions = {}): string => render(name, { ...options, ...changes }, store);
  const write = (name: string, changes?: FleetOptions): string => pki.dir.write(`${name}.yml`, yaml(name, changes));
  return {
    pki,
    yaml,
    async start(name, changes) {
      const gateway = await startGateway({ configFile: write(name, changes), entryPoints: ['webSecure', 'admin'] });
      started.push(gateway);
      return gateway;
    },
    change: (name, changes) => void pki.dir.replace(`${name}.yml`, yaml(name, changes)),
    async [Symbol.asyncDispose]() {
      await Promise.all(started.map(async (gateway) => gateway.stop()));
      pki.remove();
    },
  };
}

function render(name: string, options: FleetOptions, store: string): string {
  const { clientAuth = '{clientCA: clients-ca.crt, required: true}', tls = '' } = options;
  return `version: 2
gateway:
  store: {url: "${store}"}
  workers: 1
  accessLog: {enabled: false}
  entryPoints:
    web: {enabled: false}
    webSecure: {address: '127.0.0.1:0'}
    admin: {address: '127.0.0.1:0'}
${options.gateway?.(name) ?? ''}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: ${clientAuth}
${tls}
  routes:
    - {name: all, path: /, hosts: [localhost], target: 'http://127.0.0.1:1', maintenance: {enabled: true, statusCode: 503}}
`;
}
