// PKCS #12 files that the real openssl writes, and what is wrong with others.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHmac, pbkdf2Sync, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { openTempDir } from '../support/temp.ts';
import { type BerNode, octetsOf, readBer } from '../../src/asn1/ber.ts';
import { encodeDer, encodeObjectId, encodeUnsigned } from '../../src/asn1/der-writer.ts';
import { hasErrors } from '../../src/base/material-problem.ts';
import { checkServerPair } from '../../src/trust/certificate-pair.ts';
import { readPkcs12 } from '../../src/certs/pkcs12.ts';
import { type Issued, mintCa } from '../../src/certs/test-ca.ts';

const dir = openTempDir('pkcs12');
let leaf: Issued;
let other: Issued;
let intermediatePem: string;

before(async () => {
  const root = await mintCa({ cn: 'Root' });
  const issuing = await root.issueCa({ cn: 'Issuing' });
  leaf = await issuing.issue({ kind: 'server', sans: ['a.test'] });
  other = await issuing.issue({ kind: 'server', sans: ['b.test'] });
  intermediatePem = issuing.certPem;
  dir.write('leaf.crt', leaf.certPem);
  dir.write('leaf.key', leaf.keyPem);
  dir.write('above.crt', issuing.certPem);
});

/** What the real openssl writes with these options. */
function write(password: string, ...options: readonly string[]): Buffer {
  const files = ['-inkey', dir.file('leaf.key'), '-in', dir.file('leaf.crt'), '-certfile', dir.file('above.crt')];
  const args = ['pkcs12', '-export', ...files, '-passout', `pass:${password}`, '-out', dir.file('out.p12'), ...options];
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return readFileSync(dir.file('out.p12'));
}

async function pair(bytes: Buffer, password: string): Promise<{ chainPem: string; keyPem: string }> {
  const outcome = await readPkcs12(bytes, password, 'server.p12');
  assert.ok('keyPem' in outcome, 'problem' in outcome ? outcome.problem.message : '');
  return outcome;
}

async function problem(bytes: Buffer, password = 'secret') {
  const outcome = await readPkcs12(bytes, password, 'server.p12');
  assert.ok('problem' in outcome);
  return outcome.problem;
}

/** With lengths that are not said, and strings in pieces, as BER allows. */
function loosen(node: BerNode): Buffer {
  if ((node.tag & 0x20) === 0) {
    if (node.tag !== 0x04 || node.content.length < 100) return node.raw;
    const pieces = [node.content.subarray(0, 50), node.content.subarray(50)];
    return Buffer.concat([Buffer.from([0x24, 0x80]), ...pieces.map((one) => encodeDer(0x04, one)), Buffer.alloc(2)]);
  }
  return Buffer.concat([Buffer.from([node.tag, 0x80]), ...node.children.map(loosen), Buffer.alloc(2)]);
}

describe('a PKCS #12 file of openssl', () => {
  const kinds: Readonly<Record<string, readonly string[]>> = {
    'as it is written by default (AES, PBKDF2)': [],
    'with 3DES, of the old way': ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'],
    'with 3DES of two keys': ['-keypbe', 'PBE-SHA1-2DES', '-certpbe', 'PBE-SHA1-2DES'],
    'with AES-128': ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC'],
    'with a MAC of SHA-512': ['-macalg', 'sha512'],
    'with a MAC of SHA-384 and many iterations': ['-macalg', 'sha384', '-iter', '60000'],
    'without a MAC': ['-nomac'],
    'with certificates in plain text': ['-certpbe', 'NONE'],
    'with a key in plain text': ['-keypbe', 'NONE', '-certpbe', 'NONE'],
    'with one iteration': ['-iter', '1'],
  };
  for (const [kind, options] of Object.entries(kinds))
    it(`gives certificate, chain and key: ${kind}`, async () => {
      const { chainPem, keyPem } = await pair(write('secret', ...options), 'secret');
      const checked = checkServerPair(chainPem, keyPem, { now: Date.now() });
      assert.ok(!hasErrors(checked.problems), JSON.stringify(checked.problems));
      assert.equal(
        checked.leaf?.sha256,
        new X509Certificate(leaf.certPem).fingerprint256.replaceAll(':', '').toLowerCase(),
      );
      assert.equal(checked.chainPem, leaf.certPem + intermediatePem);
      assert.equal(keyPem, leaf.keyPem);
    });

  for (const password of ['', 'pä$$ wörd – 💡', 'x'.repeat(200)])
    it(`opens with the password ${JSON.stringify(password).slice(0, 20)}, and with no other`, async () => {
      const bytes = write(password);
      assert.equal((await pair(bytes, password)).keyPem, leaf.keyPem);
      assert.equal((await problem(bytes, `${password}!`)).code, 'pkcs12_password');
    });

  it('is read where it is BER', async () => {
    const loose = loosen(readBer(write('secret')));
    assert.equal((await pair(loose, 'secret')).keyPem, leaf.keyPem);
  });

  it('is read with a MAC of RFC 9579', async () => {
    const bytes = write('secret', '-nomac');
    const [version, authSafe] = readBer(bytes).children;
    const content = octetsOf(authSafe?.children[1]?.children[0] as BerNode);
    const algorithm = (id: string, ...parameters: Buffer[]) => encodeDer(0x30, encodeObjectId(id), ...parameters);
    const salt = Buffer.from('0011223344556677', 'hex');
    const prf = algorithm('1.2.840.113549.2.9', Buffer.from([5, 0]));
    const number = (value: number) => encodeUnsigned(Buffer.from(value.toString(16).padStart(4, '0'), 'hex'));
    const kdf = algorithm(
      '1.2.840.113549.1.5.12',
      encodeDer(0x30, encodeDer(0x04, salt), number(2048), number(32), prf),
    );
    const macOf = (password: string): Buffer =>
      createHmac('sha256', pbkdf2Sync(password, salt, 2048, 32, 'sha256'))
        .update(content)
        .digest();
    const fileOf = (mac: Buffer): Buffer => {
      const info = encodeDer(0x30, algorithm('1.2.840.113549.1.5.14', encodeDer(0x30, kdf, prf)), encodeDer(0x04, mac));
      const data = encodeDer(0x30, info, encodeDer(0x04, Buffer.alloc(8)), number(1));
      return encodeDer(0x30, version?.raw as Buffer, authSafe?.raw as Buffer, data);
    };
    assert.equal((await pair(fileOf(macOf('secret')), 'secret')).keyPem, leaf.keyPem);
    assert.equal((await problem(fileOf(macOf('secreT')))).code, 'pkcs12_password');
  });

  it('gives everything that openssl itself takes out of it', async () => {
    const bytes = write('secret');
    const { chainPem } = await pair(bytes, 'secret');
    const args = ['pkcs12', '-in', dir.file('out.p12'), '-passin', 'pass:secret', '-nokeys'];
    const { stdout } = spawnSync('openssl', args, { encoding: 'utf8' });
    const blocks = (text: string) => text.match(/-----BEGIN[\s\S]*?-----END [A-Z]+-----/g)?.sort();
    assert.deepEqual(blocks(chainPem), blocks(stdout));
  });
});

describe('a PKCS #12 file that cannot be used', () => {
  it('says that the password is wrong, or that there is none, and never what it is', async () => {
    const bytes = write('secret');
    const wrong = await problem(bytes, 'hunter2');
    assert.equal(wrong.code, 'pkcs12_password');
    assert.ok(!JSON.stringify(wrong).includes('hunter2'));
    assert.match((await problem(bytes, '')).message, /none is given/);
  });

  it('is told as changed where a byte of its contents is', async () => {
    const bytes = write('secret');
    bytes[200] = (bytes[200] ?? 0) ^ 1;
    assert.equal((await problem(bytes)).code, 'pkcs12_password');
  });

  it('names the command where it is protected by what is too old, and the command works', async () => {
    const bytes = write('secret', '-legacy');
    const { code, message, hint } = await problem(bytes);
    assert.equal(code, 'pkcs12_unsupported');
    assert.match(message, /RC2-40/);
    const command = hint.slice(hint.indexOf('openssl')).replaceAll('server.p12', dir.file('out.p12'));
    const withPasswords = command
      .replace('-nodes', '-nodes -passin pass:secret')
      .replace('-export', '-export -passout pass:secret');
    const { status, stderr } = spawnSync('sh', ['-c', withPasswords], { encoding: 'utf8' });
    assert.equal(status, 0, stderr);
    const made = readFileSync(`${dir.file('out.p12')}.new.p12`);
    assert.equal((await pair(made, 'secret')).keyPem, leaf.keyPem);
  });

  it('has no key, or no certificate', async () => {
    const made = (...options: string[]): Buffer => {
      const args = ['pkcs12', '-export', '-passout', 'pass:secret', '-out', dir.file('part.p12'), ...options];
      assert.equal(spawnSync('openssl', args).status, 0);
      return readFileSync(dir.file('part.p12'));
    };
    assert.equal((await problem(made('-nokeys', '-in', dir.file('leaf.crt')))).code, 'no_private_key');
    assert.equal((await problem(made('-nocerts', '-inkey', dir.file('leaf.key')))).code, 'no_certificate');
  });

  it('asks for more iterations than anybody needs', async () => {
    const bytes = write('secret', '-iter', '2000000', '-keypbe', 'NONE', '-certpbe', 'NONE', '-nomac');
    assert.equal((await pair(bytes, 'secret')).keyPem, leaf.keyPem);
    const patched = write('secret', '-nomac');
    // PBKDF2's count, 2,048, as it stands in DER: replaced by one of four bytes would move lengths, so its parameters are written anew.
    const at = patched.indexOf(Buffer.from([0x02, 0x02, 0x08, 0x00]));
    assert.ok(at > 0);
    const huge = rewrite(readBer(patched), (node) =>
      node.tag === 0x02 && node.content.equals(Buffer.from([0x08, 0x00]))
        ? encodeUnsigned(Buffer.from('7fffffff', 'hex'))
        : undefined,
    );
    const found = await problem(huge);
    assert.equal(found.code, 'pkcs12_broken');
    assert.match(found.message, /iterations/);
  });

  it('is told whatever its bytes are', async () => {
    const good = write('secret', '-iter', '1');
    const mutated = fc
      .array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((edits) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        return bytes;
      });
    const cut = fc.nat(good.length - 1).map((length) => good.subarray(0, length));
    const any = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
    await fc.assert(
      fc.asyncProperty(fc.oneof(mutated, cut, any), async (bytes) => {
        const outcome = await readPkcs12(bytes, 'secret', 'server.p12');
        // Nothing was changed where it matters, or it is told.
        if ('keyPem' in outcome) assert.equal(outcome.keyPem, leaf.keyPem);
        else assert.match(outcome.problem.code, /^(?:pkcs12_|no_)/);
      }),
      { numRuns: 1500 },
    );
  });

  it('is told whatever stands in it behind a right MAC', async () => {
    const good = write('secret', '-iter', '1', '-nomac', '-keypbe', 'NONE', '-certpbe', 'NONE');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 4 }), async (edits) => {
        const bytes = Buffer.from(good);
        for (const [at, value] of edits) bytes[at] = value;
        const outcome = await readPkcs12(bytes, 'secret', 'server.p12');
        assert.ok('keyPem' in outcome || outcome.problem.message.includes('server.p12'));
      }),
      { numRuns: 1500 },
    );
  });

  it('holds the key of another certificate: the pair is refused', async () => {
    const { chainPem } = await pair(write('secret'), 'secret');
    assert.ok(hasErrors(checkServerPair(chainPem, other.keyPem, { now: Date.now() }).problems));
  });
});

/** The same tree with other parts, in DER; strings that hold DER are opened. */
function rewrite(node: BerNode, change: (node: BerNode) => Buffer | undefined): Buffer {
  const changed = change(node);
  if (changed !== undefined) return changed;
  if ((node.tag & 0x20) !== 0) return encodeDer(node.tag, ...node.children.map((one) => rewrite(one, change)));
  if (node.tag === 0x04 && node.content[0] === 0x30) {
    try {
      return encodeDer(0x04, rewrite(readBer(node.content), change));
    } catch {
      return node.raw;
    }
  }
  return node.raw;
}
