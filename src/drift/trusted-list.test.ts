// Which lists of approved files are believed, and which are not: of root and of nobody else, signed by the key that was named.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { chmodSync, chownSync, rmSync, symlinkSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { NoApproval, writeApprovalList } from './approval-list.ts';
import { type Anchor, digestFor, parsePublicKey, readTrustedList, signCommand } from './trusted-list.ts';

const text = writeApprovalList({
  approvedAt: '2026-11-28T02:00:00.000Z',
  by: 'local:root',
  onChange: 'alert',
  commit: undefined,
  except: [],
  files: new Map([['gateway.yml', '0'.repeat(64)]]),
});

function open(t: TestContext): { dir: TempDir; list: string } {
  const dir = openTempDir('trusted');
  t.after(() => dir.remove());
  return { dir, list: dir.file('gateway.yml.approved') };
}

const read = async (anchor: Anchor) => readTrustedList(anchor, async () => undefined);
const refused = async (anchor: Anchor, why: RegExp): Promise<void> =>
  assert.rejects(read(anchor), (error) => error instanceof NoApproval && why.test(error.message) && error.help !== '');

describe('a list that belongs to root', () => {
  it('is believed while nobody else can write to it', async (t) => {
    const { dir, list } = open(t);
    assert.equal(await read({ kind: 'root', list }), undefined, 'there is none');
    dir.write('gateway.yml.approved', text);
    chownSync(list, 0, 0);
    chmodSync(list, 0o644);
    assert.equal((await read({ kind: 'root', list }))?.onChange, 'alert');
    for (const mode of [0o664, 0o646]) {
      chmodSync(list, mode);
      await refused({ kind: 'root', list }, /others than root can write/);
    }
    chmodSync(list, 0o644);
    chownSync(list, 65534, 0);
    await refused({ kind: 'root', list }, /belongs to user 65534 and not to root/);
  });

  it('is no link, no folder and nothing else', async (t) => {
    const { dir, list } = open(t);
    symlinkSync(dir.write('elsewhere', text), list);
    await refused({ kind: 'root', list }, /cannot be read \(ELOOP\)/);
    rmSync(list);
    dir.write('gateway.yml.approved/x', '');
    await refused({ kind: 'root', list }, /is no list/);
    rmSync(list, { recursive: true });
    dir.write('gateway.yml.approved', 'gateway: {}\n');
    await refused({ kind: 'root', list }, /not one that `countersign approve` wrote/);
  });
});

describe('a list that is signed', () => {
  const pairs: readonly [string, () => { publicKey: KeyObject; privateKey: KeyObject }][] = [
    ['Ed25519', () => generateKeyPairSync('ed25519')],
    ['ECDSA P-256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['ECDSA P-384', () => generateKeyPairSync('ec', { namedCurve: 'P-384' })],
  ];
  for (const [name, make] of pairs)
    it(`is believed with the signature of OpenSSL, ${name}, and not once it, or the signature, is another`, async (t) => {
      const { dir, list } = open(t);
      const { publicKey, privateKey } = make();
      const key = parsePublicKey(publicKey.export({ type: 'spki', format: 'pem' }), 'approve.pub');
      const anchor: Anchor = { kind: 'key', key, list };
      assert.equal(await read(anchor), undefined, 'there is none');
      dir.write('gateway.yml.approved', text);
      await refused(anchor, /is not signed/);
      const keyFile = dir.write('approve.key', privateKey.export({ type: 'pkcs8', format: 'pem' }));
      execFileSync('sh', ['-c', signCommand(key, keyFile, list)]);
      assert.equal((await read(anchor))?.onChange, 'alert');
      const verify = [
        'pkeyutl',
        '-verify',
        '-pubin',
        '-inkey',
        dir.write('approve.pub', publicKey.export({ type: 'spki', format: 'pem' })),
        '-rawin',
        ...(digestFor(key) === null ? [] : ['-digest', 'sha256']),
        '-in',
        list,
        '-sigfile',
        `${list}.sig`,
      ];
      assert.match(execFileSync('openssl', verify, { encoding: 'utf8' }), /Verified Successfully/);
      const other: Anchor = { ...anchor, key: make().publicKey };
      await refused(other, /not one of the key/);
      dir.write('gateway.yml.approved', text.replace('onChange alert', 'onChange none'));
      await refused(anchor, /not one of the key/);
      dir.write('gateway.yml.approved', text);
      dir.write('gateway.yml.approved.sig', '');
      await refused(anchor, /not one of the key/);
    });

  it('takes no key that is private, or of a kind that signs otherwise', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const pem = (key: KeyObject, type: 'spki' | 'pkcs8') =>
      key.export({ type, format: 'pem' } as never) as unknown as string;
    assert.throws(() => parsePublicKey(pem(publicKey, 'spki'), 'k'), /k is a key of the type rsa/);
    assert.throws(() => parsePublicKey(pem(privateKey, 'pkcs8'), 'k'), /k is a private key/);
    assert.throws(() => parsePublicKey('nothing', 'k'), /k is no public key/);
  });
});
