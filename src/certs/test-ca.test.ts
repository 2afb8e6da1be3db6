import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readFacts } from './facts-reader.ts';
import { FactsCache } from './facts-cache.ts';
import { type KeyKind, mintCa, openCa, parseSubject } from './test-ca.ts';

const dir = mkdtempSync(join(tmpdir(), 'countersign-ca-'));
after(() => rmSync(dir, { recursive: true }));

function put(name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

test('OpenSSL verifies strictly what we issue, with every kind of key', async () => {
  for (const key of ['ec', 'ec-p384', 'rsa', 'ed25519'] as KeyKind[]) {
    const root = await mintCa({ cn: `Root ${key}`, key });
    const inter = await root.issueCa({ cn: `Issuing ${key}`, key, pathLength: 0 });
    const sans = ['a.test', '*.b.test', '10.0.0.1', '::1', 'spiffe://a/b', 'x@a.test'];
    for (const [kind, purpose] of [
      ['server', 'sslserver'],
      ['client', 'sslclient'],
    ] as const) {
      const leaf = await inter.issue({ kind, sans, key });
      const args = ['-x509_strict', '-purpose', purpose, '-CAfile', put('root.pem', root.certPem)];
      const chain = ['-untrusted', put('chain.pem', leaf.chainPem), put('leaf.pem', leaf.certPem)];
      assert.match(execFileSync('openssl', ['verify', ...args, ...chain], { encoding: 'utf8' }), /: OK/);
      const printed = execFileSync('openssl', ['pkey', '-pubout'], { input: leaf.keyPem, encoding: 'utf8' });
      const certified = execFileSync('openssl', ['x509', '-noout', '-pubkey'], {
        input: leaf.certPem,
        encoding: 'utf8',
      });
      assert.equal(printed, certified);
    }
  }
});

test('chainPem holds the intermediates and never the root', async () => {
  const root = await mintCa();
  const upper = await root.issueCa({ cn: 'Upper' });
  const lower = await upper.issueCa({ cn: 'Lower' });
  const leaf = await lower.issue({ kind: 'server', sans: ['a.test'] });
  assert.equal(leaf.chainPem, leaf.certPem + lower.certPem + upper.certPem);
  assert.equal((await root.issue({ kind: 'client' })).chainPem.match(/BEGIN/g)?.length, 1);
  assert.equal(lower.rootPem, root.certPem);
});

test('a CA opened from PEM issues as the one that was minted', async () => {
  const root = await mintCa({ subject: '/O=x/CN=Reopened' });
  const facts = readFacts((await openCa(root.certPem, root.keyPem).issue({ kind: 'client' })).der);
  assert.equal(facts.issuer, 'CN=Reopened,O=x');
  assert.equal(facts.authorityKeyId, readFacts(root.der).subjectKeyId);
});

test('a subject is read part by part, with escapes, and nonsense is refused', () => {
  assert.deepEqual(parseSubject('/O=a\\/b/CN=c=d'), [[['O', 'a/b']], [['CN', 'c=d']]]);
  assert.deepEqual(parseSubject(''), []);
  for (const text of ['CN=x', '/nonsense', '/XX=y', '/=y']) assert.throws(() => parseSubject(text), /subject/);
});

test('the cache gives the same facts for the same bytes, forgets the oldest, and keeps nothing that is malformed', async () => {
  const ca = await mintCa();
  const cache = new FactsCache({ maxEntries: 2 });
  const [a, b, c] = [
    await ca.issue({ kind: 'client' }),
    await ca.issue({ kind: 'client' }),
    await ca.issue({ kind: 'client' }),
  ];
  const first = cache.read(a.der);
  cache.read(b.der);
  assert.equal(cache.read(Buffer.from(a.der)), first);
  cache.read(c.der);
  assert.equal(cache.size, 2);
  assert.equal(cache.read(a.der), first);
  assert.throws(() => cache.read(a.der.subarray(1)));
  assert.equal(cache.size, 2);
  const small = new FactsCache({ maxBytes: a.der.length + 10 });
  small.read(a.der);
  small.read(b.der);
  assert.equal(small.size, 1);
});
