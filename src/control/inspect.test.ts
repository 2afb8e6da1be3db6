// What the upload box is told: good material in any order and form, and every way in which it can be broken.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
import { brokenBlocks } from '../../test/support/broken-pem.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { type Inspection, inspectUpload, type UploadUse } from './inspect.ts';

let root: TestCa;
let ca: TestCa;
let leaf: Issued;
let other: Issued;

before(async () => {
  root = await mintCa({ cn: 'root' });
  ca = await root.issueCa({ cn: 'intermediate' });
  leaf = await ca.issue({ kind: 'server', cn: 'a.test', sans: ['a.test'] });
  other = await ca.issue({ kind: 'server', cn: 'b.test', sans: ['b.test'] });
});

async function inspect(use: UploadUse, ...texts: (string | Buffer)[]): Promise<Inspection> {
  const uploads = texts.map((text, i) => ({ name: `file-${i}.pem`, bytes: Buffer.from(text) }));
  return inspectUpload(uploads, { use, now: Date.now() });
}

const codesOf = ({ problems }: Inspection): string[] => problems.map(({ code }) => code);
const namesOf = ({ certificates }: Inspection): string[] => certificates.map(({ subject }) => subject);
const openssl = (input: string, ...args: string[]): Buffer =>
  execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'ignore'] });

describe('an upload', () => {
  it('of a certificate with its key and chain is good in any order, in one file or several', async () => {
    for (const texts of [
      [leaf.certPem + ca.certPem, leaf.keyPem],
      [leaf.keyPem, ca.certPem, leaf.certPem],
      [ca.certPem + leaf.keyPem + root.certPem + leaf.certPem],
      [leaf.keyPem + ca.certPem, leaf.certPem],
      [Buffer.from(leaf.certPem + ca.certPem).toString('base64'), leaf.keyPem],
      [leaf.der, ca.der, leaf.keyPem],
    ]) {
      const found = await inspect('server', ...texts);
      assert.deepEqual([found.usable, found.key, codesOf(found)], [true, 'fits', []]);
      assert.deepEqual(namesOf(found), ['CN=a.test', 'CN=intermediate']);
    }
  });

  it('without a key, or with that of another certificate, says so', async () => {
    const without = await inspect('server', leaf.certPem + ca.certPem);
    assert.deepEqual([without.usable, without.key, codesOf(without)], [false, 'none', ['no_private_key']]);
    const wrong = await inspect('server', leaf.certPem + ca.certPem, other.keyPem);
    assert.deepEqual([wrong.usable, wrong.key], [false, 'other']);
    assert.ok(codesOf(wrong).includes('key_mismatch'));
    const two = await inspect('server', leaf.certPem, leaf.keyPem, other.keyPem);
    assert.ok(codesOf(two).includes('several_keys'));
  });

  it('for the other side, or as a CA, is told what it lacks', async () => {
    assert.deepEqual(codesOf(await inspect('client', leaf.certPem + ca.certPem, leaf.keyPem)), ['wrong_purpose']);
    assert.equal((await inspect('ca', leaf.certPem)).usable, false);
    const bundle = await inspect('ca', root.certPem, ca.certPem);
    assert.deepEqual([bundle.usable, bundle.key, namesOf(bundle)], [true, null, ['CN=root', 'CN=intermediate']]);
    assert.equal((await inspect('ca', root.certPem + root.keyPem)).usable, false);
  });

  it('of PKCS #12 needs its password; in a format that is not read it is told the command that makes PEM of it', async () => {
    using dir = openTempDir('inspect');
    const [cert, key] = [dir.write('c.pem', leaf.certPem), dir.write('k.pem', leaf.keyPem)];
    const p12 = openssl('', 'pkcs12', '-export', '-in', cert, '-inkey', key, '-passout', 'pass:secret');
    const upload = async (password?: string): Promise<Inspection> =>
      inspectUpload([{ name: 'a.p12', bytes: p12 }], { use: 'server', now: Date.now(), password });
    const without = await upload();
    assert.deepEqual([without.usable, codesOf(without)], [false, ['pkcs12_password']]);
    assert.equal(without.problems[0]?.hint, 'Give its password.');
    assert.deepEqual(codesOf(await upload('secreta')), ['pkcs12_password']);
    const found = await upload('secret');
    assert.deepEqual([found.usable, found.key], [true, 'fits']);
    const p7 = openssl('', 'crl2pkcs7', '-nocrl', '-certfile', cert, '-outform', 'DER');
    const foreign = await inspect('server', p7);
    assert.deepEqual([foreign.usable, codesOf(foreign)], [false, ['not_pem']]);
    assert.match(foreign.problems[0]?.hint ?? '', /openssl pkcs7/);
    assert.deepEqual(codesOf(await inspect('server', 'hello')), ['not_pem']);
    assert.deepEqual(codesOf(await inspect('server', '  \n')), ['file_empty']);
    assert.deepEqual(codesOf(await inspect('server', Buffer.from([0, 1, 2, 3]))), ['not_pem']);
  });

  it('with one broken block is not usable, wherever the block stands', async () => {
    for (const block of brokenBlocks(ca.certPem))
      for (const texts of [
        [`${block}\n${leaf.certPem}`, leaf.keyPem],
        [`${leaf.certPem}${block}\n`, leaf.keyPem],
        [`${leaf.certPem}${leaf.keyPem}${block}\n`],
        [leaf.certPem, leaf.keyPem, block],
      ]) {
        const found = await inspect('server', ...texts);
        assert.equal(found.usable, false, block);
        assert.ok(
          found.problems.some(({ severity }) => severity === 'error'),
          block,
        );
        assert.equal((await inspect('ca', `${root.certPem}${block}\n`)).usable, false, block);
      }
  });

  it('with a key that cannot be used says why, and never shows it', async () => {
    for (const [key, code] of [
      [openssl(leaf.keyPem, 'pkey', '-aes256', '-passout', 'pass:x'), 'encrypted_key'],
      [openssl(leaf.keyPem, 'ec', '-aes256', '-passout', 'pass:x'), 'encrypted_key'],
      [leaf.certPem.replaceAll('CERTIFICATE', 'PRIVATE KEY'), 'broken_key'],
      [openssl('', 'genpkey', '-algorithm', 'X25519'), 'unsupported_key'],
      [leaf.keyPem.replaceAll('PRIVATE KEY', 'OPENSSH PRIVATE KEY'), 'unsupported_key'],
    ] as const)
      for (const texts of [[leaf.certPem + ca.certPem, key], [leaf.certPem + ca.certPem + key.toString()]]) {
        const found = await inspect('server', ...texts);
        assert.ok(codesOf(found).includes(code), `${code}: ${codesOf(found).join()}`);
        assert.equal(found.usable, false);
        const told = JSON.stringify(found.problems);
        for (const line of key.toString().split('\n').slice(1, -2)) if (line !== '') assert.ok(!told.includes(line));
      }
  });
});
