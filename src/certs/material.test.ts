import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
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
  assert.equal(await codeOf(put('binary.bin', Buffer.from('30820101ff00', 'hex'))), 'not_pem');
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

/** What `text` is read as: the names of its certificates and what is wrong. */
async function read(bytes: string | Buffer): Promise<string> {
  const loaded = await loadPem({ path: put('written.pem', bytes) });
  if (!loaded.ok) return `${loaded.code}: ${loaded.message} ${loaded.hint}`;
  const { certificates, problems } = parseCertificates(loaded.pem);
  return [...certificates.map(({ subject }) => subject), ...problems.map(({ code }) => code)].join(' ');
}

test('PEM in every encoding of text and on one line is read, in files and in values', async () => {
  const text = `${ca.certPem}${other.certPem}`;
  const both = 'CN=Material CA CN=Other CA';
  const utf16 = Buffer.from(`\uFEFF${text.replaceAll('\n', '\r\n')}`, 'utf16le');
  const ways: Record<string, string | Buffer> = {
    'UTF-16, as PowerShell writes it': utf16,
    'UTF-16, the other byte first': Buffer.from(utf16).swap16(),
    'UTF-16 without a mark': utf16.subarray(2),
    'UTF-16 without a mark, the other byte first': Buffer.from(utf16.subarray(2)).swap16(),
    'line ends of old': text.replaceAll('\n', '\r'),
    'line ends as two characters': text.replaceAll('\n', '\\n'),
    'line ends as four characters': text.replaceAll('\n', '\\r\\n'),
    'a JSON string': JSON.stringify(text),
    'single quotes': `'${text}'\n`,
    'folded as YAML does': text.trimEnd().replaceAll('\n', ' '),
    'files put together without a line end': text.replaceAll('-----\n-----', '----------'),
    'base64 of it': Buffer.from(text).toString('base64'),
    'base64 of UTF-16': utf16.toString('base64'),
  };
  for (const [what, bytes] of Object.entries(ways)) {
    assert.equal(await read(bytes), both, what);
    if (typeof bytes !== 'string' || what.startsWith('base64')) continue;
    const { certificates } = parseCertificates(bytes);
    assert.equal(certificates.length, 2, what);
  }
  assert.equal(await read(ca.der), 'CN=Material CA');
});

test('what is on one line is read only where nothing else could be meant', async () => {
  const [first, second] = [ca.certPem, other.certPem].map((pem) => pem.trimEnd().replaceAll('\n', ' '));
  assert.equal(await read(`${first}\n${second}`), 'CN=Material CA CN=Other CA');
  for (const line of [
    `${first} ${second?.slice(0, -10)}`,
    `${first} and more`,
    `${first?.replace('END C', 'END X')}`,
    `${first?.replace(' M', ' *M')}`,
  ])
    assert.match(await read(`${second}\n${line}`), /^CN=Other CA (CN=Material CA )?broken_pem_block/, line);
  assert.equal(await read(`${second}\n# ${first}`), 'CN=Other CA');
  assert.equal(await read(`${second}\n"${first}"`), 'CN=Other CA');
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
  assert.match(hint(ca.certPem.replaceAll('CERTIFICATE', 'PKCS7')), /openssl pkcs7 -in x\.pem -print_certs -out /);
});

test('of other formats the very commands are told that make PEM of them', async () => {
  const leaf = await ca.issue({ kind: 'server', sans: ['a.test'] });
  const [cert, key] = [put('store.pem', leaf.certPem + ca.certPem), put('store.key.pem', leaf.keyPem)];
  const pass = ['-passout', 'pass:secret'];
  const store = execFileSync('openssl', ['pkcs12', '-export', '-in', cert, '-inkey', key, ...pass]);
  const path = put('store.p12', store);
  const loaded = await loadPem({ path });
  assert.ok(!loaded.ok);
  assert.match(loaded.message, /store\.p12 is a file in the format PKCS #12/);
  const commands = [...loaded.hint.matchAll(/openssl pkcs12 -in \S+ [^,(]*? -out \S+(?=,| \()/g)].map(
    ([command]) => command,
  );
  assert.equal(commands.length, 2, loaded.hint);
  for (const command of commands) execFileSync('sh', ['-c', `${command} -passin pass:secret`], { stdio: 'ignore' });
  const [made, madeKey] = [await loadPem({ path: `${path}.crt` }), await loadPem({ path: `${path}.key` })];
  assert.ok(made.ok && madeKey.ok);
  assert.deepEqual(
    parseCertificates(made.pem).certificates.map(({ subject }) => subject),
    ['CN=a.test', 'CN=Material CA'],
  );
  assert.deepEqual(parsePrivateKey(madeKey.pem).problems, []);

  const p7 = put('store.p7b', execFileSync('openssl', ['crl2pkcs7', '-nocrl', '-certfile', cert, '-outform', 'der']));
  const other = await loadPem({ path: p7 });
  assert.ok(!other.ok && other.message.includes('PKCS #7'));
  const [command] = /openssl pkcs7 .*(?=\.$)/.exec(other.hint) ?? [];
  execFileSync('sh', ['-c', command ?? 'false']);
  assert.ok((await loadPem({ path: `${p7}.pem` })).ok);
  assert.match(await read(Buffer.from('feedfeed0000000200000001', 'hex')), /Java key store.*keytool -importkeystore/);
  assert.match(await read(store.subarray(0, 400)), /PKCS #12/);
});

test('a key behind a passphrase: the command that is told makes one that is read', async () => {
  const path = put('locked.key', openssl(ca.keyPem, 'pkey', '-aes256', '-passout', 'pass:secret'));
  for (const pem of [
    openssl(ca.keyPem, 'pkey', '-aes256', '-passout', 'pass:x'),
    openssl(ca.keyPem, 'ec', '-aes256', '-passout', 'pass:x'),
  ])
    assert.equal(parsePrivateKey(pem.trimEnd().replaceAll('\n', ' ')).problems[0]?.code, 'encrypted_key');
  const loaded = await loadPem({ path });
  assert.ok(loaded.ok);
  const [problem] = parsePrivateKey(loaded.pem, loaded.name).problems;
  const [command] = /openssl pkey -in \S+ -out \S+/.exec(problem?.hint ?? '') ?? [];
  execFileSync('sh', ['-c', `${command} -passin pass:secret`], { stdio: 'ignore' });
  const open = await loadPem({ path: `${path}.plain` });
  assert.ok(open.ok);
  assert.deepEqual(parsePrivateKey(open.pem).problems, []);
  assert.equal(statSync(`${path}.plain`).mode & 0o077, 0);
  assert.match(parsePrivateKey(loaded.pem, 'inline PEM').problems[0]?.hint ?? '', /-in FILE -out FILE\.plain/);
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
