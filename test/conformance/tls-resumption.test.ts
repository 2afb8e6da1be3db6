// Incidents 1 and 2, facts N1 to N9 and N23: a session is worth something in the policy that made it, while that policy
// stands, and nowhere else. The client is `openssl s_client`, which resumes wherever it is told to; Node's own does not.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Intermediates } from '../../src/trust/intermediates.ts';
import { type SClientResult, sClient } from '../support/openssl.ts';
import { type Ask, crossings, openSessionStage, type SessionStage } from './session-stage.ts';
import { type Edge, openEdge, ShiftedClock } from './tls-edge.ts';

let stage: SessionStage;
before(async () => {
  stage = await openSessionStage('tls-resumption');
});
after(() => stage[Symbol.dispose]());

/** Makes a session with the first request, presents it with the second; both must come to an end. */
async function resume(first: [Edge, Ask], second: [Edge, Ask]): Promise<{ made: SClientResult; next: SClientResult }> {
  const file = stage.newFile();
  const made = await sClient({ port: first[0].port, ...first[1], sessionOut: file });
  const next = await sClient({ port: second[0].port, ...second[1], sessionIn: file });
  return { made, next };
}

for (const tls of ['1.2', '1.3'] as const) {
  describe(`TLS ${tls}`, () => {
    test('within one policy a session resumes, and the client is who it was', async () => {
      using downstream = await openEdge({ policies: stage.policies() });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const { made, next } = await resume([downstream, ask], [downstream, ask]);
      assert.deepEqual([made.status, made.reused], [200, false]);
      assert.deepEqual([next.status, next.reused], [200, true]);
      const [, peer] = downstream.peers.items;
      assert.equal(peer?.identity?.leaf.subject, 'CN=alice');
      assert.deepEqual([peer?.verdict?.resumed, peer?.serverName, peer?.policy], [true, 'a.test', 'a']);
    });

    test('two workers that share the secret resume the sessions of each other', async () => {
      const secret = randomBytes(32);
      using one = await openEdge({ policies: stage.policies(), secret });
      using two = await openEdge({ policies: stage.policies(), secret });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const { next } = await resume([one, ask], [two, ask]);
      assert.deepEqual([next.status, next.reused], [200, true]);
      assert.equal(two.peers.items[0]?.identity?.leaf.subject, 'CN=alice');
    });

    test('new ticket keys take effect for the next handshake: an old ticket costs a full one, a new one resumes', async () => {
      using one = await openEdge({ policies: stage.policies() });
      using two = await openEdge({ policies: stage.policies() });
      const [before, after] = [randomBytes(32), randomBytes(32)];
      for (const downstream of [one, two]) downstream.rotate(before);
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      assert.equal((await resume([one, ask], [two, ask])).next.reused, true, 'within an epoch');
      const file = stage.newFile();
      assert.equal((await sClient({ port: one.port, ...ask, sessionOut: file })).status, 200);
      for (const downstream of [one, two]) downstream.rotate(after);
      for (const downstream of [one, two]) {
        const old = await sClient({ port: downstream.port, ...ask, sessionIn: file });
        assert.deepEqual([old.status, old.reused], [200, false]);
      }
      assert.equal((await resume([one, ask], [two, ask])).next.reused, true, 'within the next epoch');
      // Other policies have other keys of the same secret.
      const crossed = await resume([one, { servername: 'may.test', tls }], [two, { servername: 'open.test', tls }]);
      assert.deepEqual([crossed.next.status, crossed.next.reused], [200, false]);
      assert.equal(one.refusals.length + two.refusals.length, 0);
    });

    test('a ticket under a key that is accepted beside the present one resumes, in its policy only', async () => {
      using one = await openEdge({ policies: stage.policies() });
      using two = await openEdge({ policies: stage.policies() });
      const [before, after, foreign] = [randomBytes(32), randomBytes(32), randomBytes(32)];
      one.rotate(before);
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const file = stage.newFile();
      assert.equal((await sClient({ port: one.port, ...ask, sessionOut: file })).status, 200);
      two.rotate(after, [foreign]);
      const call = async (servername: string) => {
        const { status, reused } = await sClient({ port: two.port, ...ask, servername, sessionIn: file });
        return [status, reused];
      };
      assert.deepEqual(await call('a.test'), [200, false]);
      two.rotate(after, [foreign, before]);
      assert.deepEqual(await call('a.test'), [200, true]);
      assert.equal(two.peers.items.at(-1)?.identity?.leaf.subject, 'CN=alice');
      assert.deepEqual(await call('open.test'), [200, false]);
      two.rotate(after, [foreign]);
      assert.deepEqual(await call('a.test'), [200, false]);
      assert.equal(two.refusals.length, 0);
    });

    test('another secret knows none of them: a full handshake, no error', async () => {
      using one = await openEdge({ policies: stage.policies() });
      using two = await openEdge({ policies: stage.policies() });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const { next } = await resume([one, ask], [two, ask]);
      assert.deepEqual([next.status, next.reused], [200, false]);
    });

    for (const [sentence, from, to, code] of crossings) {
      test(`a session ${sentence}`, async () => {
        using downstream = await openEdge({ policies: stage.policies(), defaultPolicy: 'b' });
        const { cert, key } = from === 'nobody.test' ? stage.bob : stage.alice;
        const who = code === 'no_client_cert' ? {} : { cert, key };
        const { made, next } = await resume(
          [downstream, { ...who, servername: from, tls }],
          [downstream, { ...who, servername: to, tls }],
        );
        assert.equal(made.status, 200);
        assert.deepEqual([next.status, next.reused], [undefined, false]);
        assert.equal((await downstream.refusals.waitFor(() => true)).code, code);
        assert.deepEqual(
          downstream.outcomes.items.map(({ verdict }) => verdict?.resumed ?? false),
          [false, false],
        );
      });
    }

    test('the certificate of the right CA passes with a full handshake after the session was turned down', async () => {
      using downstream = await openEdge({ policies: stage.policies() });
      const to = { cert: stage.bob.cert, key: stage.bob.key, servername: 'b.test', tls };
      const { next } = await resume([downstream, { ...stage.asAlice(), servername: 'a.test', tls }], [downstream, to]);
      assert.deepEqual([next.status, next.reused], [200, false]);
      assert.match(next.response, /b CN=bob$/);
    });

    for (const [when, cas, status] of [
      ['its CA is gone', () => [stage.beta], undefined],
      ['another CA came in', () => [stage.alpha, stage.beta], 200],
    ] as const) {
      test(`a session dies when ${when}`, async () => {
        using downstream = await openEdge({ policies: stage.policies() });
        const file = stage.newFile();
        const ask = { port: downstream.port, ...stage.asAlice(), servername: 'a.test', tls };
        assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
        downstream.replace({
          ...stage.policies(),
          a: { server: stage.server, ca: cas().map(({ certPem }) => certPem) },
        });
        const again = await sClient({ ...ask, sessionIn: file });
        assert.deepEqual([again.status, again.reused], [status, false]);
      });
    }

    test('a session made without a certificate dies when the policy begins to require one', async () => {
      using downstream = await openEdge({ policies: stage.policies() });
      const file = stage.newFile();
      const ask = { port: downstream.port, servername: 'may.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
      downstream.replace({
        ...stage.policies(),
        may: { server: stage.server, ca: stage.alpha.certPem, required: true },
      });
      const again = await sClient({ ...ask, sessionIn: file });
      assert.deepEqual([again.status, again.reused], [undefined, false]);
      assert.equal((await downstream.refusals.waitFor(() => true)).code, 'no_client_cert');
    });

    test('a session without a certificate resumes as anonymous where that is allowed', async () => {
      using downstream = await openEdge({ policies: stage.policies() });
      const ask = { servername: 'may.test', tls };
      const { next } = await resume([downstream, ask], [downstream, ask]);
      assert.deepEqual([next.status, next.reused], [200, true]);
      assert.match(next.response, /may anonymous$/);
    });

    test('a session does not outlive the certificate that it was made with', async () => {
      const clock = new ShiftedClock();
      using downstream = await openEdge({ policies: stage.policies(), clock });
      const file = stage.newFile();
      const ask = { port: downstream.port, ...stage.asAlice(), servername: 'a.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
      clock.shiftMs = 31 * 86_400_000;
      const again = await sClient({ ...ask, sessionIn: file });
      assert.deepEqual([again.status, again.reused], [undefined, true]);
      const refusal = await downstream.refusals.waitFor(() => true);
      assert.equal(refusal.code, 'expired');
      assert.equal(refusal.leaf?.subject, 'CN=alice');
    });

    test('a refused client is left without a session, whether OpenSSL or we refused it', async () => {
      using downstream = await openEdge({
        policies: { a: { server: stage.server, ca: stage.alpha.certPem, maxDepth: 0 } },
      });
      for (const who of await stage.refusedClients(tls)) {
        const file = stage.newFile();
        const refused = await sClient({ port: downstream.port, ...who, servername: 'a.test', tls, sessionOut: file });
        assert.equal(refused.status, undefined);
        assert.equal(existsSync(file), false);
      }
      await downstream.refusals.waitFor(({ code }) => code === 'chain_too_deep');
      await downstream.refusals.waitFor(({ code }) => code === 'no_client_cert');
      assert.equal(downstream.peers.length, 0);
      const file = stage.newFile();
      await sClient({ port: downstream.port, ...stage.asAlice(), servername: 'a.test', tls, sessionOut: file });
      assert.equal(existsSync(file), true, 'who passes gets one');
    });

    test('where refusals are explained the client has a session, and it is worth nothing', async () => {
      const secret = randomBytes(32);
      const explained = { a: { server: stage.server, ca: stage.alpha.certPem, onFailure: 'explain' as const } };
      using one = await openEdge({ policies: explained, secret });
      using two = await openEdge({ policies: explained, secret });
      const ask = { cert: stage.bob.cert, key: stage.bob.key, servername: 'a.test', tls };
      const { made, next } = await resume([one, ask], [two, ask]);
      assert.deepEqual([made.status, next.status, next.reused], [403, 403, false]);
    });

    test('a client with an intermediate resumes at a worker that never saw its chain, which then counts as unknown', async () => {
      const secret = randomBytes(32);
      const issuing = await stage.alpha.issueCa({ cn: 'issuing' });
      const dave = await issuing.issue({ kind: 'client', cn: 'dave' });
      const ask = {
        cert: stage.dir.write(`dave-${tls}.crt`, dave.certPem),
        key: stage.dir.write(`dave-${tls}.key`, dave.keyPem),
        chain: stage.dir.write(`issuing-${tls}.crt`, issuing.certPem),
        servername: 'a.test',
        tls,
      };
      using one = await openEdge({ policies: stage.policies(), secret });
      using two = await openEdge({ policies: stage.policies(), secret });
      const { next } = await resume([one, ask], [two, ask]);
      assert.deepEqual([next.status, next.reused], [200, true]);
      const [first] = one.peers.items;
      assert.deepEqual([first?.identity?.chainKnown, first?.identity?.chain.length], [true, 2]);
      const [elsewhere] = two.peers.items;
      assert.deepEqual([elsewhere?.identity?.chainKnown, elsewhere?.identity?.chain.length], [false, 1]);
      const here = await resume([one, ask], [one, ask]);
      assert.equal(here.next.reused, true);
      const again = one.peers.items.at(-1);
      assert.deepEqual([again?.identity?.chainKnown, again?.identity?.chain.length], [true, 2], 'remembered');
    });

    test('what one worker learned of intermediates, another judges a resumed session with', async () => {
      const secret = randomBytes(32);
      const issuing = await stage.alpha.issueCa({ cn: 'issuing' });
      const erin = await issuing.issue({ kind: 'client', cn: 'erin' });
      const ask = {
        cert: stage.dir.write(`erin-${tls}.crt`, erin.certPem),
        key: stage.dir.write(`erin-${tls}.key`, erin.keyPem),
        chain: stage.dir.write(`issuing-e-${tls}.crt`, issuing.certPem),
        servername: 'a.test',
        tls,
      };
      const told = new Intermediates();
      using one = await openEdge({
        policies: stage.policies(),
        secret,
        intermediates: new Intermediates((learned) => told.add(learned)),
      });
      using two = await openEdge({ policies: stage.policies(), secret, intermediates: told });
      const { next } = await resume([one, ask], [two, ask]);
      assert.deepEqual([next.status, next.reused], [200, true]);
      const identity = two.peers.items[0]?.identity;
      assert.deepEqual(
        identity?.chain.map(({ der }) => der),
        [erin.der, issuing.der],
      );
      assert.deepEqual([identity?.chainKnown, identity?.anchor?.der], [true, stage.alpha.der]);
    });

    test('with resumption off nothing resumes', async () => {
      const off = { a: { server: stage.server, ca: stage.alpha.certPem, resumes: false } };
      using downstream = await openEdge({ policies: off });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const file = stage.newFile();
      assert.equal((await sClient({ port: downstream.port, ...ask, sessionOut: file })).status, 200);
      const again = await sClient({ port: downstream.port, ...ask, sessionIn: file });
      assert.deepEqual([again.status, again.reused], [200, false]);
    });
  });
}
