// The ACME client against Debian's pebble: what it does with accounts, orders, nonces and chains, and what it makes of a server's no.
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { Server } from 'node:http';
import { after, afterEach, before, describe, it } from 'node:test';
import { type Clock, systemClock } from '../../../src/base/clock.ts';
import { type Ask, askBy } from '../../../src/base/exchange.ts';
import { createServer } from '../../../src/base/node-http.ts';
import { readFacts } from '../../../src/certs/facts-reader.ts';
import { parseCertificates } from '../../../src/certs/material.ts';
import { ChallengeAnswers } from '../../../src/acme/challenge-answers.ts';
import { AcmeClient } from '../../../src/acme/client.ts';
import { makeAccountKey } from '../../../src/acme/jws.ts';
import { obtainCertificate } from '../../../src/acme/order.ts';
import { AcmeProblem } from '../../../src/acme/problem.ts';
import { askRenewalInfo, certificateId } from '../../../src/acme/renewal-info.ts';
import { type Customer, type CustomerOptions, openCustomer } from '../../support/acme.ts';
import { acmeError, type AcmeFront, startAcmeFront } from '../../support/acme-front.ts';
import { type Pebble, startPebble } from '../../support/pebble.ts';
import { type Authority, openAuthority } from '../../support/pki.ts';
import { openTempDir, type TempDir } from '../../support/temp.ts';

const names = ['a.test', 'b.test'];

/** What a call is refused with: the type of the problem, and its sentence. */
async function problemOf(call: Promise<unknown>): Promise<AcmeProblem> {
  const error: unknown = await call.then(
    () => undefined,
    (failed: unknown) => failed,
  );
  assert.ok(error instanceof AcmeProblem, `a problem, not ${String(error)}`);
  return error;
}

describe('the ACME client and pebble', () => {
  let dir: TempDir;
  let authority: Authority;
  let pebble: Pebble;
  let front: AcmeFront;
  let web: Server;
  const answers = new ChallengeAnswers();

  before(async () => {
    dir = openTempDir('acme');
    authority = await openAuthority(dir, 'acme');
    web = createServer((request, response) => {
      const content = answers.findContent(request.url ?? '');
      response.writeHead(content === undefined ? 404 : 200).end(content ?? '');
    }).listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port: httpPort } = web.address() as { port: number };
    const env = { PEBBLE_WFE_NONCEREJECT: '30', PEBBLE_ALTERNATE_ROOTS: '1' };
    pebble = await startPebble({ dir, authority, names, httpPort, env });
    front = await startAcmeFront(authority, pebble.port);
  });
  after(async () => {
    front.close();
    web.close();
    await pebble.stop();
    dir.remove();
  });
  afterEach(() => {
    front.intercept = undefined;
    front.rewrite = undefined;
  });

  const customer = async (more: Partial<CustomerOptions> = {}): Promise<Customer> =>
    openCustomer({
      directory: front.directory,
      ca: authority.certPem,
      publish: (list) => answers.set(list),
      ...more,
    });

  it('gets a certificate for all names, with a key that was made here, though nonces are refused', async () => {
    const { order, kept, published } = await customer();
    const { chainPem, keyPem } = await order(names);
    const leaf = new X509Certificate(chainPem);
    assert.equal(leaf.subjectAltName, 'DNS:a.test, DNS:b.test');
    assert.ok(leaf.checkPrivateKey(createPrivateKey(keyPem)));
    assert.equal(kept[0]?.keyPem, keyPem);
    assert.deepEqual(
      published.map((list) => list.length),
      [2, 0],
      'what is answered is gone afterwards',
    );
    const refused = front.requests.items.filter(({ path }) => path.startsWith('/nonce')).length;
    assert.ok(refused > 0, 'nonces were asked for');
  });

  it('orders for an address too, by RFC 8738, and for RSA keys', async () => {
    const { order } = await customer();
    const leaf = new X509Certificate((await order(['127.0.0.1', 'a.test'], { keyType: 'rsa-2048' })).chainPem);
    assert.equal(leaf.publicKey.asymmetricKeyType, 'rsa');
    assert.match(leaf.subjectAltName ?? '', /IP Address:127\.0\.0\.1/);
  });

  it('takes the chain that ends where it is wanted, else the first', async () => {
    const { order } = await customer();
    const root = new X509Certificate(await pebble.root(1));
    const wanted = /CN=(.*)/.exec(root.subject)?.[1] ?? '';
    const chainOf = async (preferredChain: string | undefined): Promise<string | undefined> => {
      const { chainPem } = await order(['a.test'], { preferredChain });
      return parseCertificates(chainPem).certificates.at(-1)?.issuer;
    };
    assert.equal(await chainOf(wanted), root.subject);
    assert.notEqual(await chainOf(undefined), root.subject);
    assert.notEqual(await chainOf('nobody'), root.subject);
  });

  it('goes on with an order that was begun, and takes the key that was made for it', async () => {
    const account = await makeAccountKey();
    const stopped = new AbortController();
    const first = await customer({
      account,
      signal: stopped.signal,
      publish: () => stopped.abort(new Error('the process ends')),
    });
    await assert.rejects(first.order(['a.test']), /the process ends/);
    const [begun] = first.kept;
    assert.ok(begun !== undefined);
    const second = await customer({ account, kid: first.client.kid ?? '' });
    const { keyPem } = await second.order(['a.test'], {}, begun);
    assert.equal(keyPem, begun.keyPem);
    assert.deepEqual(second.kept, [], 'no other order was made');
    const third = await second.order(['b.test'], {}, begun);
    assert.notEqual(third.keyPem, begun.keyPem, 'an order for other names is another one');
  });

  it('tells why a challenge is invalid, and makes another order the next time', async () => {
    const { order, kept } = await customer({ publish: () => {} });
    const problem = await problemOf(order(['a.test']));
    assert.equal(problem.type, 'authorizationInvalid');
    assert.match(problem.message, /^the authorization for a\.test is invalid: unauthorized: /);
    const [begun] = kept;
    const again = await customer();
    await again.order(['a.test'], {}, begun);
    assert.notEqual(again.kept.at(-1)?.url, begun?.url);
  });

  it('says which challenges there are for a name where the wanted one is not among them', async () => {
    const { order } = await customer();
    const problem = await problemOf(order(['*.a.test']));
    assert.match(problem.message, /offers no http-01 for a\.test; it offers dns-01/);
  });

  it('registers nothing in place of an account that was deactivated', async () => {
    const { client } = await customer();
    await client.post(new URL(client.kid ?? ''), { status: 'deactivated' });
    const before = front.requests.length;
    const problem = await problemOf(customer({ account: client.account, kid: client.kid ?? '' }));
    assert.equal(problem.type, 'unauthorized');
    const later = front.requests.items.slice(before);
    assert.ok(!later.some(({ payload }) => payload.includes('contact')));
  });

  it('registers anew where the server has forgotten the account', async () => {
    const found = await customer({ kid: `${front.directory.replace('/dir', '')}/my-account/ffffff` });
    assert.match(found.client.kid ?? '', /\/my-account\//);
    assert.notEqual(found.client.kid?.endsWith('ffffff'), true);
    await found.order(['a.test']);
  });

  it('agrees to no terms of service that the operator has not agreed to', async () => {
    const problem = await problemOf(customer({ settings: { termsOfServiceAgreed: false } }));
    assert.equal(problem.type, 'userActionRequired');
  });

  it('tells of a rate limit with the time that the server gives', async () => {
    const { order } = await customer();
    front.intercept = ({ path }) =>
      path === '/order-plz'
        ? acmeError('rateLimited', 429, 'too many certificates', { 'retry-after': '3600' })
        : undefined;
    const problem = await problemOf(order(['a.test']));
    assert.equal(problem.type, 'rateLimited');
    assert.equal(problem.retryAfterMs, 3_600_000);
    assert.equal(problem.message, 'rateLimited: too many certificates');
  });

  it('gives up nonces that are refused again and again', async () => {
    const { order } = await customer();
    front.intercept = ({ path }) => (path === '/order-plz' ? acmeError('badNonce', 400, 'no') : undefined);
    const from = front.requests.length;
    assert.equal((await problemOf(order(['a.test']))).type, 'badNonce');
    assert.equal(front.requests.items.slice(from).filter(({ path }) => path === '/order-plz').length, 10);
  });

  it('asks for the renewal information of a certificate by its id, and says in an order what it replaces', async () => {
    const { order, client } = await customer();
    const { chainPem } = await order(['a.test']);
    const facts = readFacts(new X509Certificate(chainPem).raw);
    assert.equal(await askRenewalInfo(client, facts, Date.now()), undefined, 'this pebble has none');
    front.rewrite = ({ path }, body) =>
      path === '/dir'
        ? JSON.stringify({ ...(JSON.parse(body) as object), renewalInfo: front.directory.replace('/dir', '/renewal') })
        : undefined;
    const window = { start: '2027-01-02T03:04:05Z', end: '2027-01-03T03:04:05Z' };
    front.intercept = ({ path }) =>
      path === `/renewal/${certificateId(facts)}`
        ? { headers: { 'retry-after': '21600' }, body: JSON.stringify({ suggestedWindow: window }) }
        : undefined;
    const { client: asker, order: orderAgain } = await customer();
    const info = await askRenewalInfo(asker, facts, Date.now());
    assert.deepEqual(info, { start: Date.parse(window.start), end: Date.parse(window.end), askAgainMs: 21_600_000 });
    const from = front.requests.length;
    const replaces = certificateId(facts);
    await orderAgain(['a.test'], { replaces });
    const placed = front.requests.items.slice(from).find(({ path }) => path === '/order-plz');
    assert.equal((JSON.parse(placed?.payload ?? '{}') as { replaces?: string }).replaces, replaces);
  });

  it('takes nothing that is no https URL for where to go', async () => {
    front.rewrite = ({ path }, body) => (path === '/dir' ? body.replaceAll('https:', 'http:') : undefined);
    assert.match((await problemOf(customer())).message, /gives no https URL as newNonce/);
    assert.match(
      (await problemOf(customer({ directory: 'http://localhost/dir' }))).message,
      /no https URL as directory/,
    );
  });

  it('verifies the server by the CA that is named', async () => {
    const other = await openAuthority(dir, 'other');
    await assert.rejects(customer({ ca: other.certPem }), /cannot be reached: .*(?:ISSUER|SIGNATURE|SELF_SIGNED)/);
  });
});

describe('an ACME server for customers only', () => {
  it('takes an account with its binding, and no other', async () => {
    using dir = openTempDir('acme-eab');
    const authority = await openAuthority(dir, 'acme');
    const hmacKey = Buffer.alloc(32, 7).toString('base64url');
    await using pebble = await startPebble({ dir, authority, names, externalAccounts: { 'kid-1': hmacKey } });
    const open = async (eab: { kid: string; hmacKey: string } | undefined): Promise<Customer> =>
      openCustomer({ directory: pebble.directory, ca: authority.certPem, publish: () => {}, settings: { eab } });
    assert.equal((await problemOf(open(undefined))).type, 'externalAccountRequired');
    const wrong = Buffer.alloc(32, 8).toString('base64url');
    const refused = await problemOf(open({ kid: 'kid-1', hmacKey: wrong }));
    assert.ok(!refused.message.includes(wrong));
    assert.match((await open({ kid: 'kid-1', hmacKey })).client.kid ?? '', /^https:/);
  });
});

it('a question without an answer says so', async () => {
  const ask = askBy(systemClock);
  await assert.rejects(
    ask({ method: 'GET', url: new URL('https://127.0.0.1:1/'), headers: {} }),
    /cannot be reached: ECONNREFUSED/,
  );
});

/** Passes as fast as it is asked to. */
class HurriedClock implements Clock {
  #passed = 0;

  now(): number {
    return Date.now() + this.#passed;
  }

  monotonic(): number {
    return this.#passed;
  }

  after(delayMs: number, act: () => void): () => void {
    const timer = setImmediate(() => {
      this.#passed += delayMs;
      act();
    });
    return () => clearImmediate(timer);
  }
}

it('an order that hangs ends with a reason after five minutes, and is asked for more and more seldom', async () => {
  const at = (path: string): string => `https://acme.test/${path}`;
  const order = { status: 'processing', authorizations: [], finalize: at('finalize') };
  const bodies: Readonly<Record<string, object>> = {
    '/directory': { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order') },
    '/account': { status: 'valid' },
    '/order': order,
  };
  let asked = 0;
  const ask: Ask = async ({ url }) => {
    asked += 1;
    const headers = { 'replay-nonce': 'nonce', location: at(url.pathname.slice(1)) };
    return { status: 200, headers, text: JSON.stringify(bodies[url.pathname] ?? {}) };
  };
  const server = { directory: at('directory'), ca: undefined };
  const clock = new HurriedClock();
  const client = new AcmeClient({ server, account: await makeAccountKey(), kid: undefined, ask, clock });
  await client.openAccount({ email: undefined, termsOfServiceAgreed: false, eab: undefined });
  const wanted = {
    identifiers: [{ type: 'dns', value: 'a.test' }],
    challenge: 'http-01',
    keyType: 'ec-p256',
    preferredChain: undefined,
    profile: undefined,
    replaces: undefined,
  } as const;
  const signal = new AbortController().signal;
  const services = { client, clock, signal, publish: async () => {}, keep: () => {} };
  const problem = await problemOf(obtainCertificate(wanted, undefined, services));
  assert.equal(problem.type, 'hangs');
  assert.match(problem.message, /^the order hangs: it is still processing after 300 s$/);
  assert.ok(asked < 60, `${asked} questions`);
});
