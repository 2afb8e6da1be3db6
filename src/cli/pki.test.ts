import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { encodePem } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';

const base = mkdtempSync(join(tmpdir(), 'countersign-pki-'));
after(() => rmSync(base, { recursive: true }));

const program = `
  const { pkiCommand } = await import(${JSON.stringify(new URL('./pki.ts', import.meta.url).href)});
  await pkiCommand().parseAsync(process.argv.slice(1), { from: 'user' });
`;

function pki(...args: string[]): { code: number | null; out: string; err: string } {
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', program, '--', ...args], { encoding: 'utf8' });
  return { code: run.status, out: run.stdout, err: run.stderr };
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8' });
}

const dir = join(base, 'pki');
const inDir = (name: string): string => join(dir, name);
const made = pki('init', dir, '--host', 'api.example.com', '*.b.test', '10.0.0.1');

test('init makes a CA, a server and a client certificate that OpenSSL accepts for their purposes', () => {
  assert.equal(made.code, 0, made.err);
  for (const [name, purpose] of [
    ['server', 'sslserver'],
    ['client', 'sslclient'],
  ]) {
    const verified = openssl(
      'verify',
      '-x509_strict',
      '-purpose',
      purpose as string,
      '-CAfile',
      inDir('ca.crt'),
      inDir(`${name}.crt`),
    );
    assert.match(verified, /: OK/);
  }
  const host = openssl('verify', '-verify_hostname', 'x.b.test', '-CAfile', inDir('ca.crt'), inDir('server.crt'));
  assert.match(host, /: OK/);
  const text = openssl('x509', '-in', inDir('server.crt'), '-noout', '-ext', 'subjectAltName');
  assert.match(text, /DNS:api\.example\.com, DNS:\*\.b\.test, IP Address:10\.0\.0\.1/);
  assert.match(
    made.out,
    /curl --cacert .*ca\.crt --cert .*client\.crt --key .*client\.key --connect-to \S+ https:\/\/api\.example\.com:8443\//,
  );
});

test('private keys are readable by their owner only, also when they replace a file that was not', () => {
  for (const name of ['ca.key', 'server.key', 'client.key']) assert.equal(statSync(inDir(name)).mode & 0o777, 0o600);
  const other = join(base, 'forced');
  pki('init', other);
  writeFileSync(join(other, 'server.key'), 'old');
  execFileSync('chmod', ['644', join(other, 'server.key')]);
  assert.equal(pki('init', other, '--force', '--key', 'rsa').code, 0);
  assert.equal(statSync(join(other, 'server.key')).mode & 0o777, 0o600);
  assert.match(openssl('pkey', '-in', join(other, 'server.key'), '-noout', '-text'), /2048 bit/);
});

test('nothing is overwritten without --force, and then nothing is written at all', () => {
  const before = readFileSync(inDir('ca.key'), 'utf8');
  rmSync(inDir('client.crt'));
  const { code, err } = pki('init', dir);
  assert.equal(code, 1);
  assert.match(err, /^error: .*ca\.crt, .*exist already; --force overwrites\n$/);
  assert.equal(readFileSync(inDir('ca.key'), 'utf8'), before);
  assert.equal(existsSync(inDir('client.crt')), false);
});

test('issue makes certificates with every kind of name, not outliving their CA', () => {
  const args = ['--uri', 'spiffe://example.org/a', '--email', 'a@b.test', '--ip', '::1', '--host', 'h.test'];
  const issued = pki('issue', 'client', '--ca', dir, '--cn', 'alice', ...args, '--days', '9999', '--key', 'rsa');
  assert.equal(issued.code, 0, issued.err);
  assert.match(issued.out, /cut to that of the CA/);
  const text = openssl('x509', '-in', inDir('alice.crt'), '-noout', '-text');
  for (const part of [
    /URI:spiffe:\/\/example\.org\/a/,
    /email:a@b\.test/,
    /IP Address:0:0:0:0:0:0:0:1/,
    /DNS:h\.test/,
    /Subject: CN ?= ?alice/,
    /2048 bit/,
  ]) {
    assert.match(text, part);
  }
  assert.match(openssl('verify', '-purpose', 'sslclient', '-CAfile', inDir('ca.crt'), inDir('alice.crt')), /: OK/);
  const whole = pki(
    'issue',
    'both',
    '--ca',
    dir,
    '--subject',
    '/O=Ex\\/ample/CN=w',
    '--host',
    'w.test',
    '--out',
    join(base, 'out'),
  );
  assert.equal(whole.code, 0, whole.err);
  assert.match(openssl('x509', '-in', join(base, 'out', 'w.test.crt'), '-noout', '-subject'), /O ?= ?Ex\/ample/);
});

test('mistakes are one line and exit code 1', () => {
  const cases: [RegExp, string[]][] = [
    [/needs a name/, ['issue', 'server', '--ca', dir]],
    [/neither a host name nor an IP/, ['issue', 'server', '--ca', dir, '--host', 'bad host']],
    [/neither a host name nor an IP/, ['issue', 'server', '--ca', dir, '--host', '*.test']],
    [/not an IP address/, ['issue', 'server', '--ca', dir, '--ip', '1.2.3']],
    [/not a URI/, ['issue', 'client', '--ca', dir, '--uri', 'no uri']],
    [/whole number of days/, ['issue', 'client', '--ca', dir, '--days', '0']],
    [/ca\.crt does not exist \(`pki init DIR` makes a CA\)/, ['issue', 'client', '--ca', join(base, 'nowhere')]],
    [/names no attribute/, ['issue', 'client', '--ca', dir, '--subject', '/nonsense']],
    [/belongs to the CA/, ['issue', 'client', '--ca', dir, '--name', 'ca']],
    [/cannot be a file name/, ['issue', 'client', '--ca', dir, '--name', '../x']],
  ];
  for (const [wanted, args] of cases) {
    const { code, err } = pki(...args);
    assert.equal(code, 1, args.join(' '));
    assert.match(err, wanted);
    assert.equal(err.trimEnd().split('\n').length, 1);
  }
});

test('a CA whose key is another is refused', async () => {
  const odd = join(base, 'odd');
  pki('init', odd);
  writeFileSync(join(odd, 'ca.key'), (await mintCa()).keyPem);
  const { code, err } = pki('issue', 'client', '--ca', odd);
  assert.equal(code, 1);
  assert.match(err, /ca\.key is not the key of/);
});

test('show names issuers and keys across files, PEM or DER, and says what a certificate is for', async () => {
  const mixed = join(base, 'mixed.pem');
  writeFileSync(
    mixed,
    `comment\n${[inDir('server.crt'), inDir('ca.crt'), inDir('server.key')].map((path) => readFileSync(path, 'utf8')).join('')}`,
  );
  const der = join(base, 'server.der');
  openssl('x509', '-in', inDir('server.crt'), '-outform', 'der', '-out', der);
  const { code, out, err } = pki('show', mixed, der, inDir('client.key'));
  assert.equal(code, 0, err);
  const serial = openssl('x509', '-in', inDir('server.crt'), '-noout', '-serial')
    .trim()
    .replace('serial=', '')
    .toLowerCase();
  const print = openssl('x509', '-in', inDir('server.crt'), '-noout', '-fingerprint', '-sha256')
    .replace(/^.*=|:|\n/g, '')
    .toLowerCase();
  for (const part of [
    serial,
    print,
    '1. certificate',
    '2. CA certificate',
    '(self-signed)',
    '(number 2)',
    '3. private key',
    'to number 1',
    'server (serverAuth)',
    'IP    10.0.0.1',
    '89 days left',
    `(${mixed} number 2)`,
    'to none of these certificates',
  ]) {
    assert.ok(out.includes(part), `${part} in\n${out}`);
  }
});

test('show escapes what a certificate says, and reports broken parts with exit code 1', async () => {
  const ca = await mintCa({ cn: 'a\u001b[31m\nb' });
  const path = join(base, 'hostile.pem');
  writeFileSync(path, ca.certPem);
  const shown = pki('show', path);
  assert.equal(shown.code, 0);
  assert.ok(shown.out.includes('CN=a\\1B[31m\\0Ab'));
  const crl = join(base, 'crl.pem');
  writeFileSync(crl, encodePem('X509 CRL', Buffer.from([0x30, 0])));
  assert.match(pki('show', crl).out, /error: a certificate revocation list that is not accepted/);
  for (const [text, why] of [
    [ca.certPem.slice(0, -40), /no END line/],
    [encodePem('CERTIFICATE', ca.der.subarray(0, 100)), /not a valid certificate/],
    ['words', /neither PEM nor DER/],
    ['', /empty/],
  ] as const) {
    writeFileSync(path, text);
    const broken = pki('show', path);
    assert.equal(broken.code, 1);
    assert.match(broken.out, why);
  }
  const missing = pki('show', join(base, 'nowhere'));
  assert.equal(missing.code, 1);
  assert.match(missing.out, /does not exist/);
});

test('crl makes a CRL, adds to it with a higher number, and refuses what this CA did not issue', () => {
  for (const cn of ['bad', 'worse']) assert.equal(pki('issue', 'client', '--ca', dir, '--cn', cn).code, 0);
  const first = pki('crl', '--ca', dir);
  assert.match(first.out, /ca\.crl {2}number 1, 0 revoked/);
  const second = pki('crl', '--ca', dir, '--revoke', inDir('bad.crt'), '--reason', 'keyCompromise', '--days', '2');
  assert.match(second.out, /number 2, 1 revoked/);
  assert.match(pki('crl', '--ca', dir, '--revoke', inDir('bad.crt'), inDir('worse.crt')).out, /number 3, 2 revoked/);
  const text = openssl('crl', '-in', inDir('ca.crl'), '-CAfile', inDir('ca.crt'), '-noout', '-text');
  assert.match(text, /Key Compromise/);
  const foreign = pki('init', join(base, 'foreign/pki'));
  assert.equal(foreign.code, 0);
  assert.match(pki('crl', '--ca', dir, '--revoke', inDir('nobody.crt')).err, /^error: \S+nobody\.crt does not exist$/m);
  assert.match(pki('show', inDir('ca.crl'), join(base, 'foreign/pki/ca.crt')).out, /not verified: the CA of that name/);
  const refused = pki('crl', '--ca', dir, '--revoke', join(base, 'foreign/pki/client.crt'));
  assert.equal(refused.code, 1);
  assert.match(refused.err, /was not issued by this CA/);
});

test('show shows a CRL, and whether its signature is that of a CA among the files', () => {
  const alone = pki('show', inDir('ca.crl'));
  assert.equal(alone.code, 0);
  assert.match(
    alone.out,
    /1\. certificate revocation list\n +issuer +CN=Countersign test CA \(pki\),O=Countersign test\n +number +03\n/,
  );
  assert.match(
    alone.out,
    /left\n +covers +all certificates\n +revoked +2 certificates\n.*(?:key compromised|no reason given)/,
  );
  assert.match(alone.out, /signed +by ECDSA with SHA-256; not verified: give the file of that CA/);
  assert.match(pki('show', inDir('ca.crl'), inDir('ca.crt')).out, /the signature is good/);
  const der = Buffer.from(readFileSync(inDir('ca.crl'), 'utf8').replace(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der.at(-1) as number) ^ 1;
  writeFileSync(join(base, 'forged.der'), der);
  assert.match(
    pki('show', join(base, 'forged.der'), inDir('ca.crt')).out,
    /NOT GOOD: it names "CN=Countersign test CA/,
  );
});
