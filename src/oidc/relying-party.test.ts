// The relying party against a provider over real TLS that is right, and wrong in one thing at a time: what is taken, what is refused, and
// in which words.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, it } from 'node:test';
import { CompactSign, SignJWT } from 'jose';
import { makeSigningKey, openSmallProvider, sendJson, type SmallProvider } from '../../test/support/small-provider.ts';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { maxAnswerBytes, providerMs } from './provider-fetch.ts';
import { type ProvenIdentity, type ProviderSettings, RelyingParty } from './relying-party.ts';
import { attemptMs } from './sign-in-attempt.ts';
import { SignInFault } from './sign-in-fault.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let provider: SmallProvider;
let right: Pick<SmallProvider, 'keys' | 'metadata'>;

before(async () => {
  provider = stack.use(await openSmallProvider());
  right = { keys: provider.keys, metadata: provider.metadata };
});
beforeEach(() => {
  provider.keys = right.keys;
  provider.metadata = right.metadata;
  provider.makeToken = undefined;
  for (const endpoint of ['discovery', 'jwks', 'token'] as const) delete provider.instead[endpoint];
});

function settings(more: Partial<ProviderSettings> = {}): ProviderSettings {
  return {
    issuer: provider.issuer,
    clientId: 'countersign',
    redirectUri: 'https://gateway.test:9901/log-in/callback',
    scopes: ['openid', 'groups'],
    maxAgeMs: undefined,
    acrValues: [],
    ca: provider.ca,
    ...more,
  };
}

const open = (more?: Partial<ProviderSettings>): RelyingParty => new RelyingParty(settings(more), systemClock);
const secret = async (): Promise<string> => provider.secret;

/** Through the whole flow. `claims`: over those that are right. `change`: of the query that comes back. */
async function signIn(
  claims: Readonly<Record<string, unknown>> = {},
  party = open(),
  change: (answer: URLSearchParams) => void = () => {},
): Promise<ProvenIdentity> {
  const { url, cookie } = await party.begin();
  const answer = new URLSearchParams(provider.logIn(url, claims));
  change(answer);
  return party.finish(cookie, answer.toString(), secret);
}

async function refused(attempt: Promise<unknown>, code: string): Promise<string> {
  let message = '';
  await assert.rejects(attempt, (error) => {
    assert.ok(error instanceof SignInFault, String(error));
    assert.equal(error.code, code, error.message);
    ({ message } = error);
    return true;
  });
  return message;
}

describe('a login', () => {
  it('sends the browser to the provider with PKCE, state and nonce, none of which is in the cookie', async () => {
    const { url, cookie } = await open({ maxAgeMs: 60_000, acrValues: ['mfa'] }).begin();
    const at = new URL(url);
    assert.equal(`${at.origin}${at.pathname}`, `${provider.issuer}/authorize`);
    const asked = Object.fromEntries(at.searchParams);
    const { state = '', nonce = '', code_challenge: challenge = '', ...rest } = asked;
    assert.deepEqual(rest, {
      client_id: 'countersign',
      response_type: 'code',
      redirect_uri: 'https://gateway.test:9901/log-in/callback',
      scope: 'openid groups',
      code_challenge_method: 'S256',
      max_age: '60',
      acr_values: 'mfa',
    });
    assert.equal(new Set([state, nonce, challenge]).size, 3);
    for (const one of [state, nonce, challenge]) assert.ok(one.length >= 43 && !cookie.includes(one));
    const other = new URL((await open().begin()).url).searchParams;
    assert.notEqual(other.get('state'), state);
  });

  it('gives issuer, subject and claims of an ID token that is as it should be', async () => {
    const proven = await signIn({ sid: 's1' });
    assert.deepEqual([proven.issuer, proven.subject, proven.sid], [provider.issuer, 'olga', 's1']);
    assert.deepEqual(proven.claims['groups'], ['ops']);
  });

  it('is finished by any process with the same settings, and by none with others', async () => {
    const { url, cookie } = await open().begin();
    assert.equal((await open().finish(cookie, provider.logIn(url), secret)).subject, 'olga');
    const { url: second, cookie: kept } = await open().begin();
    const other = open({ redirectUri: 'https://other.test/log-in/callback' });
    await refused(other.finish(kept, provider.logIn(second), secret), 'sign_in_lost');
  });

  it('goes on when the provider changes its keys, and counts none that was withdrawn', async () => {
    const party = open();
    await signIn({}, party);
    const [old, fresh] = [provider.keys.own, makeSigningKey()];
    provider.keys = { own: fresh, published: [fresh] };
    assert.equal((await signIn({}, party)).subject, 'olga');
    provider.keys = { own: old, published: [fresh] };
    await refused(signIn({}, party), 'token_signature');
  });

  it('asks for how long ago and how the person proved himself, where that is asked for', async () => {
    const now = Math.floor(Date.now() / 1000);
    const party = open({ maxAgeMs: 60_000, acrValues: ['mfa', 'phr'] });
    assert.equal((await signIn({ auth_time: now - 10, acr: 'phr' }, party)).subject, 'olga');
    await refused(signIn({ auth_time: now - 600, acr: 'phr' }, party), 'login_too_old');
    await refused(signIn({ acr: 'phr' }, party), 'token_refused');
    await refused(signIn({ auth_time: now, acr: 'pwd' }, party), 'wrong_context');
    await refused(signIn({ auth_time: now }, party), 'wrong_context');
  });
});

describe('an answer that nobody here asked for', () => {
  it('has no cookie, one that is none, or one of another login', async () => {
    const party = open();
    const [mine, other] = [await party.begin(), await party.begin()];
    for (const cookie of [undefined, '', 'x', `${mine.cookie}x`, mine.cookie.slice(2)])
      await refused(party.finish(cookie, provider.logIn(mine.url), secret), 'sign_in_lost');
    await refused(party.finish(other.cookie, provider.logIn(mine.url), secret), 'sign_in_lost');
  });

  it('comes too late', async () => {
    const clock = new HandClock();
    const party = new RelyingParty(settings(), clock);
    const { url, cookie } = await party.begin();
    clock.turn(attemptMs);
    await refused(party.finish(cookie, provider.logIn(url), secret), 'sign_in_lost');
  });

  it('lacks the state, or is of another issuer (RFC 9207), or names the code twice', async () => {
    await refused(
      signIn({}, open(), (answer) => answer.delete('state')),
      'sign_in_lost',
    );
    await refused(
      signIn({}, open(), (answer) => answer.set('state', 'x')),
      'sign_in_lost',
    );
    await refused(
      signIn({}, open(), (answer) => answer.set('iss', 'https://evil.test')),
      'other_provider',
    );
    await refused(
      signIn({}, open(), (answer) => answer.delete('iss')),
      'other_provider',
    );
    await refused(
      signIn({}, open(), (answer) => answer.append('code', 'x')),
      'token_refused',
    );
    assert.equal(provider.asked.token > 0, true);
  });

  it('is a refusal of the provider, whose word is told only where it is one of the protocol', async () => {
    const deny = (word: string) => (answer: URLSearchParams) => {
      answer.delete('code');
      answer.set('error', word);
      answer.set('error_description', 'call +1 555 and say your password');
    };
    assert.match(await refused(signIn({}, open(), deny('access_denied')), 'provider_denied'), /access_denied/);
    const hostile = await refused(signIn({}, open(), deny('call +1 555')), 'provider_denied');
    assert.doesNotMatch(hostile, /555/);
  });

  it('is one that was used', async () => {
    const party = open();
    const { url, cookie } = await party.begin();
    const answer = provider.logIn(url);
    await party.finish(cookie, answer, secret);
    await refused(party.finish(cookie, answer, secret), 'code_refused');
  });
});

describe('an ID token', () => {
  const now = (): number => Math.floor(Date.now() / 1000);

  for (const [what, claims, code] of [
    ['of another issuer', { iss: 'https://evil.test' }, 'token_refused'],
    ['for another client', { aud: 'another' }, 'token_refused'],
    ['for several, and presented by another', { aud: ['countersign', 'x'], azp: 'x' }, 'token_refused'],
    ['of another login', { nonce: 'x' }, 'token_refused'],
    ['of no login', { nonce: undefined }, 'token_refused'],
    ['of nobody', { sub: '' }, 'token_refused'],
    ['without a subject', { sub: undefined }, 'token_refused'],
  ] as const)
    it(`${what} is refused`, async () => {
      const message = await refused(signIn(claims), code);
      assert.doesNotMatch(message, /evil|another$/);
    });

  it('that has expired or is of the future is refused, and 30 seconds are none', async () => {
    await refused(signIn({ exp: now() - 60, iat: now() - 360 }), 'token_time');
    await refused(signIn({ nbf: now() + 600 }), 'token_time');
    assert.equal((await signIn({ exp: now() - 10, nbf: now() + 10 })).subject, 'olga');
  });

  it('that nobody signed, or anybody could have, is refused', async () => {
    const unsigned = (claims: object): string =>
      `${[{ alg: 'none' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`;
    const pem = provider.keys.own.publicKey.export({ type: 'spki', format: 'pem' });
    const withPublicKey = async (claims: object): Promise<string> =>
      new CompactSign(Buffer.from(JSON.stringify(claims)))
        .setProtectedHeader({ alg: 'HS256', kid: provider.keys.own.kid })
        .sign(Buffer.from(pem));
    const withClientSecret = async (claims: object): Promise<string> =>
      new SignJWT({ ...claims }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(provider.secret.padEnd(32)));
    for (const make of [unsigned, withPublicKey, withClientSecret])
      for (const algorithms of [['ES256'], ['none', 'HS256', 'ES256']]) {
        provider.makeToken = make;
        provider.metadata = { ...right.metadata, id_token_signing_alg_values_supported: algorithms };
        await refused(signIn(), 'token_signature');
      }
  });

  it('that another key signed, under its name or its own, is refused', async () => {
    const stranger = makeSigningKey();
    provider.makeToken = async (claims) => provider.sign(claims, {}, { ...stranger, kid: provider.keys.own.kid });
    await refused(signIn(), 'token_signature');
    provider.makeToken = async (claims) => provider.sign(claims, {}, stranger);
    await refused(signIn(), 'token_signature');
    provider.makeToken = async (claims) => {
      const [head, body, signature = ''] = (await provider.sign(claims)).split('.');
      return `${head}.${body}.${signature.slice(0, -4)}AAAA`;
    };
    await refused(signIn(), 'token_signature');
  });

  it('that brings its own key along is refused', async () => {
    const stranger = makeSigningKey();
    const jwk = stranger.publicKey.export({ format: 'jwk' });
    provider.makeToken = async (claims) => provider.sign(claims, { jwk, jku: 'https://evil.test/jwks' }, stranger);
    await refused(signIn(), 'token_signature');
  });

  it('that is none, or not there, is refused', async () => {
    for (const token of ['', 'x', 'a.b.c', '...']) {
      provider.makeToken = () => token;
      await assert.rejects(signIn(), SignInFault);
    }
    provider.instead.token = (_, response) => sendJson(response, 200, { access_token: 'x', token_type: 'Bearer' });
    await refused(signIn(), 'token_refused');
  });
});

describe('a provider that cannot be used', () => {
  it('is not there, or its certificate is of nobody who is known here, of another name, or out of date', async () => {
    await refused(open({ issuer: 'https://localhost:1' }).begin(), 'provider_unreachable');
    const other = await mintCa({ cn: 'another CA' });
    assert.match(await refused(open({ ca: other.certPem }).begin(), 'provider_untrusted'), /CA is not known here/);
    const byAddress = provider.issuer.replace('localhost', '127.0.0.1');
    assert.match(await refused(open({ issuer: byAddress }).begin(), 'provider_untrusted'), /another name/);
  });

  it('does not answer in time', async () => {
    const clock = new HandClock();
    const asked = Promise.withResolvers<void>();
    provider.instead.discovery = () => asked.resolve();
    const attempt = new RelyingParty(settings(), clock).begin();
    const told = refused(attempt, 'provider_silent');
    await asked.promise;
    clock.turn(providerMs);
    assert.match(await told, /5 s/);
  });

  it('answers more than anybody reads, or what is no answer', async () => {
    provider.instead.discovery = (_, response) => response.end('x'.repeat(maxAnswerBytes + 1));
    await refused(open().begin(), 'provider_answer');
    provider.instead.discovery = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>');
    await refused(open().begin(), 'provider_answer');
    provider.instead.discovery = (_, response) => sendJson(response, 500, {});
    await refused(open().begin(), 'provider_answer');
    provider.instead.discovery = (_, response) => response.writeHead(200, { 'content-length': '100' }).destroy();
    await assert.rejects(open().begin(), SignInFault);
  });

  it('sends us elsewhere', async () => {
    for (const endpoint of ['discovery', 'token', 'jwks'] as const) {
      provider.instead[endpoint] = (_, response) => response.writeHead(302, { location: 'https://localhost:1/' }).end();
      await refused(signIn(), 'provider_redirects');
      delete provider.instead[endpoint];
    }
  });

  it('has a discovery document of another issuer, without an endpoint, or with a plain one', async () => {
    provider.metadata = { ...right.metadata, issuer: 'https://evil.test' };
    await refused(open().begin(), 'provider_metadata');
    provider.metadata = { ...right.metadata, issuer: `${provider.issuer}/` };
    await refused(open().begin(), 'provider_metadata');
    provider.metadata = { ...right.metadata, token_endpoint: undefined };
    await refused(open().begin(), 'provider_metadata');
    for (const [name, address] of [
      ['jwks_uri', 'http://keys.test/jwks'],
      ['authorization_endpoint', 'javascript:alert(1)'],
      ['end_session_endpoint', 'http://localhost/x'],
    ] as const) {
      provider.metadata = { ...right.metadata, [name]: address };
      await refused(open().begin(), 'provider_plain');
    }
  });

  it('does not know this client, or its secret', async () => {
    const party = open();
    const { url, cookie } = await party.begin();
    const attempt = party.finish(cookie, provider.logIn(url), async () => 'another');
    assert.match(await refused(attempt, 'client_refused'), /invalid_client/);
  });

  it('is relied on for a day where its document cannot be read again', async () => {
    const clock = new HandClock();
    const party = new RelyingParty(settings(), clock);
    await party.begin();
    const { discovery: before } = provider.asked;
    provider.instead.discovery = (_, response) => sendJson(response, 500, {});
    await party.begin();
    assert.equal(provider.asked.discovery, before);
    clock.turn(3_600_000);
    await party.begin();
    assert.equal(provider.asked.discovery, before + 1);
    clock.turn(24 * 3_600_000);
    await refused(party.begin(), 'provider_answer');
  });

  it('is asked once by many at a time', async () => {
    const party = open();
    const { discovery: before } = provider.asked;
    await Promise.all(Array.from({ length: 20 }, async () => party.begin()));
    assert.equal(provider.asked.discovery, before + 1);
  });
});

describe('a word of the provider that somebody has logged out', () => {
  const event = { 'http://schemas.openid.net/event/backchannel-logout': {} };
  const claims = (): Record<string, unknown> => {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: provider.issuer,
      aud: 'countersign',
      iat: now,
      exp: now + 120,
      jti: 'j1',
      sub: 'olga',
      events: event,
    };
  };
  const typ = { typ: 'logout+jwt' };

  it('is taken where it is signed by the provider', async () => {
    const party = open();
    assert.deepEqual(await party.loggedOut(await provider.sign({ ...claims(), sid: 's1' }, typ)), {
      subject: 'olga',
      sid: 's1',
    });
    const { sub: _, ...bySid } = claims();
    assert.deepEqual(await party.loggedOut(await provider.sign({ ...bySid, sid: 's1' })), {
      subject: undefined,
      sid: 's1',
    });
  });

  it('is refused where it is an ID token, for another, of another time, of nobody, or signed by somebody else', async () => {
    const party = open();
    const now = Math.floor(Date.now() / 1000);
    for (const wrong of [
      { nonce: 'n' },
      { events: undefined },
      { events: { other: {} } },
      { aud: 'another' },
      { iss: 'https://evil.test' },
      { exp: now - 60 },
      { iat: now - 3_600, exp: now + 60 },
      { exp: undefined },
      { jti: undefined },
      { sub: undefined },
    ])
      await assert.rejects(
        party.loggedOut(await provider.sign({ ...claims(), ...wrong }, typ)),
        SignInFault,
        JSON.stringify(wrong),
      );
    await refused(party.loggedOut(await provider.sign(claims(), { typ: 'at+jwt' })), 'token_refused');
    const stranger = { ...makeSigningKey(), kid: provider.keys.own.kid };
    await refused(party.loggedOut(await provider.sign(claims(), typ, stranger)), 'token_signature');
    await refused(party.loggedOut('x.y.z'), 'token_refused');
  });

  it('of many people at once is one question', async () => {
    const party = open();
    await party.begin();
    const { jwks: before } = provider.asked;
    const tokens = await Promise.all(Array.from({ length: 20 }, async () => provider.sign(claims(), typ)));
    await Promise.all(tokens.map(async (token) => party.loggedOut(token)));
    assert.equal(provider.asked.jwks, before + 1);
    await party.loggedOut(tokens[0] ?? '');
    assert.equal(provider.asked.jwks, before + 2);
  });

  it('says that the provider is at fault where that gives no keys', async () => {
    const party = open();
    const token = await provider.sign(claims(), typ);
    provider.instead.jwks = (_, response) => void response.writeHead(200).end('<p>Maintenance</p>');
    await refused(party.loggedOut(token), 'provider_answer');
    provider.instead.jwks = (_, response) => sendJson(response, 500, { keys: [] });
    await refused(party.loggedOut(token), 'provider_answer');
    delete provider.instead.jwks;
    assert.equal((await party.loggedOut(token)).subject, 'olga');
  });

  it('costs the provider no question where it is plainly not for us', async () => {
    const party = open();
    await party.begin();
    const { jwks: before } = provider.asked;
    await assert.rejects(party.loggedOut(await provider.sign({ ...claims(), aud: 'another' }, typ)), SignInFault);
    assert.equal(provider.asked.jwks, before);
  });
});
