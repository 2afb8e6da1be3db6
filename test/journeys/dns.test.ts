// Names of backends: one that leads to two addresses, an answer that changes under load, a name server that is silent. The
// backends want the gateway's certificate and show their own, which knows names and no 127.0.0.2.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { curl } from '../support/curl.ts';
import { type DnsServer, startDns } from '../support/dns.ts';
import { expectFlawless, openSetup, type Setup } from '../support/mtls-setup.ts';
import { readProblem } from '../support/problem-answer.ts';

const one = '127.0.0.1';
const two = '127.0.0.2';
/** More than libuv has threads. */
const hungNames = Array.from({ length: 5 }, (_, at) => `hung${at}`);

describe('names of backends', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let dns: DnsServer;
  let first: Backend;
  let second: Backend;
  let setup: Setup;

  before(async () => {
    dns = stack.use(await startDns({ 'backend.test': { addresses: [one, two], ttl: 1 } }));
    for (const name of hungNames) dns.set(`${name}.test`, { silent: true });
    setup = stack.use(
      await openSetup({
        async prepare({ backend, internal }) {
          const tls = { cert: backend.chainPem, key: backend.keyPem, clientCa: internal.certPem };
          first = stack.use(await startBackend({ tls, host: one }));
          second = stack.use(await startBackend({ tls, host: two, port: first.port }));
        },
        get target() {
          return `https://backend.test:${first.port}`;
        },
        get route() {
          const security =
            'security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}';
          const hung = hungNames.map(
            (name) =>
              `    - {name: ${name}, path: /${name}, target: "https://${name}.test:1", ${security}, healthCheck: {path: /, interval: 1s, timeout: 1s}}`,
          );
          const literal = `    - {name: literal, path: /literal, target: "https://${one}:${first.port}", ${security}}`;
          return [`      ${security}`, ...hung, literal].join('\n');
        },
        get gateway() {
          return `  accessLog: {enabled: false}
  networking: {dnsCache: {resolver: "${dns.address}", timeout: 3s, ttl: 1}}`;
        },
      }),
    );
  });

  /** As alice; the status, and the code of a refusal. */
  async function get(path: string): Promise<{ status: number; code: string | undefined }> {
    const { pki, gateway } = setup;
    const answer = await curl(`https://localhost:${gateway.ports.webSecure}${path}`, {
      ca: pki.servers.file,
      cert: pki.alice.cert,
      key: pki.alice.key,
    });
    const { status } = answer;
    return { status, code: status === 200 ? undefined : readProblem(answer).code };
  }

  /** The same without a process of its own. */
  async function status(path: string): Promise<number | undefined> {
    const { pki, gateway } = setup;
    const { chainPem: cert, keyPem: key } = pki.alice;
    const to = {
      host: one,
      port: gateway.ports.webSecure,
      servername: 'localhost',
      ca: pki.servers.certPem,
      cert,
      key,
    };
    const call = request({ ...to, path, headers: { host: 'localhost' }, agent: false }).end();
    const [response] = (await once(call, 'response')) as [IncomingMessage];
    response.resume();
    return response.statusCode;
  }

  it('serves from both addresses in about equal numbers, and nothing is lost', async () => {
    const load = setup.load();
    await load.waitForOk(50);
    const before = [first.requests.length, second.requests.length];
    await load.waitForOk(400);
    const [a, b] = [first.requests.length - (before[0] ?? 0), second.requests.length - (before[1] ?? 0)];
    assert.ok(Math.min(a, b) > 100, `${a} and ${b} requests`);
    await expectFlawless(load);
  });

  it('follows the answer while connections are busy, and loses nothing', async () => {
    const load = setup.load();
    await load.waitForOk(50);
    const from = setup.gateway.log.length;
    dns.set('backend.test', { addresses: [two], ttl: 1 });
    const line = await setup.gateway.waitForLog(({ name, msg }) => name === 'backend.test' && /addresses/.test(msg), {
      from,
    });
    assert.deepEqual(line['addresses'], [two]);
    // What was under way is over by then.
    await load.waitForOk(20);
    const before = [first.requests.length, second.requests.length];
    await load.waitForOk(300);
    assert.equal(first.requests.length, before[0]);
    // Four clients: so many had been counted there before they were here.
    assert.ok(second.requests.length - (before[1] ?? 0) >= 296);
    await expectFlawless(load);
  });

  it('goes on with the last good addresses where the name server fails, and says so', async () => {
    const from = setup.gateway.log.length;
    dns.set('backend.test', { rcode: 'SERVFAIL' });
    const line = await setup.gateway.waitForLog(
      ({ name, msg }) => name === 'backend.test' && msg.includes('addresses of before'),
      { from },
    );
    assert.deepEqual(line['addresses'], [two]);
    assert.deepEqual(await get('/'), { status: 200, code: undefined });
    assert.equal(await setup.metric('countersign_dns_stale_names'), 1);
    assert.ok((await setup.metric('countersign_dns_lookups_total', 'result="failed"')) >= 1);
  });

  it('serves the other backends while look-ups hang', async () => {
    const hung = hungNames.map((name) => status(`/${name}`));
    await Promise.all(hungNames.map((name) => dns.questions.waitFor((asked) => asked.name === `${name}.test`)));
    for (let i = 0; i < 5; i += 1) {
      assert.deepEqual(await get('/'), { status: 200, code: undefined });
      assert.deepEqual(await get('/literal'), { status: 200, code: undefined });
    }
    for (const answered of await Promise.all(hung)) assert.ok(answered === 502 || answered === 503, `${answered}`);
  });
});
