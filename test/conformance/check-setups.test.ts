// `check` and `pki show` on set-ups that break only at the other side: the command in this process.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { mintCa } from '../../src/certs/test-ca.ts';
import { listFiles } from '../../src/cli/pki-show-json.ts';
import { showFiles } from '../../src/cli/pki-show.ts';
import { type Checked, runCheck } from '../support/cli.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
before(async () => {
  pki = stack.use(await openPki());
});

describe('a CA that was made twice', () => {
  const check = (cert: string, rootCAs: string): Promise<Checked> =>
    runCheck([
      '--config',
      pki.dir.write(
        'gateway.yml',
        `version: 2
gateway:
  tls: {certificates: [{cert: edge.crt, key: edge.key}]}
  routes:
    - {name: a, path: /, hosts: [a.test], target: "https://b.test", security: {tls: {rootCAs: ${rootCAs}, clientCert: ${cert}.crt, clientKey: ${cert}.key}}}
`,
      ),
    ]);

  /** A client certificate as `openssl x509 -req` of old makes it, too: without key identifiers only the signature tells. */
  async function mintTwice(name: string, withKeyIds: boolean): Promise<void> {
    const without = withKeyIds
      ? {}
      : { extensions: ['2.5.29.35', '2.5.29.14'].map((oid) => ({ oid, value: undefined })) };
    const subject = `/C=CN/O=Test/CN=${name}`;
    const [first, second] = await Promise.all([mintCa({ subject, ...without }), mintCa({ subject, ...without })]);
    const client = await first.issue({ kind: 'client', cn: 'gateway', ...without });
    pki.dir.write(`${name}-first.crt`, first.certPem);
    pki.dir.write(`${name}-second.crt`, second.certPem);
    pki.dir.write(`${name}.crt`, client.certPem);
    pki.dir.write(`${name}.key`, client.keyPem);
  }

  for (const [name, withKeyIds] of [
    ['ids', true],
    ['bare', false],
  ] as const) {
    it(`is found out by check and pki show, ${withKeyIds ? 'with' : 'without'} key identifiers`, async () => {
      await mintTwice(name, withKeyIds);
      const wrong = await check(name, `${name}-second.crt`);
      assert.equal(wrong.code, 0);
      assert.match(
        wrong.stdout,
        /gateway\.yml:5:\d+: warning: "CN=gateway" was issued by "CN=\w+,O=Test,C=CN" with another key than the CA of that name in .*-second\.crt( \(key id [0-9a-f]{40}, wanted [0-9a-f]{40}\))?: was the CA made twice\?/,
      );
      assert.equal(/key id/.test(wrong.stdout), withKeyIds);
      assert.doesNotMatch(wrong.stdout, new RegExp(`/${name}\\.crt holds only the leaf`));
      assert.doesNotMatch((await check(name, `${name}-first.crt`)).stdout, /made twice/);
      // Both at once is how a CA gets another key in order.
      const both = pki.dir.write('both.crt', ['first', 'second'].map((one) => read(`${name}-${one}.crt`)).join(''));
      assert.doesNotMatch((await check(name, both)).stdout, /made twice/);

      const show = async (...files: string[]): Promise<string> =>
        (
          await showFiles(
            files.map((file) => pki.dir.file(file)),
            Date.now(),
          )
        ).text;
      assert.match(
        await show(`${name}.crt`, `${name}-second.crt`),
        /note +not issued by .*-second\.crt number 1, which has the name of the issuer and another key: was the CA made twice\?/,
      );
      assert.doesNotMatch(await show(`${name}.crt`, `${name}-second.crt`, `${name}-first.crt`), /made twice/);
      assert.doesNotMatch(await show(`${name}-second.crt`, `${name}-first.crt`), /made twice/);
      const files = [`${name}.crt`, `${name}-second.crt`, `${name}.key`].map((file) => pki.dir.file(file));
      const { items } = JSON.parse((await listFiles(files)).text) as { items: Record<string, unknown>[] };
      assert.partialDeepStrictEqual(items, [
        {
          kind: 'certificate',
          subject: 'CN=gateway',
          isCa: false,
          issuedBy: null,
          notIssuedBy: { file: files[1], number: 1 },
        },
        {
          kind: 'certificate',
          isCa: true,
          issuedBy: { file: files[1], number: 1 },
          notIssuedBy: null,
          privateKeys: [],
        },
        { kind: 'privateKey', belongsTo: [{ file: files[0], number: 1 }] },
      ]);
    });
  }

  const read = (name: string): string => readFileSync(pki.dir.file(name), 'utf8');
});

it('the pair of a CA itself is no certificate to show to backends', async () => {
  pki.dir.write('internal-ca.key', pki.internal.keyPem);
  const check = (cert: string): Promise<Checked> =>
    runCheck([
      '--config',
      pki.dir.write(
        'own-ca.yml',
        `version: 2
gateway:
  routes:
    - {name: a, path: /, target: "https://b.test", security: {tls: {rootCAs: internal-ca.crt, clientCert: ${cert}.crt, clientKey: ${cert}.key}}}
`,
      ),
    ]);
  const wrong = await check('internal-ca');
  assert.match(wrong.stdout, /own-ca\.yml:4:\d+: warning: "CN=internal CA,.*" is the certificate of a CA: /);
  assert.match(wrong.stdout, /hint: Issue a client certificate with that CA/);
  assert.doesNotMatch((await check('gateway')).stdout, /is the certificate of a CA/);
});
