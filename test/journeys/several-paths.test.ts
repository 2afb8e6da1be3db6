// Certificates that lead to a CA by more than one way, and chains with something in them that nobody needs: a client or a backend
// is refused only where no way is good (the AddTrust root of 2020, incident 37). Real openssl, nginx, curl.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { writeCrl } from '../support/crls.ts';
import { curl } from '../support/curl.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import type { Pki } from '../support/pki.ts';
import type { TempDir } from '../support/temp.ts';
import { serialOf } from '../support/crls.ts';

const past = { notBefore: Date.now() - 2_000_000, notAfter: Date.now() - 1_000_000 };
const future = { notBefore: Date.now() + 86_400_000, notAfter: Date.now() + 2 * 86_400_000 };

type Files = { readonly cert: string; readonly key: string };

/** NAME.crt with the leaf and what is sent after it, NAME.key. */
function write(dir: TempDir, name: string, leaf: Issued, sent: readonly Issued[]): Files {
  const chain = [leaf, ...sent].map(({ certPem }) => certPem).join('');
  return { cert: dir.write(`${name}.crt`, chain), key: dir.write(`${name}.key`, leaf.keyPem) };
}

async function statusOf({ gateway, pki }: Setup, who: Files): Promise<number | undefined> {
  const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
  return (await sClient({ ...to, cert: who.cert, key: who.key, chain: who.cert })).status;
}

describe('a client', () => {
  it('below a root that has expired is let in by the cross-certificate of its successor, sent or in the bundle', async () => {
    const [old, root] = await Promise.all([mintCa({ cn: 'old root', ...past }), mintCa({ cn: 'new root' })]);
    const cross = await root.issueCa({ cn: 'old root', keyPem: old.keyPem });
    const leaf = await old.issue({ kind: 'client', cn: 'client' });
    await using setup = await openSetup({
      clientAuth: '{clientCA: both.crt, required: true}',
      tls: '    policies: [{name: a, hosts: [a.test], clientAuth: {clientCA: all.crt, required: true}}]',
      prepare: ({ dir }) => {
        dir.write('both.crt', old.certPem + root.certPem);
        dir.write('all.crt', old.certPem + root.certPem + cross.certPem);
      },
    });
    const { dir } = setup.pki;
    assert.equal(await statusOf(setup, write(dir, 'crossed', leaf, [cross])), 200);
    const bare = write(dir, 'bare', leaf, []);
    assert.equal(await statusOf(setup, bare), undefined);
    const { detail } = await setup.gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused: expired: '));
    assert.match(String(detail), /the CA "CN=old root" expired/);
    const to = { port: setup.gateway.ports.webSecure, ca: setup.pki.servers.file, servername: 'a.test' };
    assert.equal((await sClient({ ...to, ...bare })).status, 200);
  });

  it('whose CA has a revoked certificate is let in by another one of it, and refused by that alone', async () => {
    const [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other root' })]);
    const middle = await root.issueCa({ cn: 'middle' });
    const upper = await other.issueCa({ cn: 'upper' });
    const again = await upper.issueCa({ cn: 'middle', keyPem: middle.keyPem });
    const leaf = await middle.issue({ kind: 'client', cn: 'client' });
    await using setup = await openSetup({
      clientAuth: '{clientCA: both.crt, required: true, crl: {sources: root.crl, onMissing: allow}}',
      prepare: ({ dir }) => {
        dir.write('both.crt', root.certPem + other.certPem);
        writeCrl(dir, 'root.crl', root, { revoked: [{ serial: serialOf(middle) }] });
      },
    });
    const { dir } = setup.pki;
    assert.equal(await statusOf(setup, write(dir, 'two', leaf, [middle, again, upper])), 200);
    // In a process of its own worker the good way is remembered; another leaf has none.
    const next = await middle.issue({ kind: 'client', cn: 'next' });
    assert.equal(await statusOf(setup, write(dir, 'one', next, [middle])), undefined);
    await setup.gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused: revoked: '));
  });
});

/** A backend of `internal`, below an intermediate, that sends what is asked for. */
async function backendBehind(sent: (pki: Pki, issuing: TestCa) => Promise<readonly Issued[]> | readonly Issued[]) {
  const stack = new AsyncDisposableStack();
  let port = 0;
  const setup = stack.use(
    await openSetup({
      prepare: async (pki) => {
        const issuing = await pki.internal.issueCa({ cn: 'issuing' });
        const leaf = await issuing.issue({ kind: 'server', sans: ['localhost'] });
        const files = write(pki.dir, 'odd', leaf, await sent(pki, issuing));
        ({ port } = stack.use(await startNginx({ tls: files })));
      },
      get target() {
        return `https://localhost:${port}`;
      },
      route: '      security: {tls: {rootCAs: internal-ca.crt}}',
    }),
  );
  const { cert, key } = setup.pki.alice;
  const answer = await curl(`https://localhost:${setup.gateway.ports.webSecure}/`, {
    ca: setup.pki.servers.file,
    cert,
    key,
  });
  const direct = await curl(`https://localhost:${port}/`, { ca: setup.pki.internal.file });
  return {
    status: answer.status,
    body: answer.body,
    direct: direct.status,
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

describe('a backend', () => {
  for (const [what, dates] of [
    ['has expired', past],
    ['is not valid yet', future],
  ] as const) {
    it(`that sends a CA certificate along which ${what} and which nobody needs is judged by its path`, async () => {
      await using good = await backendBehind(async (_, issuing) => [issuing, await mintCa({ cn: 'extra', ...dates })]);
      assert.deepEqual([good.direct, good.status], [200, 200], good.body);
    });
  }

  it('that sends a certificate along which we cannot read is judged by its path', async () => {
    const twice = { oid: '1.2.3.4', value: Buffer.from([5, 0]) };
    await using good = await backendBehind(async (pki, issuing) => {
      const odd = await pki.servers.issue({ kind: 'server', sans: ['x.test'], extensions: [twice, twice] });
      return [issuing, odd];
    });
    assert.deepEqual([good.direct, good.status], [200, 200], good.body);
  });

  it('that sends the cross-certificate of an expired one of its CAs beside a good one passes', async () => {
    await using good = await backendBehind(async (pki, issuing) => {
      const expired = await pki.internal.issueCa({ cn: 'issuing', keyPem: issuing.keyPem, ...past });
      return [expired, issuing];
    });
    assert.deepEqual([good.direct, good.status], [200, 200], good.body);
  });

  it('whose only way goes by an expired CA is refused', async () => {
    await using expired = await backendBehind(async (pki, issuing) => [
      await pki.internal.issueCa({ cn: 'issuing', keyPem: issuing.keyPem, ...past }),
    ]);
    assert.equal(expired.status, 502);
    assert.match(expired.body, /"code":"expired"/);
  });

  it('whose certificates lead to another CA is refused', async () => {
    await using stranger = await backendBehind(async (_, issuing) => {
      const other = await mintCa({ cn: 'other' });
      return [await other.issueCa({ cn: 'issuing', keyPem: issuing.keyPem }), other];
    });
    assert.equal(stranger.status, 502);
    assert.doesNotMatch(stranger.body, /"code":"expired"/);
  });
});
