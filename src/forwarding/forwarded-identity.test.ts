import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault, type FaultCode } from '../base/fault.ts';
import type { ForwardClientCertConfig, XfccMode } from '../config/gateway-config.ts';
import { FieldNames, Fields } from '../http/field.ts';
import type { San } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, type LeafOptions, mintCa } from '../certs/test-ca.ts';
import type { Identity } from '../trust/verdict.ts';
import { ForwardedIdentity, forwardedXfcc, OwnXfcc } from './forwarded-identity.ts';

const fieldNames = new FieldNames();

function fields(...pairs: (readonly [raw: string, value: string])[]): Fields {
  const out = new Fields();
  for (const [raw, value] of pairs) {
    const name = fieldNames.find(raw);
    assert.ok(name);
    out.push(name, value);
  }
  return out;
}

/** The block of a request that carries nothing of the kind. */
function identityBlock(who: Identity | undefined, config: ForwardClientCertConfig, ownUris: readonly string[]) {
  return new ForwardedIdentity(who, config, ownUris).block(fields());
}

const isFault = (code: FaultCode) => (error: unknown) => error instanceof Fault && error.code === code;

function identity(subject: string, sans: readonly San[]): Identity {
  return {
    leaf: { subject, sans, sha256: 'ab' } as unknown as Identity['leaf'],
    chain: [],
    chainKnown: true,
    anchor: undefined,
  };
}

const everything = {
  format: 'text' as ForwardClientCertConfig['xfcc']['format'],
  subject: true,
  uri: true,
  dns: true,
  cert: false,
  chain: false,
};
const config = (mode?: XfccMode, xfcc = everything): ForwardClientCertConfig => ({
  mode,
  xfcc,
  rfc9440: { clientCert: false, chain: false },
  custom: [],
});
const alice = identity('CN=alice', [
  { type: 'URI', value: 'spiffe://a/alice' },
  { type: 'DNS', value: 'alice.test' },
  { type: 'EMAIL', value: 'alice@test' },
]);

test('An authenticated client is named by default, an anonymous one is not', () => {
  const block = identityBlock(alice, config(), ['spiffe://a/gateway']);
  assert.deepEqual(block.pairs, [
    ['X-Forwarded-Client-Cert', 'By=spiffe://a/gateway;Hash=ab;Subject="CN=alice";URI=spiffe://a/alice;DNS=alice.test'],
  ]);
  assert.equal(identityBlock(undefined, config(), ['spiffe://a/gateway']).text, '');
});

test('Only what is asked for is forwarded', () => {
  const block = identityBlock(
    alice,
    config('sanitizeSet', { ...everything, subject: false, uri: false, dns: false }),
    [],
  );
  assert.equal(block.text, 'X-Forwarded-Client-Cert: Hash=ab\r\n');
});

test('A subject in any script reaches the backend as ASCII', () => {
  const block = identityBlock(identity('CN=Zo\u00eb', []), config(undefined, everything), []);
  assert.equal(block.pairs[0]?.[1], 'Hash=ab;Subject="CN=Zo\\C3\\AB";URI=');
});

const own = new OwnXfcc({ by: [], hash: 'own', uris: [], dns: [] }, 'text');
const modes: readonly [mode: XfccMode, incoming: string[], mtls: boolean, out: string | undefined][] = [
  ['sanitize', ['Hash=1'], true, undefined],
  ['sanitize', ['Hash=1'], false, undefined],
  ['sanitizeSet', ['Hash=1'], true, 'Hash=own'],
  ['sanitizeSet', ['Hash=1'], false, undefined],
  ['forwardOnly', ['Hash=1', 'Hash=2'], true, 'Hash=1,Hash=2'],
  ['forwardOnly', [], true, undefined],
  ['forwardOnly', ['Hash=1'], false, undefined],
  ['appendForward', ['Hash=1'], true, 'Hash=1,Hash=own'],
  ['appendForward', [], true, 'Hash=own'],
  ['appendForward', ['Hash=1'], false, undefined],
  ['alwaysForwardOnly', ['Hash=1'], false, 'Hash=1'],
  ['alwaysForwardOnly', ['Hash=1'], true, 'Hash=1'],
  ['alwaysForwardOnly', [], false, undefined],
  // Its form is that of whom the client stands for.
  ['forwardOnly', ['[{"hash":"1"}]'], true, '[{"hash":"1"}]'],
  ['appendForward', ['[{"hash":"1"}, {"hash":"2"}]'], true, '[{"hash":"1"},{"hash":"2"},{"hash":"own"}]'],
];

for (const [mode, incoming, mtls, out] of modes) {
  test(`${mode}, ${mtls ? 'certificate passed' : 'no certificate'}, client sent ${JSON.stringify(incoming)}: ${out ?? 'no header'}`, () => {
    assert.equal(forwardedXfcc(mode, incoming, mtls ? own : undefined, mtls), out);
  });
}

for (const mode of ['forwardOnly', 'appendForward', 'alwaysForwardOnly'] as const) {
  test(`${mode} refuses a request whose header is to be passed on and is not well formed`, () => {
    for (const bad of [
      'Hash="1',
      'Subject="open',
      'nonsense',
      '[]',
      '[{"hash":1}]',
      '[{"hash":"1"}],Hash=2',
      'Hash=1,'.repeat(40),
      `Hash=${'a'.repeat(17_000)}`,
    ])
      assert.throws(() => forwardedXfcc(mode, [bad], own, true), isFault('bad_request'));
    if (mode !== 'alwaysForwardOnly') assert.equal(forwardedXfcc(mode, ['Hash="1'], undefined, false), undefined);
  });
}

test('In JSON it is an array of one, and text where the client sent text', () => {
  const json = config('appendForward', { ...everything, format: 'json' });
  const block = (...received: (readonly [string, string])[]) =>
    new ForwardedIdentity(alice, json, ['spiffe://a/gateway']).block(fields(...received)).pairs[0]?.[1];
  const alone =
    '{"by":["spiffe://a/gateway"],"hash":"ab","subject":"CN=alice","uri":["spiffe://a/alice"],"dns":["alice.test"]}';
  assert.equal(block(), `[${alone}]`);
  assert.equal(block(['X-Forwarded-Client-Cert', '[{"hash":"1"}]']), `[{"hash":"1"},${alone}]`);
  assert.match(block(['X-Forwarded-Client-Cert', 'Hash=1']) ?? '', /^Hash=1,By=spiffe:\/\/a\/gateway;Hash=ab;/);
});

const hashOnly = { format: 'text' as const, subject: false, uri: false, dns: false, cert: false, chain: false };

test('Modes that forward read the request, and only the header spelled as it is', () => {
  const received = fields(['x-forwarded-client-cert', 'Hash=1'], ['X_Forwarded_Client_Cert', 'Hash=2']);
  const block = (who: Identity | undefined, mode: XfccMode) =>
    new ForwardedIdentity(who, config(mode, hashOnly), []).block(received).pairs[0]?.[1];
  assert.equal(block(alice, 'appendForward'), 'Hash=1,Hash=ab');
  assert.equal(block(undefined, 'appendForward'), undefined);
  assert.equal(block(undefined, 'alwaysForwardOnly'), 'Hash=1');
  assert.equal(block(alice, 'sanitizeSet'), 'Hash=ab');
});

test('What the client sent and what we add must fit together', () => {
  const long = `Hash=${'a'.repeat(16_379)}`;
  const appending = new ForwardedIdentity(alice, config('appendForward', hashOnly), []);
  assert.throws(() => appending.block(fields([xfcc, long])), isFault('identity_too_large'));
  const forwarding = new ForwardedIdentity(alice, config('forwardOnly', hashOnly), []);
  assert.equal(forwarding.block(fields([xfcc, long])).pairs[0]?.[1], long);
});

const xfcc = 'X-Forwarded-Client-Cert';

/** A client below an intermediate: leaf and intermediate are forwarded, the root never is. */
async function chained(
  options: Partial<LeafOptions> = {},
): Promise<{ identity: Identity; issued: Issued; ca: Issued }> {
  const root = await mintCa({ cn: 'Root' });
  const ca = await root.issueCa({ cn: 'Issuing CA' });
  const issued = await ca.issue({ kind: 'client', cn: 'alice', ...options });
  const [leaf, above, anchor] = [issued.der, ca.der, root.der].map(readFacts);
  assert.ok(leaf !== undefined && above !== undefined);
  return { identity: { leaf, chain: [leaf, above], chainKnown: true, anchor }, issued, ca };
}

const everythingOn: ForwardClientCertConfig = {
  mode: undefined,
  xfcc: { ...hashOnly, cert: true, chain: true },
  rfc9440: { clientCert: true, chain: true },
  custom: [{ name: 'X-Caller', value: 'subject' }],
};

test('Cert and Chain are URL-encoded PEM, the chain in the order of TLS with the leaf and without the anchor', async () => {
  const { identity: who, issued, ca } = await chained();
  const [cert, chain] = [issued.certPem, issued.certPem + ca.certPem].map(encodeURIComponent);
  const [pair] = identityBlock(who, everythingOn, []).pairs;
  assert.deepEqual(pair, [xfcc, `Hash=${who.leaf.sha256};Cert="${cert}";Chain="${chain}"`]);
});

test('A chain that is not known is left out everywhere, and said to be', async () => {
  const { identity: who } = await chained();
  const known = new ForwardedIdentity(who, everythingOn, []);
  assert.equal(known.lacksChain, false);
  assert.equal(known.block(fields()).pairs.length, 4);
  const unknown = new ForwardedIdentity({ ...who, chain: [who.leaf], chainKnown: false }, everythingOn, []);
  assert.equal(unknown.lacksChain, true);
  const { text, pairs } = unknown.block(fields());
  assert.deepEqual(
    pairs.map(([name]) => name),
    [xfcc, 'Client-Cert', 'X-Caller'],
  );
  assert.ok(!text.includes('Chain='));
  const withoutChain = { ...everythingOn, xfcc: hashOnly, rfc9440: { clientCert: true, chain: false } };
  assert.equal(new ForwardedIdentity({ ...who, chainKnown: false }, withoutChain, []).lacksChain, false);
});

const otherFields = ['Client-Cert', 'Client-Cert-Chain', 'X-Caller'];

for (const mode of [
  undefined,
  'sanitize',
  'sanitizeSet',
  'forwardOnly',
  'appendForward',
  'alwaysForwardOnly',
] as const) {
  test(`Client-Cert and custom fields name the authenticated client in mode ${mode}, never what it sent`, async () => {
    const { identity: who } = await chained();
    const received = fields(['Client-Cert', ':AAAA:'], ['Client-Cert-Chain', ':AAAA:'], ['X-Caller', 'CN=root']);
    const { pairs } = new ForwardedIdentity(who, { ...everythingOn, mode }, []).block(received);
    const others = pairs.filter(([name]) => name !== xfcc);
    assert.deepEqual(
      others.map(([name]) => name),
      otherFields,
    );
    assert.ok(others.every(([, value]) => value !== ':AAAA:' && value !== 'CN=root'));
    assert.equal(new ForwardedIdentity(undefined, { ...everythingOn, mode }, []).block(received).text, '');
  });
}

test('A certificate that does not fit is refused in every form, never left out', async () => {
  const { identity: who } = await chained({
    sans: Array.from({ length: 600 }, (_, i) => `host-${i}.a-rather-long-name.example.com`),
  });
  const nothing: ForwardClientCertConfig = { ...everythingOn, mode: 'sanitize', custom: [] };
  const none = { ...nothing, rfc9440: { clientCert: false, chain: false } };
  for (const settings of [
    nothing,
    { ...none, mode: 'sanitizeSet', xfcc: { ...hashOnly, dns: true } },
    { ...none, mode: 'sanitizeSet', xfcc: { ...hashOnly, cert: true } },
    { ...none, custom: [{ name: 'X-Cert', value: 'pem' }] },
    { ...none, custom: [{ name: 'X-Cert', value: 'der' }] },
    { ...none, custom: [{ name: 'X-Cert', value: 'sans' }] },
  ] as const) {
    assert.throws(
      () => new ForwardedIdentity(who, settings, []),
      isFault('identity_too_large'),
      JSON.stringify(settings),
    );
  }
  assert.equal(new ForwardedIdentity(who, none, []).block(fields()).text, '');
});

test('All fields together have a limit too', async () => {
  const { identity: who } = await chained();
  const custom = Array.from({ length: 60 }, (_, i) => ({ name: `X-Cert-${i}`, value: 'pem' }) as const);
  assert.throws(() => new ForwardedIdentity(who, { ...everythingOn, custom }, []), isFault('identity_too_large'));
});
