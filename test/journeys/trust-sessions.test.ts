// A TLS session outlives the connection that made it, never the rules (incident 2): saved before a change of trust, offered
// after it, by a real OpenSSL, in both versions.
import assert from 'node:assert/strict';
import { after, before as beforeAll, describe, it } from 'node:test';
import { encodePem } from '../../src/asn1/der-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { whileValid } from '../support/brief-life.ts';
import { openSetup, reloadBy, settle, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient, type SClientOptions, type SClientResult } from '../support/openssl.ts';
import type { CertFiles, Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

type Row = {
  readonly name: string;
  /** What the policy of its host says first; default: `required`. */
  readonly before?: string;
  /** What it says then: the session's holder must not pass under it. */
  readonly after: string;
  /** The session was made without a certificate. */
  readonly anonymous?: true;
  readonly versions?: readonly ('1.2' | '1.3')[];
};

const both = ['1.2', '1.3'] as const;

const required = '{clientCA: clients-ca.crt, required: true}';
const requiredWith = (rule: string): string => `clientAuth: {clientCA: clients-ca.crt, required: true, ${rule}}`;
const changing = 'clientAuth: {clientCA: changing-ca.crt, required: true}';

/** Each row is a policy with a host of its own, so that one reload changes them all. */
const rows: readonly Row[] = [
  {
    name: 'client certificates are asked for at all',
    before: 'clientAuth: off',
    after: `clientAuth: ${required}`,
    anonymous: true,
  },
  // Its file changes.
  { name: 'the CA of the client is removed', before: changing, after: changing },
  {
    name: 'a certificate becomes required',
    before: 'clientAuth: {clientCA: clients-ca.crt, required: false}',
    after: `clientAuth: ${required}`,
    anonymous: true,
  },
  {
    name: 'TLS 1.3 becomes the least',
    after: `minVersion: TLSv1.3, clientAuth: ${required}`,
    versions: ['1.2'],
  },
  {
    name: 'a rule on names is added that the client does not fit',
    after: requiredWith('allowedSANs: [{type: URI, prefix: "spiffe://other.org/"}]'),
  },
  {
    name: 'the rule on names that admitted the client becomes another',
    before: requiredWith('allowedSANs: [{spiffe: "spiffe://example.org/alice"}]'),
    after: requiredWith('allowedSANs: [{spiffe: "spiffe://example.org/bob"}]'),
  },
  {
    name: 'another certificate is pinned',
    after: requiredWith(`allowedFingerprints: ["${'0'.repeat(64)}"]`),
  },
];

/** Its rules stay. */
const control: Row = { name: 'control', after: `clientAuth: ${required}` };

const hostOf = (row: Row): string => `row-${rows.indexOf(row)}.wild.test`;

/** What all rows say before, or after; the host `localhost` is left to the policy of the gateway unless `own` takes it. */
function policies(say: (row: Row) => string, own = ''): SetupOptions {
  const written = [...rows, control].map((row) => `{name: "${hostOf(row)}", hosts: ["${hostOf(row)}"], ${say(row)}}`);
  return { clientAuth: required, tls: `    policies: [${[...written, ...(own === '' ? [] : [own])].join(', ')}]` };
}

/** Handshakes that failed for another reason than `code`; the log does not repeat what it told a minute ago. */
async function refusedOtherwise(setup: Setup, code: string): Promise<number> {
  const count = async (labels = ''): Promise<number> => setup.metric('countersign_tls_handshakes_total', labels);
  return (await count()) - (await count('result="ok"')) - (await count(`result="${code}"`));
}

// One gateway for all tests.
describe('a session that was saved', () => {
  let setup: Setup;
  const session = (host: string, tls: string): string => setup.pki.dir.file(`session-${host}-${tls}`);

  async function ask(servername: string, tls: '1.2' | '1.3', how: Partial<SClientOptions>): Promise<SClientResult> {
    return sClient({ port: setup.gateway.ports.webSecure, ca: setup.pki.servers.file, servername, tls, ...how });
  }

  /** The certificate that a row's sessions are made with. */
  function proofOf({ anonymous }: Pick<Row, 'anonymous'>): Partial<SClientOptions> {
    const { cert, key } = setup.pki.alice;
    return anonymous === true ? {} : { cert, key };
  }

  async function save(host: string, row: Pick<Row, 'anonymous' | 'versions'>): Promise<void> {
    for (const tls of row.versions ?? both) {
      const first = await ask(host, tls, { ...proofOf(row), sessionOut: session(host, tls) });
      assert.equal(first.status, 200, first.output);
      const again = await ask(host, tls, { ...proofOf(row), sessionIn: session(host, tls) });
      assert.deepEqual([again.reused, again.status], [true, 200], 'before the change it resumes');
    }
  }

  async function expectWorthless(host: string, row: Pick<Row, 'anonymous' | 'versions'>): Promise<void> {
    for (const tls of row.versions ?? both) {
      for (const shown of [proofOf(row), {}]) {
        const after = await ask(host, tls, { ...shown, sessionIn: session(host, tls) });
        assert.equal(after.reused, false, after.output);
        assert.equal(after.response, '', after.output);
      }
    }
  }

  async function change(act: () => void): Promise<void> {
    const { ok, lines } = await reloadBy(setup.gateway, act);
    assert.ok(ok, JSON.stringify(lines));
  }

  beforeAll(async () => {
    const hosts = [...rows, control].map(hostOf).join(', ');
    setup = await openSetup({
      workers: 2,
      ...policies(({ before }) => before ?? `clientAuth: ${required}`),
      prepare: ({ dir, clients }) => void dir.write('changing-ca.crt', clients.certPem),
      routes: (target) =>
        `    - {name: rows, path: /, hosts: [${hosts}], target: "${target}", security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}}`,
    });
  });
  after(async () => setup[Symbol.asyncDispose]());

  describe('is worth', () => {
    beforeAll(async () => {
      for (const row of [...rows, control]) await save(hostOf(row), row);
      await save('localhost', {});
      await change(() => void setup.pki.dir.replace('changing-ca.crt', setup.pki.internal.certPem));
      const own = `{name: own, hosts: [localhost], clientAuth: {clientCA: internal-ca.crt, required: true}}`;
      await change(() => setup.gateway.rewrite(setup.yaml(policies(({ after }) => after, own))));
    });

    for (const row of rows) it(`nothing once ${row.name}`, async () => expectWorthless(hostOf(row), row));

    it('nothing once a policy of its own takes the host, with another CA', async () =>
      expectWorthless('localhost', {}));

    it('what it was where only the rules of others have changed', async () => {
      for (const tls of both) {
        const host = hostOf(control);
        const again = await ask(host, tls, { ...proofOf(control), sessionIn: session(host, tls) });
        assert.deepEqual([again.reused, again.status], [true, 200], again.output);
      }
    });
  });

  it('is worth nothing once the certificate that it was made with has expired', async () => {
    await settle(setup, { clientAuth: required });
    const { pki, gateway } = setup;
    const from = gateway.log.length;
    const before = await refusedOtherwise(setup, 'expired');
    const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
    const { brief, end } = await whileValid(5, async (notAfter) => {
      const issued = await pki.clients.issueFiles('brief', { kind: 'client', cn: 'brief', notAfter });
      for (const tls of both) {
        const shown = { cert: issued.cert, key: issued.key, sessionOut: pki.dir.file(`session-${tls}`) };
        assert.equal((await sClient({ ...to, ...shown, tls })).status, 200);
      }
      return { brief: issued, end: notAfter };
    });
    await eventually(() => Date.now() > end, { what: 'the certificate to expire' });
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
