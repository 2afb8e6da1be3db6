// Sessions that a worker keeps (decision 83): as tls-resumption.test.ts has it of tickets, a session is worth something in the policy
// that made it, while that policy stands, and nowhere else; and it is renewed with each use.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import { SessionStore } from '../../src/downstream/session-store.ts';
import { sClient } from '../support/openssl.ts';
import { crossings, openSessionStage, type SessionStage } from './session-stage.ts';
import { type Edge, type EdgeOptions, openEdge, ShiftedClock } from './tls-edge.ts';

let stage: SessionStage;
before(async () => {
  stage = await openSessionStage('kept-sessions');
});
after(() => stage[Symbol.dispose]());

async function openKeeping(
  options: Partial<EdgeOptions> = {},
): Promise<{ edge: Edge; sessions: SessionStore } & Disposable> {
  const sessions = new SessionStore(systemClock);
  const edge = await openEdge({ policies: stage.policies(), sessions, ...options });
  return { edge, sessions, [Symbol.dispose]: () => edge[Symbol.dispose]() };
}

for (const tls of ['1.2', '1.3'] as const) {
  describe(`kept sessions, TLS ${tls}`, () => {
    test('a client resumes again and again, with what the last connection gave it, and is who it was', async () => {
      using kept = await openKeeping();
      const ask = { port: kept.edge.port, ...stage.asAlice(), servername: 'a.test', tls };
      let sessionIn = stage.newFile();
      assert.equal((await sClient({ ...ask, sessionOut: sessionIn })).reused, false);
      for (let round = 0; round < 3; round += 1) {
        const sessionOut = stage.newFile();
        const next = await sClient({ ...ask, sessionIn, sessionOut });
        assert.deepEqual([next.status, next.reused], [200, true]);
        assert.equal(kept.edge.peers.items.at(-1)?.identity?.leaf.subject, 'CN=alice');
        // TLS 1.2 goes on with the same session.
        assert.equal(existsSync(sessionOut), tls === '1.3');
        if (tls === '1.3') sessionIn = sessionOut;
      }
      assert.deepEqual([kept.edge.refusals.length, kept.edge.defects], [0, []]);
    });

    test('a session of another worker costs a full handshake, no error', async () => {
      using one = await openKeeping();
      using two = await openKeeping();
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const file = stage.newFile();
      await sClient({ port: one.edge.port, ...ask, sessionOut: file });
      const next = await sClient({ port: two.edge.port, ...ask, sessionIn: file });
      assert.deepEqual([next.status, next.reused], [200, false]);
    });

    test('a ticket under keys and a session that is kept do not know each other: a full handshake, no error', async () => {
      using kept = await openKeeping();
      using ticketed = await openEdge({ policies: stage.policies() });
      const ask = { ...stage.asAlice(), servername: 'a.test', tls };
      const [session, ticket] = [stage.newFile(), stage.newFile()];
      await sClient({ port: kept.edge.port, ...ask, sessionOut: session });
      await sClient({ port: ticketed.port, ...ask, sessionOut: ticket });
      for (const [port, sessionIn] of [
        [kept.edge.port, ticket],
        [ticketed.port, session],
      ] as const) {
        const next = await sClient({ port, ...ask, sessionIn });
        assert.deepEqual([next.status, next.reused], [200, false]);
      }
    });

    for (const [sentence, from, to, code] of crossings) {
      test(`a session ${sentence}`, async () => {
        using kept = await openKeeping({ defaultPolicy: 'b' });
        const { cert, key } = from === 'nobody.test' ? stage.bob : stage.alice;
        const ask = { port: kept.edge.port, ...(code === 'no_client_cert' ? {} : { cert, key }), tls };
        const file = stage.newFile();
        assert.equal((await sClient({ ...ask, servername: from, sessionOut: file })).status, 200);
        const next = await sClient({ ...ask, servername: to, sessionIn: file });
        assert.deepEqual([next.status, next.reused], [undefined, false]);
        assert.equal((await kept.edge.refusals.waitFor(() => true)).code, code);
      });
    }

    for (const [when, next, status] of [
      ['its CA is gone', () => ({ server: stage.server, ca: stage.beta.certPem }), undefined],
      ['another CA came in', () => ({ server: stage.server, ca: [stage.alpha.certPem, stage.beta.certPem] }), 200],
    ] as const) {
      test(`a session dies when ${when}`, async () => {
        using kept = await openKeeping();
        const file = stage.newFile();
        const ask = { port: kept.edge.port, ...stage.asAlice(), servername: 'a.test', tls };
        assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
        kept.edge.replace({ ...stage.policies(), a: next() });
        const again = await sClient({ ...ask, sessionIn: file });
        assert.deepEqual([again.status, again.reused], [status, false]);
      });
    }

    test('a session made without a certificate resumes as anonymous, until the policy requires one', async () => {
      using kept = await openKeeping();
      const [first, second] = [stage.newFile(), stage.newFile()];
      const ask = { port: kept.edge.port, servername: 'may.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: first })).status, 200);
      const again = await sClient({ ...ask, sessionIn: first, sessionOut: second });
      assert.deepEqual([again.status, again.reused], [200, true]);
      assert.match(again.response, /may anonymous$/);
      kept.edge.replace({
        ...stage.policies(),
        may: { server: stage.server, ca: stage.alpha.certPem, required: true },
      });
      const refused = await sClient({ ...ask, sessionIn: second });
      assert.deepEqual([refused.status, refused.reused], [undefined, false]);
    });

    test('a session does not outlive the certificate that it was made with', async () => {
      const clock = new ShiftedClock();
      using kept = await openKeeping({ clock });
      const file = stage.newFile();
      const ask = { port: kept.edge.port, ...stage.asAlice(), servername: 'a.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
      clock.shiftMs = 31 * 86_400_000;
      const again = await sClient({ ...ask, sessionIn: file });
      assert.deepEqual([again.status, again.reused], [undefined, true]);
      assert.equal((await kept.edge.refusals.waitFor(() => true)).code, 'expired');
    });

    test('of a client that is refused no session is kept, whether OpenSSL or we refused it', async () => {
      using kept = await openKeeping({
        policies: { a: { server: stage.server, ca: stage.alpha.certPem, maxDepth: 0 } },
      });
      const port = kept.edge.port;
      for (const who of await stage.refusedClients(tls)) {
        const refused = await sClient({ port, ...who, servername: 'a.test', tls });
        assert.equal(refused.status, undefined);
      }
      await kept.edge.refusals.waitFor(({ code }) => code === 'chain_too_deep');
      await kept.edge.refusals.waitFor(({ code }) => code === 'no_client_cert');
      assert.equal(kept.sessions.size, 0);
      await sClient({ port, ...stage.asAlice(), servername: 'a.test', tls });
      assert.equal(kept.sessions.size, tls === '1.3' ? 2 : 1);
    });

    test('where refusals are explained, or resumption is off, nothing is kept', async () => {
      using explained = await openKeeping({
        policies: { a: { server: stage.server, ca: stage.alpha.certPem, onFailure: 'explain' } },
      });
      using off = await openKeeping({
        policies: { a: { server: stage.server, ca: stage.alpha.certPem, resumes: false } },
      });
      for (const { edge, sessions } of [explained, off]) {
        const file = stage.newFile();
        const ask = { port: edge.port, ...stage.asAlice(), servername: 'a.test', tls };
        assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
        assert.equal((await sClient({ ...ask, sessionIn: file })).reused, false);
        assert.equal(sessions.size, 0);
      }
    });
  });
}

test('however often it is renewed, a session ends with its lifetime from the handshake in which the client proved its key', async () => {
  const clock = { shiftMs: 0, monotonic: () => systemClock.monotonic() + clock.shiftMs };
  const sessions = new SessionStore(clock);
  using edge = await openEdge({ policies: stage.policies(), sessions });
  const ask = { port: edge.port, ...stage.asAlice(), servername: 'a.test', tls: '1.3' as const };
  let sessionIn: string | undefined;
  const call = async (): Promise<boolean> => {
    const sessionOut = stage.newFile();
    const { reused } = await sClient({ ...ask, sessionOut, ...(sessionIn !== undefined && { sessionIn }) });
    sessionIn = sessionOut;
    return reused;
  };
  const reused: boolean[] = [];
  // A third of the lifetime each time, and a little more.
  for (let round = 0; round < 5; round += 1) {
    reused.push(await call());
    clock.shiftMs += 21 * 60_000;
  }
  assert.deepEqual(reused, [false, true, true, false, true]);
});

test('a session of TLS 1.3 serves once', async () => {
  using kept = await openKeeping();
  const file = stage.newFile();
  const ask = { port: kept.edge.port, ...stage.asAlice(), servername: 'a.test', tls: '1.3' as const };
  await sClient({ ...ask, sessionOut: file });
  assert.equal((await sClient({ ...ask, sessionIn: file })).reused, true);
  const replayed = await sClient({ ...ask, sessionIn: file });
  assert.deepEqual([replayed.status, replayed.reused], [200, false]);
});

test('Node as a client, whose ClientHello is longer than a packet, resumes with each ticket once', async () => {
  using kept = await openKeeping();
  const tickets: Buffer[] = [];
  const reused: boolean[] = [];
  for (let round = 0; round < 6; round += 1) {
    const session = tickets.pop();
    const socket = connect({
      port: kept.edge.port,
      host: '127.0.0.1',
      servername: 'a.test',
      ca: stage.servers.certPem,
      cert: stage.alice.chainPem,
      key: stage.alice.keyPem,
      rejectUnauthorized: false,
      ...(session !== undefined && { session }),
    });
    socket.on('session', (ticket: Buffer) => tickets.push(ticket));
    socket.on('secureConnect', () => reused.push(socket.isSessionReused()));
    socket.on('data', () => {});
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await once(socket, 'close');
  }
  assert.deepEqual(reused, [false, true, true, true, true, true]);
  assert.ok(kept.sessions.size <= 2);
});
