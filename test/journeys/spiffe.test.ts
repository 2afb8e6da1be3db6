// A mesh edge with two trust domains, each with CAs of its own: an identity counts only below the CAs of its own domain, on
// every way in (fresh, resumed at another worker, open connections after a reload).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Issued } from '../../src/certs/test-ca.ts';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import { encodeSan } from '../../src/certs/san-writer.ts';
import { curl } from '../support/curl.ts';
import { startNginx } from '../support/nginx.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, reloadBy, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, openAuthority } from '../support/pki.ts';

const prod =
  '{trustDomains: [prod.example.org, dev.example.org], bundles: {prod.example.org: prod-ca.crt, dev.example.org: dev-ca.crt}}';

type Mesh = { readonly setup: Setup; readonly prod: Authority; readonly dev: Authority };

async function openMesh(spiffe: string, more: Partial<SetupOptions> = {}): Promise<Mesh> {
  let cas: readonly [Authority, Authority] | undefined;
  const setup = await openSetup({
    workers: 2,
    clientAuth: `{required: true, spiffe: ${spiffe}}`,
    prepare: async ({ dir }) => {
      cas = await Promise.all([openAuthority(dir, 'prod'), openAuthority(dir, 'dev')]);
    },
    ...more,
  });
  if (cas === undefined) throw new Error('no CAs');
  return { setup, prod: cas[0], dev: cas[1] };
}

let files = 0;

async function ask({ setup }: Mesh, who: Issued, options: { sessionIn?: string; sessionOut?: string } = {}) {
  files += 1;
  const { dir } = setup.pki;
  return sClient({
    port: setup.gateway.ports.webSecure,
    cert: dir.write(`${files}.crt`, who.certPem),
    key: dir.write(`${files}.key`, who.keyPem),
    chain: dir.write(`${files}-chain.crt`, who.chainPem),
    ...options,
  });
}

/** For all who only ask it. */
let mesh: Mesh;
before(async () => {
  mesh = await openMesh(prod);
});
after(() => mesh.setup[Symbol.asyncDispose]());

const svid = (uri: string) => ({ kind: 'client', cn: 'workload', sans: [uri] }) as const;

describe('trust domains', () => {
  it('each let in their own workloads, with and without an intermediate, and no other domain’s', async () => {
    const { setup } = mesh;
    const below = await mesh.prod.issueCa({ cn: 'prod issuing' });
    for (const [ca, uri, status] of [
      [mesh.prod, 'spiffe://prod.example.org/api', 200],
      [below, 'spiffe://prod.example.org/api', 200],
      [mesh.dev, 'spiffe://dev.example.org/api', 200],
      [mesh.dev, 'spiffe://prod.example.org/api', undefined],
      [below, 'spiffe://dev.example.org/api', undefined],
      [mesh.prod, 'spiffe://other.example.org/api', undefined],
      [mesh.prod, 'https://prod.example.org/api', undefined],
      [mesh.prod, 'spiffe://prod.example.org', undefined],
      [setup.pki.clients, 'spiffe://prod.example.org/api', undefined],
    ] as const) {
      const answer = await ask(mesh, await ca.issue(svid(uri)));
      assert.equal(answer.status, status, `${uri}\n${answer.output}`);
    }
    const foreign = await setup.gateway.waitForLog(({ detail }) =>
      String(detail).includes('only the CAs of its trust domain'),
    );
    assert.equal(foreign['code'], 'untrusted_issuer');
    const unknown = await setup.gateway.waitForLog(({ code }) => code === 'name_mismatch');
    assert.match(
      String(unknown['detail']),
      /trust domain other\.example\.org is none of prod\.example\.org, dev\.example\.org/,
    );
  });

  it('are asked again when a session resumes, at any worker', async () => {
    const { setup } = mesh;
    const below = await mesh.prod.issueCa({ cn: 'prod issuing' });
    const workload = await below.issue(svid('spiffe://prod.example.org/api'));
    const session = setup.pki.dir.file('session');
    assert.equal((await ask(mesh, workload, { sessionOut: session })).status, 200);
    for (let i = 0; i < 6; i += 1) {
      const again = await ask(mesh, workload, { sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], again.output);
    }
  });

  it('that is taken away ends the connections of its workloads, as does a bundle that changes', async () => {
    const own = await openMesh(prod);
    await using setup = own.setup;
    const { gateway, pki } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
    const filesOf = async (ca: Authority, name: string, uri: string) => ca.issueFiles(name, svid(uri));
    using api = await keepConnection({ ...to, as: await filesOf(own.prod, 'api', 'spiffe://prod.example.org/api') });
    using dev = await keepConnection({ ...to, as: await filesOf(own.dev, 'dev', 'spiffe://dev.example.org/api') });
    for (const one of [api, dev]) assert.match(await one.get(), /^HTTP\/1.1 200/);

    const onlyProd = '{trustDomains: [prod.example.org], bundles: {prod.example.org: prod-ca.crt}}';
    const next = setup.yaml({ clientAuth: `{required: true, spiffe: ${onlyProd}}` });
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(next))).ok);
    await dev.ended;
    assert.match(await api.get(), /^HTTP\/1.1 200/);

    assert.ok((await reloadBy(gateway, () => pki.dir.replace('prod-ca.crt', own.dev.certPem))).ok);
    await api.ended;
  });

  it('without a bundle of its own a domain uses clientCA', async () => {
    const some = '{trustDomains: [prod.example.org, dev.example.org], bundles: {prod.example.org: prod-ca.crt}}';
    const own = await openMesh('', { clientAuth: `{clientCA: dev-ca.crt, required: true, spiffe: ${some}}` });
    await using _ = own.setup;
    assert.equal((await ask(own, await own.dev.issue(svid('spiffe://dev.example.org/a')))).status, 200);
    assert.equal((await ask(own, await own.prod.issue(svid('spiffe://prod.example.org/a')))).status, 200);
    assert.equal((await ask(own, await own.dev.issue(svid('spiffe://prod.example.org/a')))).status, undefined);
    assert.equal((await ask(own, await own.prod.issue(svid('spiffe://dev.example.org/a')))).status, undefined);
  });
});

/** Key usage with these bits. */
const keyUsage = (bits: number) => ({ oid: '2.5.29.15', critical: true, value: Buffer.from([3, 2, 0, bits]) });
const [digitalSignature, keyAgreement] = [keyUsage(0x80), keyUsage(0x08)];

describe('a certificate with the right name that is no X509-SVID', () => {
  it('lets no client in, nor does one below a CA that is a workload itself', async () => {
    // One of its own: lines about refusals that are like earlier ones are held back.
    const own = await openMesh(prod);
    await using setup = own.setup;
    const uri = 'spiffe://prod.example.org/api';
    const san = (text: string) => encodeDer(0x30, encodeSan({ type: 'URI', value: text }));
    const named = (text: string) => own.prod.issueCa({ extensions: [{ oid: '2.5.29.17', value: san(text) }] });
    const [ca, workload] = [await named('spiffe://prod.example.org'), await named('spiffe://prod.example.org/x')];
    for (const [issuer, extension, status] of [
      [own.prod, digitalSignature, 200],
      [ca, digitalSignature, 200],
      [own.prod, keyAgreement, undefined],
      [workload, digitalSignature, undefined],
    ] as const) {
      const answer = await ask(own, await issuer.issue({ ...svid(uri), extensions: [extension] }));
      assert.equal(answer.status, status);
    }
    const told = (code: string) =>
      setup.gateway.waitForLog(({ msg }) => msg.startsWith(`handshake refused: ${code}: `));
    // OpenSSL asks for a client's digitalSignature or keyAgreement; X509-SVID for the first.
    assert.match(String((await told('name_mismatch'))['detail']), /lacks digitalSignature/);
    assert.match(String((await told('untrusted_issuer'))['detail']), /so it is a workload and no CA/);
  });

  it('is no backend with that name either, where one that is an X509-SVID is', async () => {
    await using stack = new AsyncDisposableStack();
    const cases = [
      ['one', digitalSignature, /^200 /],
      ['none', keyUsage(0xa2), /^502 .*"code":"name_mismatch"/s],
    ] as const;
    const routes: string[] = [];
    await using setup = await openSetup({
      prepare: async ({ dir, internal }) => {
        const tls = 'rootCAs: internal-ca.crt, allowedSANs: [{spiffe: "spiffe://example.org/settle"}]';
        for (const [name, usage] of cases) {
          const sans = ['spiffe://example.org/settle'];
          const made = await internal.issueFiles(name, { kind: 'server', sans, extensions: [usage] });
          const client = { clientCa: dir.file('internal-ca.crt'), verify: 'off' } as const;
          const { port } = stack.use(await startNginx({ tls: made, ...client }));
          routes.push(
            `    - {name: ${name}, path: /${name}, target: "https://localhost:${port}", security: {tls: {${tls}}}}`,
          );
        }
      },
      get route() {
        return routes.join('\n');
      },
    });
    const { pki, gateway } = setup;
    const { cert, key } = pki.alice;
    for (const [name, , expected] of cases) {
      const url = `https://localhost:${gateway.ports.webSecure}/${name}`;
      const { status, body } = await curl(url, { ca: pki.servers.file, cert, key });
      assert.match(`${status} ${body}`, expected);
    }
  });
});
