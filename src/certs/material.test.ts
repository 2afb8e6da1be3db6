import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { loadPem, maxMaterialBytes, parseCertificates } from './material.ts';
import { parsePrivateKey } from './private-key.ts';
import { mintCa } from './test-ca.ts';

const dir = mkdtempSync(join(tmpdir(), 'countersign-material-'));
after(() => rmSync(dir, { recursive: true }));
const ca = await mintCa({ cn: 'Material CA' });
const other = await mintCa({ cn: 'Other CA' });

function put(name: string, content: string | Buffer): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  return path;
}

async function codeOf(path: string): Promise<string> {
  const loaded = await loadPem({ path });
  if (loaded.ok) return 'ok';
  assert.ok(loaded.message.includes(path), loaded.message);
  return loaded.code;
}

test('every way in which a file can be wrong has its own code and names the file', async () => {
  assert.equal(await codeOf(put('good.pem', ca.certPem)), 'ok');
  assert.equal(await codeOf(join(dir, 'nowhere.pem')), 'file_missing');
  assert.equal(await codeOf(join(dir, 'good.pem', 'below')), 'file_missing');
  assert.equal(await codeOf(dir), 'file_is_directory');
  assert.equal(await codeOf(put('empty.pem', '')), 'file_empty');
  assert.equal(await codeOf(put('blank.pem', ' \n\n')), 'file_empty');
  assert.equal(await codeOf(put('text.pem', 'not a certificate')), 'not_pem');
  assert.equal(await codeOf(put('binary.der', ca.der)), 'not_pem');
  assert.equal(await codeOf(put('huge.pem', Buffer.alloc(maxMaterialBytes + 1, 0x20))), 'file_too_large');
  execFileSync('mkfifo', [join(dir, 'fifo')]);
  assert.equal(await codeOf(join(dir, 'fifo')), 'file_not_regular');
  assert.equal(await codeOf('bad\u0000path'), 'file_unreadable');
});

test('a file that this user may not read is told apart from one that is missing', async () => {
  const path = put('secret.pem', ca.certPem);
  chmodSync(path, 0o000);
  // root reads everything: there the answer is ok, everywhere else the code.
  assert.equal(await codeOf(path), process.getuid?.() === 0 ? 'ok' : 'file_unreadable');
});

test('a byte order mark and text around blocks do no harm', async () => {
  const text = execFileSync('openssl', ['x509', '-text'], { input: ca.certPem, encoding: 'utf8' });
  const loaded = await loadPem({ pem: `\uFEFFsome words\r\n${text.replaceAll('\n', '\r\n')}trailer` });
  assert.ok(loaded.ok);
  const { certificates, problems } = parseCertificates(loaded.pem);
  assert.deepEqual(problems, []);
  assert.equal(certificates[0]?.subject, 'CN=Material CA');
});

test('one broken block makes a bundle an error, wherever it stands', () => {
  const lines = ca.certPem.trimEnd().split('\n');
  const broken: Record<string, string> = {
    'no END': lines.slice(0, -1).join('\n'),
    'no BEGIN': lines.slice(1).join('\n'),
    'damaged BEGIN': ca.certPem.replace('-----BEGIN', '----BEGIN'),
    'damaged END': ca.certPem.replace('-----END', '-- --END'),
    'label mismatch': ca.certPem.replace('END CERTIFICATE', 'END X509 CRL'),
    'no base64': ca.certPem.replace(lines[2] as string, `${(lines[2] as string).slice(0, -1)}*`),
    'a line missing': ca.certPem.replace(`${lines[2]}\n`, ''),
    empty: `${lines[0]}\n${lines.at(-1)}`,
  };
  for (const [name, block] of Object.entries(broken)) {
    for (const pem of [`${block}\n${other.certPem}`, `${other.certPem}${block}\n`]) {
      const { problems } = parseCertificates(pem, 'ca.pem');
      assert.ok(
        problems.some((problem) => problem.severity === 'error' && problem.message.includes('ca.pem')),
        name,
      );
    }
  }
});

test('what is no certificate is named for what it is', async () => {
  const hint = (pem: string): string =>
    parseCertificates(pem, 'x.pem')
      .problems.map((problem) => `${problem.code} ${problem.hint}`)
      .join();
  assert.match(hint(ca.keyPem), /no_certificate .*swapped/);
  assert.match(hint(ca.certPem.replaceAll('CERTIFICATE', 'TRUSTED CERTIFICATE')), /openssl_trusted_certificate/);
  assert.match(hint(ca.certPem.replaceAll('CERTIFICATE', 'CERTIFICATE REQUEST')), /signing request/);
  assert.match(hint(ca.certPem.replaceAll('CERTIFICATE', 'PKCS7')), /pkcs7 -print_certs/);
});

function openssl(input: string, ...args: string[]): string {
  return execFileSync('openssl', args, { input, encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
}

test('keys in PKCS #8, SEC 1 and PKCS #1 form are read, also behind EC PARAMETERS', async () => {
  const rsa = (await ca.issue({ kind: 'client', key: 'rsa' })).keyPem;
  const ed = (await ca.issue({ kind: 'client', key: 'ed25519' })).keyPem;
  const sec1 = openssl(ca.keyPem, 'pkey', '-traditional');
  const params = openssl('', 'ecparam', '-name', 'prime256v1');
  for (const [pem, type] of [
    [ca.keyPem, 'ec'],
    [sec1, 'ec'],
    [params + sec1, 'ec'],
    [rsa, 'rsa'],
    [openssl(rsa, 'pkey', '-traditional'), 'rsa'],
    [ed, 'ed25519'],
  ] as const) {
    const parsed = parsePrivateKey(pem, 'k.key');
    assert.deepEqual(parsed.problems, []);
    assert.equal(parsed.key?.asymmetricKeyType, type);
    assert.match(parsed.keyPem, /^-----BEGIN PRIVATE KEY-----/);
  }
});

test('encrypted, missing, doubled, broken, weak and unsupported keys are each told apart', async () => {
  const code = (pem: string): string | undefined => {
    const parsed = parsePrivateKey(pem, 'k.key');
    assert.equal(parsed.key, undefined);
    assert.equal(parsed.keyPem, '');
    assert.ok(parsed.problems[0]?.message.includes('k.key'));
    return parsed.problems[0]?.code;
  };
  assert.equal(code(openssl(ca.keyPem, 'pkey', '-aes256', '-passout', 'pass:x')), 'encrypted_key');
  assert.equal(code(openssl(ca.keyPem, 'ec', '-aes256', '-passout', 'pass:x')), 'encrypted_key');
  assert.equal(code(ca.certPem), 'no_private_key');
  assert.equal(code(ca.keyPem + other.keyPem), 'several_keys');
  assert.equal(code(ca.certPem.replaceAll('CERTIFICATE', 'PRIVATE KEY')), 'broken_key');
  assert.equal(code((await ca.issue({ kind: 'client', key: 'rsa-1024' })).keyPem), 'weak_key');
  assert.equal(code(openssl('', 'genpkey', '-algorithm', 'X25519')), 'unsupported_key');
  assert.equal(code(openssl('', 'ecparam', '-name', 'secp256k1', '-genkey', '-noout')), 'unsupported_key');
  assert.equal(code(ca.keyPem.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY')), 'unsupported_key');
});
