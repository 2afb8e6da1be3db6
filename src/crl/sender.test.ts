import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CrlMessage, CrlSubscriber } from './subscriber.ts';
import type { CrlFacts, IndexedCrl } from './crl-set.ts';
import { CrlSender } from './sender.ts';
import type { CrlGroup } from './publisher.ts';

function crl(digest: string, bytes: number): IndexedCrl {
  const facts: CrlFacts = {
    source: digest,
    issuer: 'CN=A',
    issuerKey: 'CN=A',
    issuerSpki: 'a',
    number: '01',
    thisUpdate: 0,
    nextUpdate: 1,
    entries: 0,
    covers: 'all',
    distributionPoints: [],
    digest,
  };
  return { facts, index: Uint8Array.from({ length: bytes }, (_, at) => at % 251) };
}

/** A worker's store behind a sender; `gate` holds each message back until it is let through. */
function open(gate: () => Promise<void> = async () => {}) {
  const store = new CrlSubscriber();
  const messages: CrlMessage[] = [];
  const sender = new CrlSender(async (message) => {
    await gate();
    messages.push(message);
    store.take(message);
  });
  return { store, messages, sender };
}

describe('CRLs on their way to a worker', () => {
  it('come in pieces, each index once, and what no group has any more is forgotten', async () => {
    const { store, messages, sender } = open();
    const [large, small] = [crl('large', 300_000), crl('small', 10)];
    await sender.deliver(() => [{ key: 'g', crls: [large, small] }]);
    assert.deepEqual(store.find('g'), [large, small]);
    const pieces = messages.filter(({ kind }) => kind === 'crlPiece').length;
    assert.equal(pieces, 6);
    await sender.deliver(() => [
      { key: 'g', crls: [large] },
      { key: 'h', crls: [large] },
    ]);
    assert.equal(messages.filter(({ kind }) => kind === 'crlPiece').length, pieces);
    assert.deepEqual(store.find('h'), [large]);
    assert.throws(() => store.take({ kind: 'crls', groups: [{ key: 'g', crls: [small.facts] }] }), /is missing/);
  });

  it('are the newest when their turn comes, however often they changed meanwhile', async () => {
    let current: CrlGroup[] = [{ key: 'g', crls: [crl('1', 10)] }];
    const { store, messages, sender } = open(async () => new Promise((resolve) => setImmediate(resolve)));
    const deliveries = [sender.deliver(() => current)];
    for (const digest of ['2', '3', '4']) {
      current = [{ key: 'g', crls: [crl(digest, 10)] }];
      deliveries.push(sender.deliver(() => current));
    }
    await Promise.all(deliveries);
    assert.deepEqual(
      store.find('g').map(({ facts }) => facts.digest),
      ['4'],
    );
    assert.ok(messages.filter(({ kind }) => kind === 'crls').length <= 2);
  });

  it('are no messages at all where nobody asks for any, and an empty list once nobody does any more', async () => {
    const { store, messages, sender } = open();
    await sender.deliver(() => []);
    assert.deepEqual(messages, []);
    await sender.deliver(() => [{ key: 'g', crls: [crl('1', 10)] }]);
    await sender.deliver(() => []);
    assert.deepEqual(store.find('g'), []);
  });

  it('are brought by the next delivery where one failed', async () => {
    let fails = true;
    const { store, sender } = open(async () => {
      if (fails) throw new Error('the channel is closed');
    });
    const groups = [{ key: 'g', crls: [crl('1', 10)] }];
    await assert.rejects(sender.deliver(() => groups));
    fails = false;
    await sender.deliver(() => groups);
    assert.equal(store.find('g').length, 1);
  });

  it('change nothing where the same is listed again', () => {
    const { store } = open();
    const { facts, index } = crl('1', 10);
    store.take({ kind: 'crlPiece', digest: '1', total: 10, offset: 0, piece: index });
    const list = { kind: 'crls', groups: [{ key: 'g', crls: [facts] }] } as const;
    assert.equal(store.take(list), true);
    assert.equal(store.take(list), false);
  });
});
