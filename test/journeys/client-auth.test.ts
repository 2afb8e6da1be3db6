// Who may come in: every kind of client certificate that must be refused is, with its own reason in the log and in the
// metrics; who passes is the certificate that signed, whatever else was sent along.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mintCa, openCa, type Issued } from '../../src/certs/test-ca.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { sClient, type SClientResult } from '../support/openssl.ts';
import type { Pki } from '../support/pki.ts';

const dayMs = 86_400_000;

type Kind = {
  readonly name: string;
  readonly code: string;
  readonly mint: (pki: Pki, about: About) => Promise<Issued>;
};

/** What every certificate of these tests says of itself: the log must say the same. */
type About = { kind: 'client'; cn: string; serial: string; sans: string[] };

const kinds: readonly Kind[] = [
  {
    name: 'of a CA that nobody here knows',
    code: 'untrusted_issuer',
    mint: async (_pki, about) => (await mintCa({ subject: '/CN=Nobody' })).issue(about),
  },
  {
    name: 'of another CA of the same organisation',
    code: 'untrusted_issuer',
    mint: async (_pki, about) => (await mintCa({ subject: '/O=Countersign Test/CN=Another' })).issue(about),
  },
  {
    name: 'whose intermediate was not sent, and is not known here',
    code: 'untrusted_issuer',
    mint: async ({ clients }, about) => {
      const issued = await (await clients.issueCa({ subject: '/O=Countersign Test/CN=Below' })).issue(about);
      return { ...issued, chainPem: issued.certPem };
    },
  },
  {
    name: 'that has expired',
    code: 'expired',
    mint: async ({ clients }, about) =>
      clients.issue({ ...about, notBefore: Date.now() - 2 * dayMs, notAfter: Date.now() - dayMs }),
  },
  {
    name: 'that is not valid yet',
    code: 'not_yet_valid',
    mint: async ({ clients }, about) =>
      clients.issue({ ...about, notBefore: Date.now() + dayMs, notAfter: Date.now() + 2 * dayMs }),
  },
  {
    name: 'for servers only',
    code: 'wrong_purpose',
    mint: async ({ clients }, about) => clients.issue({ ...about, kind: 'server' }),
  },
  {
    name: 'that was issued with a leaf as if it were a CA',
    code: 'untrusted_issuer',
    mint: async ({ clients, alice }, about) => openCa(alice.certPem, alice.keyPem, clients.certPem).issue(about),
  },
  {
    name: 'below more CAs than maxDepth allows',
    code: 'chain_too_deep',
    mint: async ({ clients }, about) => {
      let ca = await clients.issueCa({ cn: 'Level 1' });
      for (let level = 2; level <= 5; level++) ca = await ca.issueCa({ cn: `Level ${level}` });
      return ca.issue(about);
    },
  },
  {
    name: 'with an RSA key of 1024 bits',
    code: 'weak_key',
    mint: async ({ clients }, about) => clients.issue({ ...about, key: 'rsa-1024' }),
  },
  {
    name: 'signed with SHA-1',
    code: 'weak_key',
    mint: async ({ clients }, about) => clients.issue({ ...about, hash: 'sha1' }),
  },
];

/** s_client from an address of its own, since the log sums up what one address repeats. */
async function ask(setup: Setup, from: number, issued?: Issued, more: { tls?: '1.2' | '1.3'; request?: string } = {}) {
  const { pki, gateway } = setup;
  const files =
    issued === undefined
      ? {}
      : {
          cert: pki.dir.write(`c${from}.crt`, issued.certPem),
          chain: pki.dir.write(`c${from}.chain`, issued.chainPem),
          key: pki.dir.write(`c${from}.key`, issued.keyPem),
        };
  const args = ['-bind', `127.0.0.${from}:0`, '-cipher', 'DEFAULT:@SECLEVEL=0'];
  const answer = await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, args, ...files, ...more });
  const line = async () =>
    gateway.waitForLog((one) => one['remoteAddress'] === `127.0.0.${from}`, { what: 'the reason of a refusal' });
  return { answer, line };
}

function expectSilence(answer: SClientResult): void {
  assert.equal(answer.response, '', 'not a byte of HTTP');
  assert.doesNotMatch(answer.output, /HTTP\/1/);
}

describe('a client certificate that must be refused', () => {
  it('is refused with its reason, in the log and in the metrics, before a byte of HTTP', async (t) => {
    await using setup = await openSetup();
    const counts = new Map<string, number>();
    let from = 10;
    for (const tls of ['1.2', '1.3'] as const) {
      for (const { name, code, mint } of kinds) {
        await t.test(`${name} (TLS ${tls})`, async () => {
          from += 1;
          const about: About = {
            kind: 'client',
            cn: `mallory ${from}`,
            serial: `0a0b${from}`,
            sans: ['spiffe://x/m', 'm.test'],
          };
          const { answer, line } = await ask(setup, from, await mint(setup.pki, about), { tls });
          expectSilence(answer);
          const { leaf, ...logged } = (await line()) as unknown as { code: string; leaf: Record<string, unknown> };
          assert.equal(logged.code, code, JSON.stringify(logged));
          assert.match(String(leaf['subject']), new RegExp(`CN=mallory ${from}`));
          assert.match(String(leaf['issuer']), /CN=/);
          assert.equal(leaf['serial'], about.serial);
          assert.deepEqual(leaf['sans'], ['URI:spiffe://x/m', 'DNS:m.test']);
          counts.set(code, (counts.get(code) ?? 0) + 1);
        });
      }
      await t.test(`none at all (TLS ${tls})`, async () => {
        from += 1;
        const { answer, line } = await ask(setup, from, undefined, { tls });
        expectSilence(answer);
        assert.equal((await line())['code'], 'no_client_cert');
        counts.set('no_client_cert', (counts.get('no_client_cert') ?? 0) + 1);
      });
    }
    for (const [code, count] of counts) {
      assert.equal(await setup.metric('countersign_tls_handshakes_total', `result="${code}"`), count, code);
    }
    const good = await ask(setup, 200, setup.pki.alice);
    assert.equal(good.answer.status, 200, good.answer.output);
  });

  it('is told why, once, where the policy explains, and nothing else is answered', async () => {
    await using setup = await openSetup({
      clientAuth: '{clientCA: clients-ca.crt, required: true, onFailure: explain}',
    });
    const get = 'GET /secret HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n';
    const bad = await (await mintCa({ subject: '/CN=Nobody' })).issue({ kind: 'client', cn: 'mallory' });
    for (const [from, issued, code] of [
      [11, undefined, 'no_client_cert'],
      [12, bad, 'untrusted_issuer'],
    ] as const) {
      const { answer } = await ask(setup, from, issued, { request: get + get });
      assert.match(answer.response, /^HTTP\/1\.1 403 [^]*\r\ncontent-type: application\/problem\+json/i);
      assert.match(answer.response, /\r\nconnection: close\r\n/i);
      assert.equal(answer.response.match(/HTTP\/1\.1/g)?.length, 1, answer.response);
      const problem = JSON.parse(answer.response.split('\r\n\r\n')[1] ?? '') as Record<string, unknown>;
      assert.deepEqual([problem['status'], problem['code']], [403, code]);
      assert.doesNotMatch(answer.response, /clients CA|Countersign Test/, 'whom we trust is not told');
    }
    assert.equal(await setup.metric('countersign_requests_total', 'route="all"'), 0);
  });
});

describe('a policy that requires no certificate', () => {
  it('lets in who shows none, as nobody, and refuses who shows a bad one', async () => {
    await using setup = await openSetup({ clientAuth: '{clientCA: clients-ca.crt, required: false}' });
    const anonymous = await ask(setup, 11);
    assert.equal(anonymous.answer.status, 200);
    assert.match(anonymous.answer.response, /^http_x_forwarded_client_cert: $/m);
    const known = await ask(setup, 12, setup.pki.alice);
    assert.match(known.answer.response, /^http_x_forwarded_client_cert: Hash=.*CN=alice/m);
    const { clients } = setup.pki;
    const late = await clients.issue({
      kind: 'client',
      notBefore: Date.now() - 2 * dayMs,
      notAfter: Date.now() - dayMs,
    });
    const refused = await ask(setup, 13, late);
    expectSilence(refused.answer);
    assert.equal((await refused.line())['code'], 'expired');
  });
});

describe('the identity of a client', () => {
  it('is the certificate that signed, whatever is sent along (incident 16)', async () => {
    await using setup = await openSetup();
    const { clients } = setup.pki;
    const bob = await clients.issue({ kind: 'client', cn: 'bob', sans: ['spiffe://example.org/bob'] });
    const admin = await clients.issue({ kind: 'client', cn: 'admin', sans: ['spiffe://example.org/admin'] });
    const chains = [
      bob.certPem + admin.certPem,
      admin.certPem + bob.certPem,
      clients.certPem + admin.certPem,
      admin.certPem + admin.certPem + clients.certPem,
    ];
    for (const [n, chainPem] of chains.entries()) {
      const { answer } = await ask(setup, 20 + n, { ...bob, chainPem });
      // Refused or bob: never admin.
      assert.doesNotMatch(answer.response, /admin/);
      assert.match(
        answer.response,
        /^http_x_forwarded_client_cert: Hash=.*;Subject="CN=bob";URI=spiffe:\/\/example\.org\/bob$/m,
      );
    }
  });

  it('cannot write lines into the log', async () => {
    await using setup = await openSetup({ gateway: '  accessLog: {path: stdout}' });
    const { gateway, pki } = setup;
    const cn = 'x\r\n{"level":"error","msg":"forged"}\u001b[2J\u2028\u202e';
    const nobody = await mintCa({ subject: '/CN=Nobody' });
    const refused = await ask(setup, 11, await nobody.issue({ kind: 'client', cn }));
    expectSilence(refused.answer);
    const leaf = (await refused.line())['leaf'] as Record<string, unknown>;
    assert.match(String(leaf['subject']), /forged/);
    // Nothing that a terminal or another reader of lines would obey is left, even after parsing.
    assert.doesNotMatch(String(leaf['subject']), /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/);
    const passed = await ask(setup, 12, await pki.clients.issue({ kind: 'client', cn }));
    assert.match(
      passed.answer.response,
      /^http_x_forwarded_client_cert: Hash=[0-9a-f]{64};Subject="CN=x.*forged.*";URI=$/m,
    );
    await gateway.stop();
    const access = gateway.log.items.filter((line) => line['status'] === 200);
    assert.deepEqual(
      access.map((line) => (line['client'] as { subject: string }).subject),
      [leaf['subject']],
    );
    assert.ok(gateway.log.items.every((line) => line.msg !== 'forged'));
  });
});
