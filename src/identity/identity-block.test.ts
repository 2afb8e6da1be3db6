import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardClientCertConfig, XfccMode } from '../config/gateway-config.ts';
import { FieldNames, Fields } from '../http/field.ts';
import type { San } from '../pki/facts.ts';
import type { Identity } from '../pki/verdict.ts';
import { forwardedXfcc, forwardsIncoming, identityBlock } from './identity-block.ts';

function identity(subject: string, sans: readonly San[]): Identity {
  return {
    leaf: { subject, sans, sha256: 'ab' } as unknown as Identity['leaf'],
    chain: [],
    chainKnown: true,
    anchor: undefined,
  };
}

const everything = { subject: true, uri: true, dns: true, cert: false, chain: false };
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
  assert.equal(block.pairs[0]?.[1], 'Hash=ab;Subject="CN=Zo\\\\C3\\\\AB";URI=');
});

const modes: readonly [mode: XfccMode, incoming: string[], mtls: boolean, out: string | undefined][] = [
  ['sanitize', ['Hash=1'], true, undefined],
  ['sanitize', ['Hash=1'], false, undefined],
  ['sanitizeSet', ['Hash=1'], true, 'Hash=own'],
  ['sanitizeSet', ['Hash=1'], false, undefined],
  ['forwardOnly', ['Hash=1', 'Hash=2'], true, 'Hash=1,Hash=2'],
  ['forwardOnly', [], true, undefined],
  ['forwardOnly', ['Hash=1'], false, undefined],
  ['forwardOnly', ['Hash="1'], true, undefined],
  ['appendForward', ['Hash=1'], true, 'Hash=1,Hash=own'],
  ['appendForward', [], true, 'Hash=own'],
  ['appendForward', ['Subject="open'], true, 'Hash=own'],
  ['appendForward', ['Hash=1'], false, undefined],
  ['alwaysForwardOnly', ['Hash=1'], false, 'Hash=1'],
  ['alwaysForwardOnly', ['Hash=1'], true, 'Hash=1'],
  ['alwaysForwardOnly', [], false, undefined],
];

for (const [mode, incoming, mtls, out] of modes) {
  test(`${mode}, ${mtls ? 'certificate passed' : 'no certificate'}, client sent ${JSON.stringify(incoming)}: ${out ?? 'no header'}`, () => {
    assert.equal(forwardedXfcc(mode, incoming, mtls ? 'Hash=own' : undefined, mtls), out);
  });
}

test('Modes that forward read the request, and only the header spelled as it is', () => {
  const names = new FieldNames();
  const fields = new Fields();
  for (const [raw, value] of [
    ['x-forwarded-client-cert', 'Hash=1'],
    ['X_Forwarded_Client_Cert', 'Hash=2'],
  ] as const) {
    const name = names.find(raw);
    if (name !== undefined) fields.push(name, value);
  }
  const appending = config('appendForward', { ...everything, subject: false, uri: false, dns: false });
  assert.equal(identityBlock(alice, appending, [], fields).pairs[0]?.[1], 'Hash=1,Hash=ab');
  assert.equal(identityBlock(undefined, appending, [], fields).text, '');
  assert.deepEqual([forwardsIncoming(appending), forwardsIncoming(config())], [true, false]);
});
