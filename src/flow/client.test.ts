import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { Peer } from '../downstream/peer.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { Client } from './client.ts';
import { RequestMetrics } from './request-metrics.ts';

type RequestParts = Parameters<Client['identity']>[1];

const ca = await mintCa();
const leaf = readFacts((await ca.issue({ kind: 'client', cn: 'alice' })).der);

function peer(chainKnown: boolean): Peer {
  return {
    remoteAddress: '192.0.2.1',
    verdict: undefined,
    identity: { leaf, chain: [leaf], chainKnown, anchor: undefined },
  } as unknown as Peer;
}

const anonymous = { remoteAddress: '192.0.2.1', verdict: undefined, identity: undefined } as unknown as Peer;

/** What one generation asks with; `received`: the client's own header. */
function asking(metrics: Metrics, received: Fields = new Fields(), serving: object = {}): RequestParts {
  return {
    exchange: { head: { fields: received } },
    policy: undefined,
    serving,
    services: { metrics: new RequestMetrics(metrics.of) },
  } as unknown as RequestParts;
}

function settings(change: Partial<ForwardClientCertConfig> = {}): ForwardClientCertConfig {
  return {
    mode: undefined,
    xfcc: { format: 'text', subject: true, uri: true, dns: true, cert: false, chain: true },
    rfc9440: { clientCert: true, chain: true },
    custom: [],
    ...change,
  };
}

function chainUnknown(metrics: Metrics): number {
  const family = metrics.snapshot().find(({ name }) => name === 'countersign_identity_chain_unknown_total');
  return family?.values[0]?.value ?? 0;
}

test('The identity is made once for each settings, whichever way a connection alternates between routes', () => {
  const client = new Client(peer(true));
  const setup = asking(new Metrics());
  const [one, two, three] = [settings(), settings({ mode: 'sanitize' }), settings({ custom: [] })];
  const blocks = [one, two, three].map((config) => client.identity(config, setup));
  for (let i = 0; i < 5; i++) {
    assert.deepEqual(
      [one, two, three].map((config, at) => client.identity(config, setup) === blocks[at]),
      [true, true, true],
    );
  }
});

test('A new generation begins anew, and many settings do not fill memory', () => {
  const client = new Client(peer(true));
  const metrics = new Metrics();
  const [first, second] = [asking(metrics), asking(metrics)];
  const config = settings();
  const block = client.identity(config, first);
  assert.notEqual(client.identity(config, second), block);
  const latest = client.identity(config, second);
  for (let i = 0; i < 4; i++) client.identity(settings(), second);
  assert.notEqual(client.identity(config, second), latest);
  assert.equal(client.identity(config, second).text, block.text);
});

test('A chain that is not known is counted once for each connection, not for each request', () => {
  const metrics = new Metrics();
  const setup = asking(metrics);
  const config = settings();
  const client = new Client(peer(false));
  for (let i = 0; i < 3; i++) client.identity(config, setup);
  assert.equal(chainUnknown(metrics), 1);
  new Client(peer(true)).identity(config, setup);
  new Client(peer(false)).identity(
    settings({ xfcc: { ...config.xfcc, chain: false }, rfc9440: { clientCert: true, chain: false } }),
    setup,
  );
  assert.equal(chainUnknown(metrics), 1);
});

test('What a mode forwards follows each request', () => {
  const names = new FieldNames();
  const client = new Client(anonymous);
  const config = settings({ mode: 'alwaysForwardOnly' });
  const serving = {};
  const blockFor = (value: string) => {
    const fields = new Fields();
    const name = names.find('X-Forwarded-Client-Cert');
    assert.ok(name);
    if (value !== '') fields.push(name, value);
    return client.identity(config, asking(new Metrics(), fields, serving)).pairs.map(([, text]) => text);
  };
  assert.deepEqual([blockFor('Hash=1'), blockFor(''), blockFor('Hash=2')], [['Hash=1'], [], ['Hash=2']]);
  assert.equal(client.identity(settings(), asking(new Metrics())).text, '');
});
