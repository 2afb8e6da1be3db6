// Incidents 13 and 17: what becomes of a client in every state that OCSP can be in, under both modes, and that no
// certificate makes the gateway talk to whom the configuration does not list. Real `openssl ocsp`, real sockets.
import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { systemClock } from '../../src/base/clock.ts';
import type { OcspSettings } from '../../src/trust/revocation.ts';
import { OcspChecker } from '../../src/ocsp/checker.ts';
import type { OcspSoftFail } from '../../src/ocsp/verification.ts';
import { writeOcspRefusal } from '../../src/ocsp/writer.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { keepConnection } from '../support/kept-connection.ts';
import {
  type HandResponder,
  issueResponder,
  ocspAt,
  openHandResponder,
  respondAbout,
  send,
  startOcspResponder,
} from '../support/ocsp.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { Feed, SAFETY_NET_MS } from '../support/wait-for.ts';
import { type Edge, openEdge, type PolicySpec } from './tls-edge.ts';

const dir = openTempDir('tls-ocsp');
const hour = 3_600_000;
let ca: Authority;
let serverCa: TestCa;
let server: Issued;
let delegate: Issued;

before(async () => {
  ca = await openAuthority(dir, 'ocsp clients');
  serverCa = await mintCa({ cn: 'servers' });
  server = await serverCa.issue({ kind: 'server', sans: ['a.test'] });
  delegate = await issueResponder(ca);
});
after(() => dir.remove());

function settings(over: Partial<OcspSettings> = {}): OcspSettings {
  return { mode: 'hard', responder: undefined, allowedHosts: [], timeoutMs: SAFETY_NET_MS, refreshMs: hour, ...over };
}

type OcspEdge = Edge & {
  readonly softPasses: Feed<OcspSoftFail>;
  readonly asked: string[];
  readonly changes: Feed<true>;
};

async function openOcspEdge(
  ocsp: Partial<OcspSettings>,
  spec: Partial<PolicySpec> = {},
  more: { readonly handshakeTimeoutMs?: number } = {},
): Promise<OcspEdge> {
  const softPasses = new Feed<OcspSoftFail>('soft passes');
  const changes = new Feed<true>('changes');
  const asked: string[] = [];
  const checker = new OcspChecker({
    clock: systemClock,
    events: { onAsked: (_policy, result) => void asked.push(result), onChange: () => changes.push(true) },
  });
  const downstream = await openEdge({
    policies: { a: { server, ca: ca.certPem, trust: { ocsp: settings(ocsp) }, ...spec } },
    ocsp: { checker, onSoftFail: (pass) => softPasses.push(pass) },
    ...more,
  });
  return { ...downstream, softPasses, asked, changes };
}

let names = 0;

async function issueClient(extensions = ocspAt(), by: TestCa = ca): Promise<CertFiles> {
  names += 1;
  const issued = await by.issue({ kind: 'client', cn: `client-${names}`, extensions });
  return {
    ...issued,
    cert: dir.write(`client-${names}.crt`, issued.chainPem),
    key: dir.write(`client-${names}.key`, issued.keyPem),
  };
}

/** How an attempt as `who` ended: 'ok' or the code, and the detail of the refusal. */
async function attempt(downstream: Edge, who: Issued): Promise<{ code: string; detail: string; status: string }> {
  const from = downstream.outcomes.length;
  const refusedBefore = downstream.refusals.length;
  using connection = await keepConnection({
    port: downstream.port,
    servername: 'a.test',
    ca: serverCa.certPem,
    as: who as CertFiles,
  });
  connection.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  const { code } = await downstream.outcomes.waitFor(() => true, { from });
  await connection.ended;
  return {
    code,
    detail: downstream.refusals.items[refusedBefore]?.detail ?? '',
    status: connection.text().slice(9, 12),
  };
}

describe('a revoked client is refused whatever the mode', () => {
  for (const mode of ['hard', 'soft'] as const) {
    test(`${mode}, by the word of openssl ocsp, and a good one is let in`, async () => {
      await using responder = await startOcspResponder({ dir, ca });
      using downstream = await openOcspEdge({ mode, responder: responder.url });
      const [alice, bob] = [await issueClient(), await issueClient()];
      await responder.set(alice, 'good');
      await responder.set(bob, 'revoked');
      assert.equal((await attempt(downstream, alice)).code, 'ok');
      const refused = await attempt(downstream, bob);
      assert.equal(refused.code, 'revoked');
      assert.equal(refused.detail, 'OCSP: revoked on 2020-01-01T00:00:00.000Z, keyCompromise');
      assert.deepEqual(downstream.asked, ['good', 'revoked']);
      // From memory now.
      assert.equal((await attempt(downstream, alice)).code, 'ok');
      assert.equal((await attempt(downstream, bob)).code, 'revoked');
      assert.deepEqual(downstream.asked, ['good', 'revoked']);
      assert.equal(downstream.softPasses.length, 0);
      assert.deepEqual(downstream.defects, []);
    });

    test(`${mode}, and nothing that the responder says later but a newer "good" lifts it`, async () => {
      const bob = await issueClient();
      const revoked = (over = {}) => respondAbout(bob, ca, delegate, { status: 'revoked', ...over });
      const justNow = Math.floor(Date.now() / 1000) * 1000 - 30_000;
      // It ends at once, so that the next handshake asks again.
      const ending = { thisUpdate: justNow, nextUpdate: justNow + 1_000 };
      const later: [string, Buffer | undefined, string][] = [
        ['an older good', respondAbout(bob, ca, delegate, { thisUpdate: justNow - 60_000 }), 'revoked'],
        ['a good of the same time', respondAbout(bob, ca, delegate, { thisUpdate: justNow }), 'revoked'],
        ['unknown', respondAbout(bob, ca, delegate, { status: 'unknown', thisUpdate: justNow + 1000 }), 'revoked'],
        ['tryLater', writeOcspRefusal(3), 'revoked'],
        ['an expired good', respondAbout(bob, ca, delegate, { nextUpdate: justNow - 1_000 }), 'revoked'],
        ['a broken signature', respondAbout(bob, ca, delegate, { draft: { breakSignature: true } }), 'revoked'],
        ['HTTP 500', undefined, 'revoked'],
        ['a newer good', respondAbout(bob, ca, delegate, { thisUpdate: justNow + 1000 }), 'ok'],
      ];
      for (const [what, body, wanted] of later) {
        await using responder = await openHandResponder(send(revoked(ending)));
        using downstream = await openOcspEdge({ mode, responder: responder.url, refreshMs: 1 });
        assert.equal((await attempt(downstream, bob)).code, 'revoked', what);
        responder.answer = body === undefined ? (_, response) => response.writeHead(500).end() : send(body);
        assert.equal((await attempt(downstream, bob)).code, wanted, what);
        assert.equal(responder.requests.length, 2, what);
      }
    });
  }

  test('an old response that says so is enough', async () => {
    const bob = await issueClient();
    const old = respondAbout(bob, ca, delegate, { status: 'revoked', nextUpdate: Date.now() - 1000 });
    await using responder = await openHandResponder(send(old));
    using downstream = await openOcspEdge({ mode: 'soft', responder: responder.url });
    assert.equal((await attempt(downstream, bob)).code, 'revoked');
  });
});

/** States in which nothing valid is known of a client, and what the refusal says of each. */
const unclear: readonly [
  state: string,
  answer: (of: Issued, other: Issued) => HandResponder['answer'],
  detail: RegExp,
][] = [
  ['unknown', (of) => send(respondAbout(of, ca, delegate, { status: 'unknown' })), /does not know/],
  ['tryLater', () => send(writeOcspRefusal(3)), /answers tryLater/],
  ['internalError', () => send(writeOcspRefusal(2)), /answers internalError/],
  ['unauthorized', () => send(writeOcspRefusal(6)), /answers unauthorized/],
  ['expired', (of) => send(respondAbout(of, ca, delegate, { nextUpdate: Date.now() - 30_000 })), /the response ended/],
  [
    'from the future',
    (of) => send(respondAbout(of, ca, delegate, { thisUpdate: Date.now() + hour, nextUpdate: Date.now() + 2 * hour })),
    /the response is of/,
  ],
  [
    'a wrong signature',
    (of) => send(respondAbout(of, ca, delegate, { draft: { breakSignature: true } })),
    /not of this key/,
  ],
  ['a stranger as the signer', (of, other) => send(respondAbout(of, ca, other)), /without id-kp-OCSPSigning/],
  ['the answer to another question', (_, other) => send(respondAbout(other, ca, delegate)), /another certificate/],
  ['rubbish', () => send(Buffer.from('rubbish')), /cannot be read/],
  ['nothing at all', () => send(Buffer.alloc(0)), /cannot be read/],
  ['65 KiB', () => send(Buffer.alloc(65 * 1024, 0x30)), /longer than 65536 bytes/],
  ['an endless answer', () => endless, /longer than 65536 bytes/],
  ['HTTP 404', () => (_, response) => response.writeHead(404).end(), /HTTP status 404/],
  ['a hang-up', () => (request) => request.socket.destroy(), /cannot be asked/],
  ['half an answer', () => half, /broke within the answer|cannot be asked/],
];

const endless: HandResponder['answer'] = (_, response) => {
  response.writeHead(200);
  const more = (): void => {
    while (!response.destroyed && response.write(Buffer.alloc(16_384)));
  };
  response.on('drain', more);
  more();
};

const half: HandResponder['answer'] = (request, response) => {
  response.writeHead(200, { 'content-length': 100 });
  response.write('half', () => request.socket.destroy());
};

describe('where OCSP gives no clear answer, hard refuses and soft lets in and counts', () => {
  for (const [state, answer, detail] of unclear) {
    for (const mode of ['hard', 'soft'] as const) {
      test(`${state}, ${mode}`, async () => {
        const [alice, other] = [await issueClient(), await issueClient()];
        await using responder = await openHandResponder(answer(alice, other));
        using downstream = await openOcspEdge({ mode, responder: responder.url });
        for (let times = 0; times < 2; times += 1) {
          const found = await attempt(downstream, alice);
          if (mode === 'hard') {
            assert.equal(found.code, 'revocation_unknown');
            assert.match(found.detail, detail);
            assert.match(found.detail, /^OCSP: /);
          } else {
            assert.equal(found.code, 'ok');
            assert.match(downstream.softPasses.items[times]?.detail ?? '', detail);
          }
        }
        assert.equal(responder.requests.length, 1, 'a failure is kept for a moment');
        assert.deepEqual(downstream.defects, []);
      });
    }
  }

  for (const mode of ['hard', 'soft'] as const) {
    test(`a responder that never answers, ${mode}`, async () => {
      await using responder = await openHandResponder(() => {});
      using downstream = await openOcspEdge({ mode, responder: responder.url, timeoutMs: 200 });
      const found = await attempt(downstream, await issueClient());
      assert.equal(found.code, mode === 'hard' ? 'revocation_unknown' : 'ok');
      const detail = mode === 'hard' ? found.detail : downstream.softPasses.items[0]?.detail;
      assert.match(detail ?? '', /did not answer within/);
    });

    test(`a responder that nobody listens for, ${mode}`, async () => {
      const responder = await openHandResponder(() => {});
      await responder[Symbol.asyncDispose]();
      using downstream = await openOcspEdge({ mode, responder: responder.url });
      const { code } = await attempt(downstream, await issueClient());
      assert.equal(code, mode === 'hard' ? 'revocation_unknown' : 'ok');
      assert.deepEqual(downstream.asked, ['unreachable']);
    });

    test(`no responder in certificate or policy, ${mode}`, async () => {
      using downstream = await openOcspEdge({ mode });
      const found = await attempt(downstream, await issueClient([]));
      assert.equal(found.code, mode === 'hard' ? 'revocation_unknown' : 'ok');
      const detail = mode === 'hard' ? found.detail : downstream.softPasses.items[0]?.detail;
      assert.match(detail ?? '', /names no OCSP responder/);
    });
  }

  test('hard explains it in an answer where the policy explains', async () => {
    await using responder = await openHandResponder(send(writeOcspRefusal(3)));
    using downstream = await openOcspEdge({ responder: responder.url }, { onFailure: 'explain' });
    const found = await attempt(downstream, await issueClient());
    assert.deepEqual([found.code, found.status], ['revocation_unknown', '403']);
  });
});

describe('a client that did not get as far is nobody to ask about', () => {
  test('no certificate, and one of a CA that is not trusted: the responder hears nothing', async () => {
    await using responder = await openHandResponder(send(writeOcspRefusal(3)));
    const stranger = await issueClient(ocspAt(responder.url), await mintCa({ cn: 'nobody' }));
    const allowed = { responder: responder.url, allowedHosts: ['127.0.0.1'] };
    using downstream = await openOcspEdge(allowed, { required: false });
    assert.equal((await attempt(downstream, stranger)).code, 'untrusted_issuer');
    using anonymous = await keepConnection({ port: downstream.port, servername: 'a.test', ca: serverCa.certPem });
    anonymous.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    assert.match(await anonymous.waitFor(/200 OK/), /200 OK/);
    assert.equal(responder.connections.length, 0);
  });
});

describe('a certificate chooses nobody whom the gateway talks to', () => {
  test('off the list nothing is fetched, whatever it names', async () => {
    await using trap = await openHandResponder(send(writeOcspRefusal(3)));
    const { port } = trap;
    const named = [
      `http://127.0.0.1:${port}/`,
      `http://localhost:${port}/`,
      `http://127.1:${port}/`,
      `http://0x7f000001:${port}/`,
      `http://2130706433:${port}/`,
      `http://[::ffff:127.0.0.1]:${port}/`,
      `http://ocsp.test@127.0.0.1:${port}/`,
      `http://ocsp.test:x@127.0.0.1:${port}/`,
      `http://127.0.0.1:${port}\\@ocsp.test/`,
      `http://127.0.0.1:${port}#@ocsp.test/`,
      `http://ocsp.test.127.0.0.1:${port}/`,
      `HTTP://LOCALHOST:${port}/`,
      `//ocsp.test:${port}/`,
      'http://169.254.169.254/latest/meta-data/',
      'file:///etc/passwd',
      'ldap://ocsp.test/',
      `ftp://ocsp.test:${port}/`,
      `http://ocsp.test\t.evil:${port}/`,
      'http://',
      'rubbish',
    ];
    using downstream = await openOcspEdge({ allowedHosts: ['ocsp.test'] });
    for (const url of named) {
      const found = await attempt(downstream, await issueClient(ocspAt(url)));
      assert.equal(found.code, 'revocation_unknown', url);
      assert.match(found.detail, /which is not allowed/, url);
    }
    assert.equal(trap.connections.length, 0);
    assert.deepEqual(new Set(downstream.asked), new Set(['not_allowed']));
  });

  test('an address that is listed itself is asked, and a name in any spelling', async () => {
    for (const [host, listed] of [
      ['127.0.0.1', '127.0.0.1'],
      ['127.1', '127.0.0.1'],
      ['localhost', 'localhost'],
      ['LocalHost.', 'localhost'],
    ] as const) {
      await using responder = await openHandResponder(send(writeOcspRefusal(3)));
      const other = 'http://169.254.169.254/';
      const client = await issueClient(ocspAt(other, 'ldap://x/', `http://${host}:${responder.port}/ask`));
      using downstream = await openOcspEdge({ allowedHosts: [listed] });
      assert.match((await attempt(downstream, client)).detail, /tryLater/, host);
    }
  });

  test('a redirection is not followed', async () => {
    await using trap = await openHandResponder(send(writeOcspRefusal(3)));
    const alice = await issueClient();
    for (const status of [301, 302, 303, 307, 308]) {
      await using responder = await openHandResponder((_, response) =>
        response.writeHead(status, { location: trap.url }).end(respondAbout(alice, ca, delegate)),
      );
      using downstream = await openOcspEdge({ responder: responder.url });
      assert.match((await attempt(downstream, alice)).detail, new RegExp(`HTTP status ${status}`));
    }
    assert.equal(trap.connections.length, 0);
  });

  test('a responder over https is verified', async () => {
    // It answers TLS, with a certificate of nobody.
    await using responder = await openHandResponder(send(writeOcspRefusal(3)));
    using downstream = await openOcspEdge({ responder: responder.url.replace('http:', 'https:') });
    assert.match((await attempt(downstream, await issueClient())).detail, /cannot be asked .*\(https:\/\/[^ ]+\)$/);
    assert.equal(responder.requests.length, 0);
  });

  test('many clients at once ask a responder about one certificate once', async () => {
    const alice = await issueClient();
    const held: (() => void)[] = [];
    await using responder = await openHandResponder((request, response, body) => {
      held.push(() => send(respondAbout(alice, ca, delegate))(request, response, body));
    });
    using downstream = await openOcspEdge({ responder: responder.url });
    const attempts = Array.from({ length: 5 }, async () => attempt(downstream, alice));
    await responder.requests.waitFor(() => true);
    for (const go of held) go();
    for (const { code } of await Promise.all(attempts)) assert.equal(code, 'ok');
    assert.equal(responder.requests.length, 1);
  });
});

describe('while a responder is asked', () => {
  test('a client that hangs up is forgotten, and its answer serves the next', async () => {
    const alice = await issueClient();
    let go = (): void => {};
    await using responder = await openHandResponder((request, response, body) => {
      go = () => send(respondAbout(alice, ca, delegate))(request, response, body);
    });
    using downstream = await openOcspEdge({ responder: responder.url });
    const socket = connect({
      port: downstream.port,
      servername: 'a.test',
      rejectUnauthorized: false,
      cert: alice.chainPem,
      key: alice.keyPem,
    });
    socket.on('error', () => {});
    await responder.requests.waitFor(() => true);
    socket.destroy();
    const { code } = await downstream.outcomes.waitFor(() => true);
    assert.equal(code, 'refused_by_peer');
    assert.match(downstream.refusals.items[0]?.detail ?? '', /while an OCSP responder was asked/);
    go();
    assert.equal((await attempt(downstream, alice)).code, 'ok');
    assert.equal(responder.requests.length, 1);
    assert.equal(downstream.outcomes.length, 2);
    assert.equal(downstream.peers.length, 1);
    assert.deepEqual(downstream.defects, []);
  });

  test('the deadline of the handshake still holds', async () => {
    await using responder = await openHandResponder(() => {});
    using downstream = await openOcspEdge({ responder: responder.url }, {}, { handshakeTimeoutMs: 1_500 });
    const found = await attempt(downstream, await issueClient());
    assert.equal(found.code, 'timeout');
    assert.match(found.detail, /while an OCSP responder was asked/);
    assert.equal(downstream.outcomes.length, 1);
  });

  test('what the client sends early is kept for the request', async () => {
    const alice = await issueClient();
    let go = (): void => {};
    await using responder = await openHandResponder((request, response, body) => {
      go = () => send(respondAbout(alice, ca, delegate))(request, response, body);
    });
    using downstream = await openOcspEdge({ responder: responder.url });
    using connection = await keepConnection({
      port: downstream.port,
      servername: 'a.test',
      ca: serverCa.certPem,
      as: alice,
    });
    connection.send('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
    await responder.requests.waitFor(() => true);
    assert.equal(connection.text(), '');
    go();
    assert.match(await connection.waitFor(/client-\d+$/), /200 OK/);
  });
});

describe('a session that is resumed', () => {
  for (const tls of ['1.2', '1.3'] as const) {
    for (const mode of ['hard', 'soft'] as const) {
      test(`is refused when its certificate was revoked meanwhile, TLS ${tls}, ${mode}`, async () => {
        await using responder = await startOcspResponder({ dir, ca });
        // Nothing is remembered, so that each handshake asks.
        using downstream = await openOcspEdge({ mode, responder: responder.url, refreshMs: 1 });
        const alice = await issueClient();
        await responder.set(alice, 'good');
        const session = dir.file(`session-${tls}-${mode}`);
        const to = { port: downstream.port, servername: 'a.test', tls, cert: alice.cert, key: alice.key } as const;
        assert.equal((await sClient({ ...to, sessionOut: session })).status, 200);
        const again = await sClient({ ...to, sessionIn: session });
        assert.deepEqual([again.reused, again.status], [true, 200], again.output);
        await responder.set(alice, 'revoked');
        const after = await sClient({ ...to, sessionIn: session });
        assert.equal(after.response, '', after.output);
        assert.equal(downstream.refusals.items.at(-1)?.code, 'revoked');
        assert.equal(downstream.changes.length, 1);
      });
    }
  }

  test('where its issuer is not known is refused by hard and passes soft', async () => {
    const secret = Buffer.alloc(32, 7);
    for (const mode of ['hard', 'soft'] as const) {
      const inter = await ca.issueCa({ cn: `issuing ${mode}` });
      const issued = await inter.issue({ kind: 'client', cn: 'deep' });
      await using responder = await startOcspResponder({ dir, ca: inter });
      await responder.set(issued, 'good');
      const spec = { server, ca: ca.certPem, trust: { ocsp: settings({ mode, responder: responder.url }) } };
      using first = await openEdge({ policies: { a: spec }, secret });
      using second = await openEdge({ policies: { a: spec }, secret });
      const session = dir.file(`elsewhere-${mode}`);
      const to = {
        servername: 'a.test',
        cert: dir.write('deep.crt', issued.certPem),
        key: dir.write('deep.key', issued.keyPem),
        chain: dir.write('deep-chain.crt', inter.certPem),
      };
      assert.equal((await sClient({ ...to, port: first.port, sessionOut: session })).status, 200);
      const { chain: _chain, ...alone } = to;
      const elsewhere = await sClient({ ...alone, port: second.port, sessionIn: session });
      assert.equal(elsewhere.reused, true, elsewhere.output);
      assert.equal(elsewhere.status, mode === 'hard' ? undefined : 200);
      if (mode === 'hard')
        assert.match(second.refusals.items[0]?.detail ?? '', /the issuer of its certificate is not known/);
    }
  });
});

describe('a responder that is down', () => {
  test('costs its time limit a few times, not once per client', async () => {
    // Connections are accepted by the kernel and nobody ever answers.
    const silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    after(() => silent.close());
    const accepted = new Feed<true>('connections');
    silent.on('connection', (socket) => {
      socket.on('error', () => {});
      accepted.push(true);
    });
    const address = silent.address() as { port: number };
    using downstream = await openOcspEdge({ responder: `http://127.0.0.1:${address.port}`, timeoutMs: 100 });
    for (let n = 0; n < 6; n += 1) {
      assert.equal((await attempt(downstream, await issueClient())).code, 'revocation_unknown');
    }
    assert.deepEqual(downstream.asked, ['timeout', 'timeout', 'timeout', 'down', 'down', 'down']);
    assert.equal(accepted.length, 3);
  });
});
