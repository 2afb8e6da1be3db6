// Who passes to the backend: every kind of connection against every kind of policy and route (incident 24).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../base/fault.ts';
import type { RouteClientCertConfig } from '../config/gateway-config.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { RouteRule } from '../trust/route-rule.ts';
import { authorize, PlaintextRedirect, isPermitted, RouteDenied } from './authorize.ts';
import { Client } from './client.ts';
import type { Filtered } from './filtering.ts';
import { prepare } from './prepare.ts';
import type { Routed } from './request-context.ts';

const ca = await mintCa();
const leaf = readFacts((await ca.issue({ kind: 'client', sans: ['spiffe://x/a'] })).der);
const place = { file: '', line: 1, col: 1 };
const rules: Readonly<Record<string, RouteClientCertConfig | undefined>> = {
  none: undefined,
  required: { required: true, allow: undefined, place },
  'required a': { required: true, allow: [{ kind: 'spiffe', id: 'spiffe://x/a', place }], place },
  'required b': { required: true, allow: [{ kind: 'spiffe', id: 'spiffe://x/b', place }], place },
  'optional a': { required: false, allow: [{ kind: 'spiffe', id: 'spiffe://x/a', place }], place },
  open: { required: false, allow: undefined, place },
  'optional b': { required: false, allow: [{ kind: 'spiffe', id: 'spiffe://x/b', place }], place },
};

type Peerage = 'plain' | 'anonymous' | 'a';

function context(
  kind: Peerage,
  policy: 'requires' | 'asks' | 'open',
  rule: string,
  method: string,
  { client, closedByDefault = false }: { readonly client?: Client; readonly closedByDefault?: boolean } = {},
): Routed {
  const identity = kind === 'a' ? { leaf, chain: [leaf], chainKnown: true, anchor: undefined } : undefined;
  const peer = {
    remoteAddress: '192.0.2.1',
    remotePort: 1,
    localPort: 2,
    secure: kind !== 'plain',
    serverName: 'a.test',
    policy: 'p',
    policyDigest: '',
    verdict: undefined,
    identity,
    refused: undefined,
  };
  const config = rules[rule];
  const route = { rule: config && new RouteRule(config) };
  const made = {
    client: client ?? new Client(peer),
    policy: { clientAuth: policy === 'open' ? undefined : { required: policy === 'requires' } },
    route,
    host: 'a.test',
    exchange: { head: { method, authority: 'a.test', target: '/x?y' } },
    serving: { securePort: 8443, ruleOf: () => route.rule ?? (closedByDefault ? RouteRule.byDefault() : undefined) },
  };
  return made as unknown as Routed;
}

function outcome(given: Routed): string {
  try {
    authorize(given);
    return 'passes';
  } catch (error) {
    assert.ok(error instanceof Fault);
    return `${error.code} ${error.status}`;
  }
}

/** Rule: what becomes of a GET over plain HTTP, of an anonymous TLS client, of a client called a. */
const underAsking: Readonly<Record<string, readonly [string, string, string]>> = {
  none: ['passes', 'passes', 'passes'],
  required: ['plaintext_refused 308', 'no_client_cert 403', 'passes'],
  'required a': ['plaintext_refused 308', 'no_client_cert 403', 'passes'],
  'required b': ['plaintext_refused 308', 'no_client_cert 403', 'policy_denied 403'],
  'optional a': ['passes', 'passes', 'passes'],
  'optional b': ['passes', 'passes', 'policy_denied 403'],
  open: ['passes', 'passes', 'passes'],
};

describe('a route whose rule is', () => {
  for (const [rule, [plain, anonymous, a]] of Object.entries(underAsking)) {
    it(`${rule}: over plain HTTP ${plain}, anonymous ${anonymous}, with a certificate ${a}`, () => {
      for (const policy of ['asks', 'open'] as const) {
        assert.equal(outcome(context('plain', policy, rule, 'GET')), plain);
        assert.equal(outcome(context('anonymous', policy, rule, 'GET')), anonymous);
      }
      assert.equal(outcome(context('a', 'asks', rule, 'GET')), a);
      assert.equal(outcome(context('a', 'requires', rule, 'GET')), a);
    });

    it(`${rule}: is never reached without a certificate where the policy requires one`, () => {
      assert.equal(outcome(context('plain', 'requires', rule, 'GET')), 'plaintext_refused 308');
      assert.equal(outcome(context('plain', 'requires', rule, 'POST')), 'plaintext_refused 403');
      assert.equal(outcome(context('anonymous', 'requires', rule, 'GET')), 'no_client_cert 403');
    });

    it(`${rule}: is never redirected to with a body over plain HTTP`, () => {
      const wanted = plain === 'passes' ? 'passes' : 'plaintext_refused 403';
      assert.equal(outcome(context('plain', 'asks', rule, 'POST')), wanted);
    });
  }

  it('none is judged by the default where there is one, and no other route is', () => {
    const byDefault = { closedByDefault: true };
    for (const [rule, own] of Object.entries(underAsking)) {
      const [plain, anonymous, a] = rule === 'none' ? (underAsking['required'] ?? own) : own;
      assert.equal(outcome(context('plain', 'asks', rule, 'GET', byDefault)), plain, rule);
      assert.equal(outcome(context('anonymous', 'asks', rule, 'GET', byDefault)), anonymous, rule);
      assert.equal(outcome(context('a', 'asks', rule, 'GET', byDefault)), a, rule);
    }
    assert.throws(
      () => authorize(context('anonymous', 'asks', 'none', 'GET', byDefault)),
      (error) => error instanceof RouteDenied && error.rule === 'defaults.security.clientCert.required',
    );
  });

  it('its own denial carries the rule, for every request anew', () => {
    const denied = context('a', 'asks', 'required b', 'GET');
    for (let i = 0; i < 2; i += 1) {
      assert.throws(
        () => authorize(denied),
        (error) => error instanceof RouteDenied && error.rule.includes('spiffe://x/b'),
      );
    }
  });

  it('two rules do not answer for each other on one connection', () => {
    const first = context('a', 'asks', 'required b', 'GET');
    const second = context('a', 'asks', 'required a', 'GET', { client: first.client });
    for (let i = 0; i < 2; i += 1) {
      assert.equal(outcome(first), 'policy_denied 403');
      assert.equal(outcome(second), 'passes');
    }
  });
});

describe('the proof that a request was authorised', () => {
  const internal = (error: unknown): boolean => error instanceof Fault && error.code === 'internal';

  it('is made by authorize, for that request', () => {
    const request = context('a', 'asks', 'required a', 'GET');
    assert.equal(isPermitted(request), false);
    assert.equal(authorize(request), request);
    assert.equal(isPermitted(request), true);
  });

  it('is not made by a cast: what nobody authorised is not prepared', () => {
    const request = context('a', 'asks', 'required b', 'GET');
    assert.throws(() => prepare(request as unknown as Filtered), internal);
    const forged = Object.assign(request, { permission: { holds: () => true } });
    assert.throws(() => prepare(forged as unknown as Filtered), internal);
  });

  it('is worth nothing for another request', () => {
    const permitted = authorize(context('a', 'asks', 'required a', 'GET'));
    const other = Object.assign(context('a', 'asks', 'required b', 'GET'), { permission: permitted.permission });
    assert.throws(() => prepare(other as unknown as Filtered), internal);
  });
});

describe('a redirect to https', () => {
  for (const [authority, localPort, redirectPort, location] of [
    ['a.test:8080', 8080, undefined, 'https://a.test:8443/x?y'],
    ['a.test', 80, undefined, 'https://a.test:8443/x?y'],
    ['a.test:80', 80, undefined, 'https://a.test:8443/x?y'],
    ['a.test', 8080, undefined, 'https://a.test/x?y'],
    ['a.test:80', 8080, undefined, 'https://a.test/x?y'],
    ['a.test:30080', 8080, undefined, 'https://a.test:8443/x?y'],
    ['a.test', 8080, 9443, 'https://a.test:9443/x?y'],
    ['a.test:8080', 8080, 443, 'https://a.test/x?y'],
  ] as const) {
    it(`of a client that calls ${authority} at our port ${localPort}, redirectPort ${redirectPort}: ${location}`, () => {
      const made = context('plain', 'requires', 'none', 'GET');
      const client = new Client({ ...made.client.peer, localPort });
      const changes = { client, serving: { securePort: 8443, redirectPort, ruleOf: () => undefined } };
      const exchange = { head: { method: 'GET', target: '/x?y', authority } };
      assert.throws(
        () => authorize(Object.assign(made, changes, { exchange })),
        (error) => error instanceof PlaintextRedirect && error.location === location,
      );
    });
  }
});
