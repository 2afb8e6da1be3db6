// Policies whose contexts are made by their first handshake: the same to a client as those that were made before, and closed where
// they cannot be made.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '../../src/base/clock.ts';
import { FutileHandshakes } from '../../src/downstream/futile-handshakes.ts';
import { HandshakeTurns } from '../../src/downstream/handshake-turns.ts';
import { sClient } from '../support/openssl.ts';
import { type Ask, openSessionStage, type SessionStage } from './session-stage.ts';
import { type Edge, type EdgeOptions, openEdge } from './tls-edge.ts';

let stage: SessionStage;
before(async () => {
  stage = await openSessionStage('tls-lazy');
});
after(() => stage[Symbol.dispose]());

function lazy(): EdgeOptions['policies'] {
  return Object.fromEntries(Object.entries(stage.policies()).map(([name, spec]) => [name, { ...spec, isLazy: true }]));
}

async function resume(first: [Edge, Ask], second: [Edge, Ask]): Promise<[number | undefined, boolean]> {
  const file = stage.newFile();
  await sClient({ port: first[0].port, ...first[1], sessionOut: file });
  const next = await sClient({ port: second[0].port, ...second[1], sessionIn: file });
  return [next.status, next.reused];
}

describe('a policy that is made by its first handshake', () => {
  for (const tls of ['1.2', '1.3'] as const) {
    test(`takes the sessions of a worker that had made it, and under keys that changed before, TLS ${tls}`, async () => {
      const secret = randomBytes(32);
      using made = await openEdge({ policies: stage.policies(), secret });
      using one = await openEdge({ policies: lazy(), secret });
      using two = await openEdge({ policies: lazy(), secret });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      assert.deepEqual(await resume([made, ask], [one, ask]), [200, true]);
      assert.deepEqual(await resume([one, ask], [made, ask]), [200, true]);
      // Two has had no handshake yet: it must not begin under the keys that it was made with.
      for (const edge of [made, two]) edge.rotate(randomBytes(32).fill(7), [secret]);
      const file = stage.newFile();
      await sClient({ port: one.port, ...ask, sessionOut: file });
      const accepted = await sClient({ port: two.port, ...ask, sessionIn: file });
      assert.deepEqual([accepted.status, accepted.reused], [200, true]);
      assert.deepEqual(await resume([two, ask], [made, ask]), [200, true]);
      assert.deepEqual(await resume([two, ask], [one, ask]), [200, false]);
    });

    test(`lets in whom it trusts, and no session of another policy, TLS ${tls}`, async () => {
      using edge = await openEdge({ policies: lazy() });
      const alice = { ...stage.asAlice(), tls };
      const refused = await sClient({ port: edge.port, ...alice, servername: 'b.test' });
      assert.equal(refused.status, undefined);
      assert.equal(edge.refusals.items[0]?.code, 'untrusted_issuer');
      const [status] = await resume(
        [edge, { ...alice, servername: 'a.test' }],
        [edge, { ...alice, servername: 'b.test' }],
      );
      assert.equal(status, undefined);
      assert.deepEqual(
        edge.refusals.items.map(({ code }) => code),
        ['untrusted_issuer', 'untrusted_issuer'],
      );
    });
  }

  test('lets nobody in where it cannot be made, tells it each time, and harms no other', async () => {
    const { a, ...others } = lazy();
    assert.ok(a);
    const server = { ...stage.server, keyPem: stage.alice.keyPem };
    const futile = new FutileHandshakes({ ...systemClock, monotonic: () => 0 });
    const turns = HandshakeTurns.ofWorker(futile);
    using edge = await openEdge({ policies: { ...others, a: { ...a, server } }, turns });
    const ask = { ...stage.asAlice(), servername: 'a.test' };
    for (let time = 0; time < 2; time++) {
      const { established, status } = await sClient({ port: edge.port, ...ask });
      assert.deepEqual([established, status], [false, undefined]);
    }
    assert.deepEqual(
      edge.refusals.items.map(({ code, policy }) => [code, policy]),
      [
        ['internal', 'a'],
        ['internal', 'a'],
      ],
    );
    assert.deepEqual(
      edge.outcomes.items.map(({ code }) => code),
      ['internal', 'internal'],
    );
    assert.equal(edge.defects.length, 2);
    for (const defect of edge.defects) assert.match(String(defect), /key values mismatch/);
    // It is not the client whose handshakes come to nothing.
    assert.equal(futile.size, 0);
    const bob = { cert: stage.bob.cert, key: stage.bob.key, servername: 'b.test' };
    assert.equal((await sClient({ port: edge.port, ...bob })).status, 200);
  });
});
