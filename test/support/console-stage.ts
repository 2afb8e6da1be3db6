// The stage of the journeys through the console: a gateway whose store has a policy that asks for client certificates, a service behind
// a real nginx that asks for ours, and a route between them; and how a person finds things on a page.
import type { Page } from 'playwright-core';
import { type ConsoleUnderTest, openConsole } from './console.ts';
import { curl, type CurlResult } from './curl.ts';
import { type Load, startLoad } from './load.ts';
import { type Nginx, startNginx } from './nginx.ts';
import { type CertFiles, openPki, type Pki } from './pki.ts';

export type Stage = AsyncDisposable & {
  readonly pki: Pki;
  readonly nginx: Nginx;
  readonly console: ConsoleUnderTest;
  readonly page: Page;
  /** A request through the gateway, as alice or whoever is given. */
  ask(path: string, as?: CertFiles): Promise<CurlResult>;
  load(path: string): Load;
  /** Opens a screen, and waits for its heading. */
  open(path: string, heading: string): Promise<void>;
};

export type StageOptions = {
  /** Without service and route. */
  readonly bare?: true;
};

const yaml = `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  accessLog: {enabled: false}
  certificates:
    - {id: edge, cert: edge.crt, key: edge.key}
  tls:
    certificateIds: [edge]
`;

const put = (kind: string, id: string, value: object): object => ({ kind, id, operation: 'put', value });

export async function openStage({ bare }: StageOptions = {}): Promise<Stage> {
  await using stack = new AsyncDisposableStack();
  const pki = stack.use(await openPki());
  const nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  const console = stack.use(await openConsole({ yaml, dir: pki.dir, workers: 2 }));
  const { page } = console;
  const tls = { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' };
  const changes = [
    put('certificates', 'gateway-client', { cert: pki.gateway.chainPem, key: pki.gateway.keyPem }),
    put('caBundles', 'partners', { ca: [pki.clients.certPem] }),
    put('caBundles', 'internal', { ca: pki.internal.certPem }),
    put('policies', 'partners', {
      hosts: ['localhost'],
      certificateIds: ['edge'],
      clientAuth: { caBundles: ['partners'], required: true },
    }),
    ...(bare === true
      ? []
      : [
          put('services', 'orders', { address: `localhost:${nginx.port}`, tls }),
          put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' }),
        ]),
  ];
  await console.api('POST', '/config:apply', { body: { parent: 0, changes } });
  const kept = stack.move();
  const port = console.gateway.ports.webSecure;
  return {
    pki,
    nginx,
    console,
    page,
    ask: async (path, { cert, key } = pki.alice) =>
      curl(`https://localhost:${port}${path}`, { ca: pki.servers.file, cert, key }),
    load: (path) =>
      startLoad({
        port,
        servername: 'localhost',
        path,
        ca: pki.servers.certPem,
        cert: pki.alice.chainPem,
        key: pki.alice.keyPem,
        connections: 4,
        pauseMs: 20,
      }),
    open: async (path, heading) => {
      await page.goto(`${console.url}${path}`);
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** One of a list of choices, by its label and the words of the choice. */
export async function choose(page: Page, label: string, option: string | RegExp): Promise<void> {
  await page.getByRole('button', { name: new RegExp(`\\b${label}$`) }).click();
  await page.getByRole('option', { name: option }).click();
}

/** What was announced. */
export async function waitForToast(page: Page, text: string): Promise<void> {
  await page.getByRole('status').getByText(text).waitFor();
}
