// As many policies and routes as take several pieces to the worker and several slices to build: each client is let in where its CA is
// trusted and nowhere else, at the start and after a reload that touches one policy, and those that touch all.
import assert from 'node:assert/strict';
import { describe, it, before, after } from 'node:test';
import { type Issued, mintCa } from '../../src/certs/test-ca.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';

const policies = 300;
const routes = 1_000;
/** The first, some in the middle (of other pieces), the last. */
const tried = [0, 1, 24, 25, 137, 299];

describe('a gateway of many policies and routes', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let gateway: Gateway;
  const clients = new Map<number, { readonly cert: string; readonly key: string }>();

  const yaml = (options: { readonly lifetime?: string; readonly caOf?: (at: number) => number } = {}): string => {
    const { lifetime = '1h', caOf = (at: number) => at } = options;
    const numbers = (count: number): number[] => Array.from({ length: count }, (_, at) => at);
    return `version: 2
gateway:
  entryPoints: {web: {enabled: false}}
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
    sessionResumption: {lifetime: ${lifetime}}
    policies:
${numbers(policies)
  .map(
    (at) =>
      `      - {name: p${at}, hosts: [p${at}.test], certificates: [{cert: p${at}.crt, key: p${at}.key}], clientAuth: {clientCA: p${caOf(at)}-ca.crt, required: true}}`,
  )
  .join('\n')}
  routes:
${numbers(routes)
  .map((at) => `    - {name: r${at}, path: /r${at}, target: "http://127.0.0.1:1", middlewares: [m${at % 10}]}`)
  .join('\n')}
middlewares:
${numbers(10)
  .map((at) => `  - {name: m${at}, type: response, rule: {statusCode: 200, body: "m${at}"}}`)
  .join('\n')}
`;
  };

  before(async () => {
    pki = stack.use(await openPki());
    const mint = async (at: number): Promise<void> => {
      const [ca, own]: [Awaited<ReturnType<typeof mintCa>>, Issued] = await Promise.all([
        mintCa({ cn: `clients of p${at}` }),
        pki.servers.issue({ kind: 'server', sans: [`p${at}.test`] }),
      ]);
      pki.dir.write(`p${at}-ca.crt`, ca.certPem);
      pki.dir.write(`p${at}.crt`, own.chainPem);
      pki.dir.write(`p${at}.key`, own.keyPem);
      if (!tried.includes(at)) return;
      const client = await ca.issue({ kind: 'client', cn: `client of p${at}` });
      clients.set(at, {
        cert: pki.dir.write(`client${at}.crt`, client.chainPem),
        key: pki.dir.write(`client${at}.key`, client.keyPem),
      });
    };
    for (let at = 0; at < policies; at += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => mint(at + i)));
    gateway = stack.use(await startGateway({ yaml: yaml(), dir: pki.dir, workers: 1 }));
  });

  /** The body of the answer, or curl's verdict. */
  async function ask(host: number, as: number, route = 0): Promise<string> {
    const url = `https://p${host}.test:${gateway.ports.webSecure}/r${route}`;
    const { status, body, exitCode } = await curl(url, { ca: pki.servers.file, ...clients.get(as) });
    return status === 200 ? body : exitCode === 0 ? `status ${status}` : 'refused';
  }

  async function reload(text: string): Promise<void> {
    const from = gateway.log.length;
    gateway.rewrite(text);
    await gateway.waitForLog(({ msg }) => msg === 'configuration reloaded', { from });
  }

  async function verifyAll(): Promise<void> {
    for (const [i, at] of tried.entries()) {
      assert.equal(await ask(at, at, at), `m${at % 10}`, `client ${at} at its own`);
      const other = tried[(i + 1) % tried.length] ?? 0;
      assert.equal(await ask(other, at), 'refused', `client ${at} at p${other}`);
    }
  }

  it('lets each client in where its CA is trusted, and nowhere else', verifyAll);

  it('finds the right route among all', async () => {
    for (const route of [0, 1, 249, 250, 999]) assert.equal(await ask(0, 0, route), `m${route % 10}`);
    assert.equal(await ask(0, 0, routes), 'status 404');
  });

  it('does so after a reload that every policy has to be built anew for', async () => {
    await reload(yaml({ lifetime: '2h' }));
    await verifyAll();
  });

  it('follows a change of one policy among all', async () => {
    await reload(yaml({ lifetime: '2h', caOf: (at) => (at === 137 ? 25 : at) }));
    assert.equal(await ask(137, 137), 'refused');
    assert.equal(await ask(137, 25), 'm0');
    assert.equal(await ask(25, 25), 'm0');
    assert.equal(await ask(299, 299), 'm0');
  });
});
