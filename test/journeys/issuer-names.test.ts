// A CA whose name is spelled in several ways is one CA (RFC 5280 section 7.1, incident 28): what OpenSSL chains to it is looked
// up in its CRL, asked about at its responder, and sent along, on both sides.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { derTag } from '../../src/asn1/der.ts';
import { encodeDer, encodeObjectId, encodePem } from '../../src/asn1/der-writer.ts';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { serialOf } from '../support/crls.ts';
import { curl } from '../support/curl.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { startNginx } from '../support/nginx.ts';
import { startOcspResponder } from '../support/ocsp.ts';
import { sClient } from '../support/openssl.ts';
import type { CertFiles, Pki } from '../support/pki.ts';
import type { TempDir } from '../support/temp.ts';

/** `O=` in UTF-16 (BMPString), as some old CAs write it. */
const wide = (text: string): Buffer => {
  const value = encodeDer(derTag.bmpString, Buffer.from(text, 'utf16le').swap16());
  return encodeDer(0x30, encodeDer(0x31, encodeDer(0x30, encodeObjectId('2.5.4.10'), value)));
};

/** One CA with one key under three spellings: in the file of anchors, in what it issues, in its CRLs. */
async function openSpelled(): Promise<{ anchor: TestCa; issuing: TestCa; speaking: TestCa }> {
  const anchor = await mintCa({ subject: '/O=Lab  Inc' });
  const { keyPem } = anchor;
  const issuing = await mintCa({ subject: '/O=LAB INC', keyPem });
  const speaking = await mintCa({ subject: wide(' lab inc '), keyPem });
  return { anchor, issuing, speaking };
}

async function issueFiles(dir: TempDir, ca: TestCa, cn: string, kind: 'client' | 'server'): Promise<CertFiles> {
  const issued = await ca.issue({ kind, cn, ...(kind === 'server' ? { sans: ['localhost'] } : {}) });
  return { ...issued, cert: dir.write(`${cn}.crt`, issued.chainPem), key: dir.write(`${cn}.key`, issued.keyPem) };
}

type Lab = { good: CertFiles; bad: CertFiles };

/** Two clients (or backends) of the CA; its anchor as lab-ca.crt; a CRL that lists the second as lab.crl. */
async function openLab({ dir }: Pki, kind: 'client' | 'server'): Promise<Lab> {
  const { anchor, issuing, speaking } = await openSpelled();
  const [good, bad] = [await issueFiles(dir, issuing, 'good', kind), await issueFiles(dir, issuing, 'bad', kind)];
  dir.write('lab-ca.crt', anchor.certPem);
  dir.write('lab.crl', encodePem('X509 CRL', speaking.issueCrl({ revoked: [{ serial: serialOf(bad), reason: 1 }] })));
  return { good, bad };
}

async function statusOf(
  { gateway, pki }: Setup,
  who: CertFiles,
  servername = 'localhost',
): Promise<number | undefined> {
  const to = { port: gateway.ports.webSecure, ca: pki.servers.file, servername };
  return (await sClient({ ...to, cert: who.cert, key: who.key })).status;
}

describe('a CA whose name is spelled otherwise in what it signs', () => {
  it('has its CRL asked about clients, with onMissing: deny and allow', async () => {
    let lab: Lab | undefined;
    const auth = (onMissing: string): string =>
      `{clientCA: lab-ca.crt, required: true, crl: {sources: lab.crl, onMissing: ${onMissing}}}`;
    await using setup = await openSetup({
      clientAuth: auth('deny'),
      tls: `    policies: [{name: allow, hosts: [a.test], clientAuth: ${auth('allow')}}]`,
      prepare: async (pki) => void (lab = await openLab(pki, 'client')),
    });
    const { good, bad } = lab as unknown as Lab;
    const revoked = async () => setup.metric('countersign_tls_handshakes_total', 'result="revoked"');
    for (const servername of ['localhost', 'a.test']) {
      const before = await revoked();
      assert.equal(await statusOf(setup, good, servername), 200);
      assert.equal(await statusOf(setup, bad, servername), undefined);
      assert.equal((await revoked()) - before, 1);
      assert.equal(await statusOf(setup, setup.pki.alice, servername), undefined);
    }
    const refused = await setup.gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused'));
    assert.match(refused.msg, /^handshake refused: revoked: /);
  });

  it('is known to its OCSP responder, also where the unclear get in', async () => {
    let lab: { good: CertFiles; bad: CertFiles; url: string } | undefined;
    await using stack = new AsyncDisposableStack();
    await using setup = await openSetup({
      prepare: async ({ dir }) => {
        const { anchor, issuing } = await openSpelled();
        dir.write('lab-ca.crt', anchor.certPem);
        const responder = stack.use(await startOcspResponder({ dir, ca: anchor }));
        const [good, bad] = [
          await issueFiles(dir, issuing, 'good', 'client'),
          await issueFiles(dir, issuing, 'bad', 'client'),
        ];
        await responder.set(good, 'good');
        await responder.set(bad, 'revoked');
        lab = { good, bad, url: responder.url };
      },
      get clientAuth() {
        return `{clientCA: lab-ca.crt, required: true, ocsp: {mode: soft, responder: "${lab?.url ?? ''}"}}`;
      },
    });
    const { good, bad } = lab as unknown as Lab;
    assert.equal(await statusOf(setup, good), 200);
    assert.equal(await statusOf(setup, bad), undefined);
    await setup.gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused: revoked: '));
    assert.ok(!setup.gateway.log.items.some(({ msg }) => msg.includes('unchecked')));
  });

  it('has its certificate sent after ours, so that who knows only the root can verify', async () => {
    await using setup = await openSetup({
      certificates: '[{cert: chain.crt, key: leaf.key}]',
      prepare: async ({ dir, servers }) => {
        const middle = await servers.issueCa({ subject: '/O=Lab  Inc' });
        const issuing = await mintCa({ subject: '/O=LAB INC', keyPem: middle.keyPem });
        const leaf = await issuing.issue({ kind: 'server', sans: ['localhost'] });
        dir.write('chain.crt', leaf.certPem + middle.certPem);
        dir.write('leaf.key', leaf.keyPem);
      },
    });
    const { gateway, pki } = setup;
    const { cert, key } = pki.alice;
    const answer = await curl(`https://localhost:${gateway.ports.webSecure}/`, { ca: pki.servers.file, cert, key });
    assert.deepEqual([answer.status, answer.stderr], [200, '']);
    const { verifyCode } = await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key });
    assert.equal(verifyCode, 0);
    assert.ok(!gateway.log.items.some(({ level, msg }) => level === 'warn' && msg.includes('chain.crt')));
  });

  describe('has its CRL asked about a backend', () => {
    const stack = new AsyncDisposableStack();
    after(() => stack.disposeAsync());
    let setup: Setup;
    const ports = new Map<string, number>();
    const cases = (['deny', 'allow'] as const).flatMap((onMissing) =>
      (['good', 'bad'] as const).map((which) => ({ onMissing, which, path: `/${onMissing}/${which}` })),
    );

    before(async () => {
      const routes = () =>
        cases.map(({ onMissing, which, path }) => {
          const tls = `{rootCAs: lab-ca.crt, crl: {sources: lab.crl, onMissing: ${onMissing}}}`;
          return `    - {name: ${onMissing}-${which}, path: ${path}, target: "https://localhost:${ports.get(which)}", security: {tls: ${tls}}}`;
        });
      setup = stack.use(
        await openSetup({
          prepare: async (pki) => {
            const lab = await openLab(pki, 'server');
            for (const which of ['good', 'bad'] as const)
              ports.set(which, stack.use(await startNginx({ tls: lab[which] })).port);
          },
          get route() {
            return routes().join('\n');
          },
        }),
      );
    });

    for (const { onMissing, which, path } of cases)
      it(`that is ${which}, with onMissing: ${onMissing}`, async () => {
        const { gateway, pki } = setup;
        const { cert, key } = pki.alice;
        const url = `https://localhost:${gateway.ports.webSecure}${path}`;
        const answer = await curl(url, { ca: pki.servers.file, cert, key });
        if (which === 'good') assert.equal(answer.status, 200, answer.body);
        else assert.match(`${answer.status} ${answer.body}`, /^502 .*"code":"revoked"/s);
      });
  });
});
