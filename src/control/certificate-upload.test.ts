// Certificates through the API: verified before anything is stored, sealed so that nothing that comes back holds a key, replaced
// under their id and made current again.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { before, describe, it, type TestContext } from 'node:test';
import { brokenBlocks } from '../../test/support/broken-pem.ts';
import { type ApiAnswer, type ApiUnderTest, openApi } from '../../test/support/control-api.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import { readOpener } from '../loading/read-opener.ts';
import { isDigest } from '../store/digest.ts';

let root: TestCa;
let ca: TestCa;
let leaf: Issued;
let next: Issued;
before(async () => {
  root = await mintCa({ cn: 'root' });
  ca = await root.issueCa({ cn: 'intermediate' });
  leaf = await ca.issue({ kind: 'server', cn: 'a.test', sans: ['a.test'] });
  next = await ca.issue({ kind: 'server', cn: 'a.test', sans: ['a.test'] });
});

type Call = (
  method: string,
  path: string,
  body?: object,
  fields?: Readonly<Record<string, string>>,
) => Promise<ApiAnswer>;

async function open(t: TestContext): Promise<ApiUnderTest & { readonly call: Call }> {
  const api = await openApi(t);
  // Real time: the certificates are minted in it.
  api.clock.turn(Math.max(0, Date.now() - api.clock.now()));
  const { cookie } = await api.enter('operator');
  const call: Call = async (method, path, body, fields) =>
    api.ask(method, path, { cookie, ...(body && { body }), ...(fields && { fields }) });
  return { ...api, call };
}

const file = (text: string, name = 'upload.pem'): object => ({ name, text });
const codeOf = ({ status, body }: ApiAnswer): unknown[] => [status, body['code'] ?? body['state']];
const errorsOf = ({ body }: ApiAnswer): unknown[] =>
  (body['errors'] as { pointer: string; code: string }[]).map(({ pointer, code }) => [pointer, code]);
const ifMatch = (answer: ApiAnswer): { 'if-match': string } => ({ 'if-match': answer.headers.get('etag') ?? '' });
const serialsOf = ({ body }: ApiAnswer): string[] =>
  (body['chain'] as { serial: string }[]).map(({ serial }) => serial);
const serial = ({ der }: Issued): string =>
  execFileSync('openssl', ['x509', '-inform', 'DER', '-noout', '-serial'], { input: der })
    .toString()
    .trim()
    .slice('serial='.length)
    .toLowerCase();

describe('an upload of a certificate', () => {
  it('in any order and form is stored as one chain, with its key sealed for it', async (t) => {
    const { call, store, dir } = await open(t);
    const p12 = execFileSync(
      'openssl',
      [
        'pkcs12',
        '-export',
        '-in',
        dir.write('c.pem', leaf.certPem + ca.certPem),
        '-inkey',
        dir.write('k.pem', leaf.keyPem),
        '-passout',
        'pass:geheim',
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    );
    for (const [id, more] of Object.entries({
      two: { files: [file(leaf.certPem + ca.certPem), file(leaf.keyPem, 'key.pem')] },
      mixed: { files: [file(ca.certPem + leaf.keyPem + root.certPem + leaf.certPem)] },
      der: { files: [{ name: 'a.der', base64: leaf.der.toString('base64') }, file(ca.certPem), file(leaf.keyPem)] },
      base64: { files: [file(Buffer.from(leaf.certPem + ca.certPem).toString('base64')), file(leaf.keyPem)] },
      p12: { files: [{ name: 'a.p12', base64: p12.toString('base64') }], password: 'geheim' },
    })) {
      const made = await call('POST', '/certificates', { id, ...more });
      assert.equal(made.status, 201, `${id}: ${made.text}`);
      const { number } = await store.revisions.head();
      const body = (await store.revisions.findObject(number, { kind: 'certificates', id }))?.body;
      assert.equal(body?.['cert'], leaf.certPem + ca.certPem, id);
      const { sealed } = (body ?? {})['key'] as { readonly sealed: unknown };
      assert.ok(isDigest(sealed));
      const blob = await store.sealed.get(sealed);
      const opener = readOpener({ path: dir.file('store.db') });
      assert.ok(blob !== undefined && opener !== undefined);
      assert.match(opener.open(blob).toString(), /^-----BEGIN (EC )?PRIVATE KEY-----/);
      assert.ok(!readFileSync(dir.file('store.db')).includes(leaf.keyPem.split('\n')[1] ?? leaf.keyPem));
      const shown = await call('GET', `/certificates/${id}`);
      assert.deepEqual([shown.body['value'], serialsOf(shown).length], [null, 2]);
      const chain = await call('GET', `/certificates/${id}/chain.pem`);
      assert.equal(chain.headers.get('content-type'), 'application/pem-certificate-chain');
      assert.equal(chain.text, leaf.certPem + ca.certPem);
    }
  });

  it('with a broken block, without its key or with another one is refused, and says of which file', async (t) => {
    const { call, store } = await open(t);
    const refuse = async (files: object[], code?: string): Promise<void> => {
      const refused = await call('POST', '/certificates', { id: 'broken', files });
      assert.deepEqual(codeOf(refused), [422, 'invalid'], refused.text);
      const errors = errorsOf(refused) as string[][];
      for (const [pointer] of errors) assert.match(pointer ?? '', /^\/files(\/\d)?$/);
      if (code !== undefined)
        assert.ok(
          errors.some((one) => one[1] === code),
          refused.text,
        );
      assert.doesNotMatch(refused.text, /PRIVATE KEY-----\\n/);
    };
    for (const block of brokenBlocks(ca.certPem)) {
      await refuse([file(`${block}\n${leaf.certPem}`), file(leaf.keyPem, 'key.pem')]);
      await refuse([file(leaf.certPem), file(leaf.keyPem, 'key.pem'), file(block, 'chain.pem')]);
    }
    await refuse([file(leaf.certPem)], 'no_private_key');
    await refuse([file(leaf.certPem), file(next.keyPem)], 'key_mismatch');
    await refuse([file('hello')], 'not_pem');
    await refuse([file(' ')], 'file_empty');
    assert.equal((await store.revisions.head()).number, 0);
    assert.equal((await store.sealed.list()).items.length, 0);
  });

  it('replaces the certificate under its id, and the same again is no change', async (t) => {
    const { call, store } = await open(t);
    const files = [file(leaf.certPem + ca.certPem + leaf.keyPem)];
    await call('POST', '/certificates', { id: 'edge', files });
    const seen = await call('GET', '/certificates/edge');
    assert.deepEqual(codeOf(await call('PUT', '/certificates/edge', { files }, ifMatch(seen))), [200, 'unchanged']);
    const renewed = [file(next.certPem + ca.certPem + next.keyPem)];
    const replaced = await call('PUT', '/certificates/edge', { files: renewed, reason: 'renewed' }, ifMatch(seen));
    assert.deepEqual([replaced.status, replaced.body['revision']], [200, 2]);
    assert.deepEqual(codeOf(await call('PUT', '/certificates/edge', { files }, ifMatch(seen))), [412, 'stale']);
    assert.equal(serialsOf(await call('GET', '/certificates/edge'))[0], serial(next));
    assert.equal((await store.revisions.head()).number, 2);
  });

  it('of a chain alone keeps the key that is there, where it fits', async (t) => {
    const { call } = await open(t);
    await call('POST', '/certificates', { id: 'edge', files: [file(leaf.certPem + leaf.keyPem)] });
    const seen = await call('GET', '/certificates/edge');
    const chained = await call(
      'PATCH',
      '/certificates/edge',
      { files: [file(leaf.certPem + ca.certPem)] },
      ifMatch(seen),
    );
    assert.deepEqual(codeOf(chained), [200, 'committed'], chained.text);
    assert.equal(serialsOf(await call('GET', '/certificates/edge')).length, 2);
    const other = await call('POST', '/certificates/edge/versions', { files: [file(next.certPem)] });
    assert.deepEqual([...codeOf(other), errorsOf(other)], [422, 'invalid', [['/files', 'no_private_key']]]);
  });

  it('of the file stays in the file', async (t) => {
    const { call } = await open(t);
    const files = [file(leaf.certPem + leaf.keyPem)];
    const added = await call('POST', '/certificates/gateway-client/versions', { files });
    assert.deepEqual([...codeOf(added), added.body['place']], [409, 'read_only', { file: 'gateway.yml', line: 4 }]);
    assert.deepEqual(codeOf(await call('POST', '/certificates', { id: 'gateway-client', files })), [409, 'duplicate']);
    assert.deepEqual((await call('GET', '/certificates/gateway-client/versions')).body['items'], []);
  });
});

describe('the versions of a certificate', () => {
  it('are told with who put them there, and an earlier one is made current with the key that it had', async (t) => {
    const { call, store } = await open(t);
    await call('POST', '/certificates', { id: 'edge', files: [file(leaf.chainPem + leaf.keyPem)], reason: 'first' });
    const second = { files: [file(next.chainPem + next.keyPem)], reason: 'renewed' };
    assert.equal((await call('POST', '/certificates/edge/versions', second)).status, 200);
    type Version = { version: number; current: boolean; since: { reason: string }; certificates: { serial: string }[] };
    const list = async (): Promise<unknown[]> => {
      const { items } = (await call('GET', '/certificates/edge/versions')).body as { items: Version[] };
      return items.map(({ version, current, since, certificates }) => [
        version,
        current,
        since.reason,
        certificates[0]?.serial,
      ]);
    };
    assert.deepEqual(await list(), [
      [2, true, 'renewed', serial(next)],
      [1, false, 'first', serial(leaf)],
    ]);
    const back = await call('POST', '/certificates/edge/versions/1:makeCurrent?reason=broken');
    assert.deepEqual(codeOf(back), [200, 'committed'], back.text);
    assert.equal(serialsOf(await call('GET', '/certificates/edge'))[0], serial(leaf));
    assert.deepEqual(await list(), [
      [2, false, 'renewed', serial(next)],
      [1, true, 'first', serial(leaf)],
    ]);
    assert.equal((await store.sealed.list()).items.length, 2);
    assert.deepEqual(codeOf(await call('POST', '/certificates/edge/versions/1:makeCurrent')), [200, 'unchanged']);
    assert.equal((await call('POST', '/certificates/edge/versions/9:makeCurrent')).status, 404);
  });
});
