// Sessions that a worker keeps (decision 83): as tls-resumption.test.ts has it of tickets, a session is worth something in the policy
// that made it, while that policy stands, and nowhere else; and it is renewed with each use.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import { SessionStore } from '../../src/downstream/session-store.ts';
import { type SClientOptions, sClient } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { type Edge, type EdgeOptions, openEdge, ShiftedClock } from './tls-edge.ts';

const dir = openTempDir('kept-sessions');
let alpha: Authority;
let beta: Authority;
let servers: Authority;
let server: CertFiles;
let alice: CertFiles;
let bob: CertFiles;
let files = 0;

before(async () => {
  [alpha, beta, servers] = await Promise.all([
    openAuthority(dir, 'alpha'),
    openAuthority(dir, 'beta'),
    openAuthority(dir, 'servers'),
  ]);
  [server, alice, bob] = await Promise.all([
    servers.issueFiles('server', { kind: 'server', sans: ['a.test', 'b.test'] }),
    alpha.issueFiles('alice', { kind: 'client', cn: 'alice' }),
    beta.issueFiles('bob', { kind: 'client', cn: 'bob' }),
  ]);
});
after(() => dir.remove());

function newFile(): string {
  files += 1;
  return dir.file(`session-${files}.pem`);
}

function policies(): EdgeOptions['policies'] {
  return {
    a: { server, ca: alpha.certPem },
    b: { server, ca: beta.certPem },
    open: { server },
    may: { server, ca: alpha.certPem, required: false },
  };
}

type Ask = Omit<SClientOptions, 'port'>;
const asAlice = (): Ask => ({ cert: alice.cert, key: alice.key });

async function openKeeping(
  options: Partial<EdgeOptions> = {},
): Promise<{ edge: Edge; sessions: SessionStore } & Disposable> {
  const sessions = new SessionStore(systemClock);
  const edge = await openEdge({ policies: policies(), sessions, ...options });
  return { edge, sessions, [Symbol.dispose]: () => edge[Symbol.dispose]() };
}

for (const tls of ['1.2', '1.3'] as const) {
  describe(`kept sessions, TLS ${tls}`, () => {
    test('a client resumes again and again, with what the last connection gave it, and is who it was', async () => {
      using kept = await openKeeping();
      const ask = { port: kept.edge.port, ...asAlice(), servername: 'a.test', tls };
      let sessionIn = newFile();
      assert.equal((await sClient({ ...ask, sessionOut: sessionIn })).reused, false);
      for (let round = 0; round < 3; round += 1) {
        const sessionOut = newFile();
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
      const ask = { ...asAlice(), servername: 'a.test', tls };
      const file = newFile();
      await sClient({ port: one.edge.port, ...ask, sessionOut: file });
      const next = await sClient({ port: two.edge.port, ...ask, sessionIn: file });
      assert.deepEqual([next.status, next.reused], [200, false]);
    });

    test('a ticket under keys and a session that is kept do not know each other: a full handshake, no error', async () => {
      using kept = await openKeeping();
      using ticketed = await openEdge({ policies: policies() });
      const ask = { ...asAlice(), servername: 'a.test', tls };
      const [session, ticket] = [newFile(), newFile()];
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

    const crossings = [
      ['with a certificate of one CA is worth nothing where another CA rules', 'a.test', 'b.test', 'untrusted_issuer'],
      [
        'made without being asked is worth nothing where a certificate is required',
        'open.test',
        'a.test',
        'no_client_cert',
      ],
      ['made without a certificate is worth nothing where one is required', 'may.test', 'a.test', 'no_client_cert'],
      ['of a named policy is worth nothing without a server name', 'a.test', false, 'untrusted_issuer'],
      ['of the default policy is worth nothing under another name', 'nobody.test', 'a.test', 'untrusted_issuer'],
    ] as const;
    for (const [sentence, from, to, code] of crossings) {
      test(`a session ${sentence}`, async () => {
        using kept = await openKeeping({ defaultPolicy: 'b' });
        const { cert, key } = from === 'nobody.test' ? bob : alice;
        const ask = { port: kept.edge.port, ...(code === 'no_client_cert' ? {} : { cert, key }), tls };
        const file = newFile();
        assert.equal((await sClient({ ...ask, servername: from, sessionOut: file })).status, 200);
        const next = await sClient({ ...ask, servername: to, sessionIn: file });
        assert.deepEqual([next.status, next.reused], [undefined, false]);
        assert.equal((await kept.edge.refusals.waitFor(() => true)).code, code);
      });
    }

    for (const [when, next, status] of [
      ['its CA is gone', () => ({ server, ca: beta.certPem }), undefined],
      ['another CA came in', () => ({ server, ca: [alpha.certPem, beta.certPem] }), 200],
    ] as const) {
      test(`a session dies when ${when}`, async () => {
        using kept = await openKeeping();
        const file = newFile();
        const ask = { port: kept.edge.port, ...asAlice(), servername: 'a.test', tls };
        assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
        kept.edge.replace({ ...policies(), a: next() });
        const again = await sClient({ ...ask, sessionIn: file });
        assert.deepEqual([again.status, again.reused], [status, false]);
      });
    }

    test('a session made without a certificate resumes as anonymous, until the policy requires one', async () => {
      using kept = await openKeeping();
      const [first, second] = [newFile(), newFile()];
      const ask = { port: kept.edge.port, servername: 'may.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: first })).status, 200);
      const again = await sClient({ ...ask, sessionIn: first, sessionOut: second });
      assert.deepEqual([again.status, again.reused], [200, true]);
      assert.match(again.response, /may anonymous$/);
      kept.edge.replace({ ...policies(), may: { server, ca: alpha.certPem, required: true } });
      const refused = await sClient({ ...ask, sessionIn: second });
      assert.deepEqual([refused.status, refused.reused], [undefined, false]);
    });

    test('a session does not outlive the certificate that it was made with', async () => {
      const clock = new ShiftedClock();
      using kept = await openKeeping({ clock });
      const file = newFile();
      const ask = { port: kept.edge.port, ...asAlice(), servername: 'a.test', tls };
      assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
      clock.shiftMs = 31 * 86_400_000;
      const again = await sClient({ ...ask, sessionIn: file });
      assert.deepEqual([again.status, again.reused], [undefined, true]);
      assert.equal((await kept.edge.refusals.waitFor(() => true)).code, 'expired');
    });

    test('of a client that is refused no session is kept, whether OpenSSL or we refused it', async () => {
      const deep = await alpha.issueCa({ cn: 'deep' });
      const carol = await deep.issue({ kind: 'client', cn: 'carol' });
      const chain = dir.write(`deep-${tls}.crt`, deep.certPem);
      const cert = dir.write(`carol-${tls}.crt`, carol.certPem);
      const key = dir.write(`carol-${tls}.key`, carol.keyPem);
      using kept = await openKeeping({ policies: { a: { server, ca: alpha.certPem, maxDepth: 0 } } });
      const port = kept.edge.port;
      for (const who of [{ cert: bob.cert, key: bob.key }, { cert, key, chain }, {}]) {
        const refused = await sClient({ port, ...who, servername: 'a.test', tls });
        assert.equal(refused.status, undefined);
      }
      await kept.edge.refusals.waitFor(({ code }) => code === 'chain_too_deep');
      await kept.edge.refusals.waitFor(({ code }) => code === 'no_client_cert');
      assert.equal(kept.sessions.size, 0);
      await sClient({ port, ...asAlice(), servername: 'a.test', tls });
      assert.equal(kept.sessions.size, tls === '1.3' ? 2 : 1);
    });

    test('where refusals are explained, or resumption is off, nothing is kept', async () => {
      using explained = await openKeeping({ policies: { a: { server, ca: alpha.certPem, onFailure: 'explain' } } });
      using off = await openKeeping({ policies: { a: { server, ca: alpha.certPem, resumes: false } } });
      for (const { edge, sessions } of [explained, off]) {
        const file = newFile();
        const ask = { port: edge.port, ...asAlice(), servername: 'a.test', tls };
        assert.equal((await sClient({ ...ask, sessionOut: file })).status, 200);
        assert.equal((await sClient({ ...ask, sessionIn: file })).reused, false);
        assert.equal(sessions.size, 0);
      }
    });
  });
}

test('a session of TLS 1.3 serves once', async () => {
  using kept = await openKeeping();
  const file = newFile();
  const ask = { port: kept.edge.port, ...asAlice(), servername: 'a.test', tls: '1.3' as const };
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
      ca: servers.certPem,
      cert: alice.chainPem,
      key: alice.keyPem,
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
