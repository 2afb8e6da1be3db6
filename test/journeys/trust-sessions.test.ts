// A TLS session outlives the connection that made it, never the rules (incident 2): saved before a change of trust, offered
// after it, by a real OpenSSL, in both versions.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { after, before as beforeAll, describe, it } from 'node:test';
import { encodePem } from '../../src/asn1/der-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { openSetup, reloadBy, settle, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import type { CertFiles, Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

type Row = {
  readonly name: string;
  readonly before?: SetupOptions;
  /** Makes the new rules; the session's holder must not pass under them. */
  readonly change: (setup: Setup) => void;
  /** The session was made without a certificate. */
  readonly anonymous?: true;
  readonly versions?: readonly ('1.2' | '1.3')[];
};

const both = ['1.2', '1.3'] as const;

const required = '{clientCA: clients-ca.crt, required: true}';

const rows: readonly Row[] = [
  // First: no reload drops clientAuth where it is not told to.
  {
    name: 'client certificates are asked for at all',
    before: { clientAuth: '' },
    change: (setup) => setup.gateway.rewrite(setup.yaml({ clientAuth: required })),
    anonymous: true,
  },
  {
    name: 'the CA of the client is removed',
    before: {
      clientAuth: '{clientCA: changing-ca.crt, required: true}',
      prepare: ({ dir, clients }) => void dir.write('changing-ca.crt', clients.certPem),
    },
    change: ({ pki }) => void pki.dir.replace('changing-ca.crt', pki.internal.certPem),
  },
  {
    name: 'a certificate becomes required',
    before: { clientAuth: '{clientCA: clients-ca.crt, required: false}' },
    change: (setup) => setup.gateway.rewrite(setup.yaml({ clientAuth: required })),
    anonymous: true,
  },
  {
    name: 'TLS 1.3 becomes the least',
    change: (setup) => setup.gateway.rewrite(setup.yaml({ clientAuth: required, tls: '    minVersion: TLSv1.3' })),
    versions: ['1.2'],
  },
  {
    name: 'a rule on names is added that the client does not fit',
    change: ({ gateway, yaml }) =>
      gateway.rewrite(
        yaml({
          clientAuth:
            '{clientCA: clients-ca.crt, required: true, allowedSANs: [{type: URI, prefix: "spiffe://other.org/"}]}',
        }),
      ),
  },
  {
    name: 'the rule on names that admitted the client becomes another',
    before: {
      clientAuth: '{clientCA: clients-ca.crt, required: true, allowedSANs: [{spiffe: "spiffe://example.org/alice"}]}',
    },
    change: ({ gateway, yaml }) =>
      gateway.rewrite(
        yaml({
          clientAuth: '{clientCA: clients-ca.crt, required: true, allowedSANs: [{spiffe: "spiffe://example.org/bob"}]}',
        }),
      ),
  },
  {
    name: 'another certificate is pinned',
    change: ({ gateway, yaml, pki }) =>
      gateway.rewrite(
        yaml({
          clientAuth: `{clientCA: clients-ca.crt, required: true, allowedFingerprints: [${hash('sha256', pki.stranger.der, 'hex')}]}`,
        }),
      ),
  },
  {
    name: 'a policy of its own takes the host, with another CA',
    change: (setup) =>
      setup.gateway.rewrite(
        setup.yaml({
          clientAuth: required,
          tls: '    policies: [{name: own, hosts: [localhost], clientAuth: {clientCA: internal-ca.crt, required: true}}]',
        }),
      ),
  },
];

/** Handshakes that failed for another reason than `code`; the log does not repeat what it told a minute ago. */
async function refusedOtherwise(setup: Setup, code: string): Promise<number> {
  const count = async (labels = ''): Promise<number> => setup.metric('countersign_tls_handshakes_total', labels);
  return (await count()) - (await count('result="ok"')) - (await count(`result="${code}"`));
}

// One gateway for all tests, which begin with a reload of their own.
describe('a session that was saved', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await openSetup({ workers: 2, clientAuth: '' });
  });
  after(async () => setup[Symbol.asyncDispose]());

  for (const { name, before, change, anonymous, versions = both } of rows) {
    it(`is worth nothing once ${name}`, async () => {
      await settle(setup, { clientAuth: required, ...before });
      const { pki, gateway } = setup;
      const proof = anonymous === true ? {} : { cert: pki.alice.cert, key: pki.alice.key };
      const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
      const session = (tls: string): string => pki.dir.file(`session-${tls}`);
      for (const tls of versions) {
        const first = await sClient({ ...to, ...proof, tls, sessionOut: session(tls) });
        assert.equal(first.status, 200, first.output);
        const again = await sClient({ ...to, ...proof, tls, sessionIn: session(tls) });
        assert.deepEqual([again.reused, again.status], [true, 200], 'before the change it resumes');
      }
      const { ok } = await reloadBy(gateway, () => change(setup));
      assert.ok(ok);
      for (const tls of versions) {
        for (const shown of [proof, {}]) {
          const after = await sClient({ ...to, ...shown, tls, sessionIn: session(tls) });
          assert.equal(after.reused, false, after.output);
          assert.equal(after.response, '', after.output);
        }
      }
    });
  }

  it('is worth nothing once the certificate that it was made with has expired', async () => {
    await settle(setup, { clientAuth: required });
    const { pki, gateway } = setup;
    const from = gateway.log.length;
    const before = await refusedOtherwise(setup, 'expired');
    // X.509 knows whole seconds only.
    const notAfter = (Math.floor(Date.now() / 1000) + 5) * 1000;
    const brief = await pki.clients.issueFiles('brief', { kind: 'client', cn: 'brief', notAfter });
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    for (const tls of both) {
      const { cert, key } = brief;
      assert.equal((await sClient({ ...to, cert, key, tls, sessionOut: pki.dir.file(`session-${tls}`) })).status, 200);
    }
    await eventually(() => Date.now() > notAfter, { what: 'the certificate to expire' });
    for (const tls of both) {
      for (const shown of [{ cert: brief.cert, key: brief.key }, {}]) {
        const after = await sClient({ ...to, ...shown, tls, sessionIn: pki.dir.file(`session-${tls}`) });
        assert.equal(after.response, '', after.output);
      }
    }
    // Two sessions were offered in two ways: what resumed was refused as expired, by whichever worker.
    const refused = gateway.log.items.slice(from).filter(({ msg }) => msg.startsWith('handshake refused'));
    assert.ok(refused.length > 0);
    assert.ok(
      refused.every((line) => line['code'] === 'expired'),
      JSON.stringify(refused),
    );
    assert.equal(await refusedOtherwise(setup, 'expired'), before);
  });

  it('is worth nothing once the certificate that it was made with is revoked, to whichever worker it is offered', async () => {
    const crlOf = (pki: Pki, number: number, ...revoked: readonly CertFiles[]): string => {
      const entries = revoked.map(({ der }) => ({ serial: readFacts(der).serial }));
      return encodePem('X509 CRL', pki.clients.issueCrl({ number, revoked: entries }));
    };
    await settle(setup, {
      clientAuth: '{clientCA: clients-ca.crt, required: true, crl: {sources: clients.crl}}',
      prepare: (pki) => void pki.dir.write('clients.crl', crlOf(pki, 1)),
    });
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    const { cert, key } = pki.alice;
    for (const tls of both) {
      const session = pki.dir.file(`session-${tls}`);
      assert.equal((await sClient({ ...to, cert, key, tls, sessionOut: session })).status, 200);
      const again = await sClient({ ...to, cert, key, tls, sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], again.output);
    }
    const from = gateway.log.length;
    const before = await refusedOtherwise(setup, 'revoked');
    const refusedAs = (code: string): number =>
      gateway.log.items.slice(from).filter((line) => line.msg.startsWith('handshake refused') && line['code'] === code)
        .length;
    pki.dir.replace('clients.crl', crlOf(pki, 2, pki.alice));
    // To both workers: the system deals connections out by chance.
    const isRefused = async (): Promise<boolean> => (await sClient({ ...to, cert, key })).status === undefined;
    await eventually(async () => (await Promise.all(Array.from({ length: 8 }, isRefused))).every(Boolean), {
      what: 'the revocation to be known',
    });
    await gateway.waitForLog((line) => line['code'] === 'revoked', { from });
    // Each worker gets some of them; none passes anywhere.
    for (let round = 0; round < 4; round += 1) {
      for (const tls of both) {
        for (const shown of [{ cert, key }, {}]) {
          const after = await sClient({ ...to, ...shown, tls, sessionIn: pki.dir.file(`session-${tls}`) });
          assert.equal(after.response, '', after.output);
        }
      }
    }
    assert.ok(refusedAs('revoked') > 0);
    assert.equal(refusedAs('untrusted_issuer') + refusedAs('revocation_unknown'), 0);
    assert.equal(await refusedOtherwise(setup, 'revoked'), before);
  });

  it('is good again only where nothing that decides trust has changed', async () => {
    await settle(setup, { clientAuth: required });
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
    for (const tls of both) {
      const session = pki.dir.file(`session-${tls}`);
      assert.equal((await sClient({ ...to, tls, sessionOut: session })).status, 200);
      const { ok } = await reloadBy(gateway, () => gateway.reload());
      assert.ok(ok);
      const after = await sClient({ ...to, tls, sessionIn: session });
      assert.deepEqual([after.reused, after.status], [true, 200], after.output);
    }
  });
});
