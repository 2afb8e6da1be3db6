import { ChallengeAnswers } from '../acme/challenge-answers.ts';
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Clock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import type { Peer } from '../downstream/peer.ts';
import type { Exchange } from '../http/exchange.ts';
import { Fields } from '../http/field.ts';
import { Forwarding } from '../forwarding/forwarding.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import type { Verdict } from '../trust/verdict.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { ClientCounts } from '../downstream/client-counts.ts';
import { FutileHandshakes } from '../downstream/futile-handshakes.ts';
import { UselessTraffic } from '../downstream/useless-traffic.ts';
import { SlowLane } from './slow-lane.ts';
import { BodyBudget } from './body-buffer.ts';
import { Client } from './client.ts';
import { RequestMetrics } from './request-metrics.ts';
import { Serve } from './serve.ts';
import type { Services, Serving } from './serving.ts';

const start = Date.UTC(2026, 0, 1);
const notAfter = start + 3_600_000;

/** A connection of a client whose certificate is good until `notAfter`; answers what a request at a time is told. */
async function openConnection(): Promise<(now: number) => { status: number; close: boolean; body: string }> {
  const ca = await mintCa({ cn: 'clients' });
  const issued = await ca.issue({ kind: 'client', cn: 'alice', notBefore: start - 3_600_000, notAfter });
  const leaf = readFacts(Buffer.from(issued.certPem.replace(/-----[^-]+-----|\s/g, ''), 'base64'));
  const verdict: Verdict = {
    code: 'ok',
    raw: '',
    detail: '',
    leaf,
    chain: [leaf],
    chainKnown: true,
    anchor: undefined,
    resumed: false,
    version: 'TLSv1.3',
    cipher: '',
  };
  const peer: Peer = {
    remoteAddress: '192.0.2.1',
    remotePort: 1,
    localPort: 2,
    secure: true,
    serverName: 'a.test',
    policy: 'gateway',
    policyDigest: '',
    verdict,
    identity: { leaf, chain: [leaf], chainKnown: true, anchor: undefined },
    refused: undefined,
  };
  let time = start;
  const clock: Clock = { now: () => time, monotonic: () => 0, after: () => () => {} };
  // No host belongs to any policy here: who passes the first look is told 421.
  const serving = {
    forwarding: new Forwarding({ trustedProxies: [], ipHeaders: [] }, () => '0'.repeat(36)),
    policies: { find: () => undefined },
  } as unknown as Serving;
  const services: Services = {
    clock,
    deadlines: new Deadlines(clock),
    accessLog: undefined,
    tracing: undefined,
    clientRequests: new ClientCounts(),
    useless: new UselessTraffic(clock),
    slowLane: new SlowLane(clock),
    futile: new FutileHandshakes(clock),
    bodies: new BodyBudget(0, 0),
    metrics: new RequestMetrics(new Metrics().of),
    onDefect: (error) => assert.fail(String(error)),
    onFault: () => {},
    isDraining: () => false,
    challenges: new ChallengeAnswers(),
    onChallenge: () => {},
    current: () => serving,
  };
  const serve = new Serve(new Client(peer), services);
  return (now) => {
    time = now;
    let told = { status: 0, close: false, body: '' };
    const exchange = {
      head: { method: 'GET', target: '/', authority: 'a.test', fields: new Fields() },
      startedAt: 0,
      canRespond: true,
      respond: (status: number, _fields: unknown, body: string, close = false) => {
        told = { status, close, body };
      },
    } as unknown as Exchange;
    serve.onRequest(exchange);
    return told;
  };
}

describe('the certificate of an open connection', () => {
  it('counts until its last second', async () => {
    const ask = await openConnection();
    assert.equal(ask(start).status, 421);
    assert.equal(ask(notAfter).status, 421);
  });

  it('is refused as expired from then on, and the connection ends with that answer', async () => {
    const ask = await openConnection();
    assert.equal(ask(start).status, 421);
    const { status, close, body } = ask(notAfter + 1);
    assert.deepEqual([status, close], [403, true]);
    assert.match(body, /"code":"expired"/);
  });
});
