// A limit by identity, counted by two workers: one limit for a client whatever certificate, connection or worker it uses, another
// for everybody else, and the same after a reload.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl, type CurlResult } from '../support/curl.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import type { CertFiles } from '../support/pki.ts';

let setup: Setup;
let renewed: CertFiles;
let bob: CertFiles;

before(async () => {
  setup = await openSetup({
    workers: 2,
    gateway: '  accessLog: {path: stdout}',
    route: `      security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}
      middlewares: [limit]
middlewares:
  - {name: limit, type: rateLimit, rule: {unit: hour, requestsPerUnit: 10, keyStrategy: {source: identity}}}`,
    prepare: async (pki) => {
      const alice = { kind: 'client', cn: 'alice again', sans: ['spiffe://example.org/alice'] } as const;
      bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob', sans: [] });
      renewed = await pki.clients.issueFiles('renewed', alice);
    },
  });
});
after(() => setup[Symbol.asyncDispose]());

/** Each request on a connection of its own, so that both workers get some. */
async function ask(who: CertFiles): Promise<CurlResult> {
  const { pki, gateway } = setup;
  const tls = { ca: pki.servers.file, cert: who.cert, key: who.key };
  return curl(`https://localhost:${gateway.ports.webSecure}/`, tls);
}

describe('ten requests an hour for each identity', () => {
  it('are ten and not twenty with two workers, and alice is alice with her next certificate', async () => {
    const statuses: number[] = [];
    for (let i = 0; i < 40; i++) statuses.push((await ask(i % 2 === 0 ? setup.pki.alice : renewed)).status);
    const passed = statuses.filter((status) => status === 200).length;
    // What is counted in the milliseconds before the other worker knows of it can come on top.
    assert.ok(passed >= 10 && passed < 20, String(statuses));
    assert.deepEqual(
      statuses.slice(-10),
      Array.from({ length: 10 }, () => 429),
    );
  });

  it('tell the client when to come again, and the log who was refused, of which middleware', async () => {
    const from = setup.gateway.log.length;
    const { status, headers } = await ask(setup.pki.alice);
    assert.equal(status, 429);
    assert.match(headers['retry-after'] ?? '', /^\d+$/);
    assert.match(headers['ratelimit-policy'] ?? '', /^"limit";q=10;w=3600$/);
    const line = await setup.gateway.waitForLog(({ code }) => code === 'rate_limited', { from, what: 'the refusal' });
    assert.equal(line['detail'], 'middleware limit');
  });

  it("are nobody else's", async () => {
    assert.equal((await ask(bob)).status, 200);
  });

  it('do not come back with a reload', async () => {
    const { ok } = await reloadBy(setup.gateway, () => setup.gateway.rewrite(`${setup.yaml()}# again\n`));
    assert.ok(ok);
    assert.equal((await ask(renewed)).status, 429);
  });
});
