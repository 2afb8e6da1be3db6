// A mesh edge with two trust domains, each with CAs of its own: an identity counts only below the CAs of its own domain, on
// every way in (fresh, resumed at another worker, open connections after a reload).
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Issued } from '../../src/pki/test-ca.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { openWorld, reloadBy, type World, type WorldOptions } from '../support/mtls-world.ts';
import { sClient } from '../support/openssl.ts';
import { type Authority, openAuthority } from '../support/pki.ts';

const prod =
  '{trustDomains: [prod.example.org, dev.example.org], bundles: {prod.example.org: prod-ca.crt, dev.example.org: dev-ca.crt}}';

type Mesh = { readonly world: World; readonly prod: Authority; readonly dev: Authority };

async function openMesh(spiffe: string, more: Partial<WorldOptions> = {}): Promise<Mesh> {
  let cas: readonly [Authority, Authority] | undefined;
  const world = await openWorld({
    workers: 2,
    clientAuth: `{required: true, spiffe: ${spiffe}}`,
    prepare: async ({ dir }) => {
      cas = await Promise.all([openAuthority(dir, 'prod'), openAuthority(dir, 'dev')]);
    },
    ...more,
  });
  if (cas === undefined) throw new Error('no CAs');
  return { world, prod: cas[0], dev: cas[1] };
}

let files = 0;

async function ask({ world }: Mesh, who: Issued, options: { sessionIn?: string; sessionOut?: string } = {}) {
  files += 1;
  const { dir } = world.pki;
  return sClient({
    port: world.gateway.ports.webSecure,
    cert: dir.write(`${files}.crt`, who.certPem),
    key: dir.write(`${files}.key`, who.keyPem),
    chain: dir.write(`${files}-chain.crt`, who.chainPem),
    ...options,
  });
}

const svid = (uri: string) => ({ kind: 'client', cn: 'workload', sans: [uri] }) as const;

describe('trust domains', () => {
  it('each let in their own workloads, with and without an intermediate, and no other domain’s', async () => {
    const mesh = await openMesh(prod);
    await using world = mesh.world;
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
      [world.pki.clients, 'spiffe://prod.example.org/api', undefined],
    ] as const) {
      const answer = await ask(mesh, await ca.issue(svid(uri)));
      assert.equal(answer.status, status, `${uri}\n${answer.output}`);
    }
    const foreign = await world.gateway.waitForLog(({ detail }) =>
      String(detail).includes('only the CAs of its trust domain'),
    );
    assert.equal(foreign['code'], 'untrusted_issuer');
    const unknown = await world.gateway.waitForLog(({ code }) => code === 'name_mismatch');
    assert.match(
      String(unknown['detail']),
      /trust domain other\.example\.org is none of prod\.example\.org, dev\.example\.org/,
    );
  });

  it('are asked again when a session resumes, at any worker', async () => {
    const mesh = await openMesh(prod);
    await using world = mesh.world;
    const below = await mesh.prod.issueCa({ cn: 'prod issuing' });
    const workload = await below.issue(svid('spiffe://prod.example.org/api'));
    const session = world.pki.dir.file('session');
    assert.equal((await ask(mesh, workload, { sessionOut: session })).status, 200);
    for (let i = 0; i < 6; i += 1) {
      const again = await ask(mesh, workload, { sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], again.output);
    }
  });

  it('that is taken away ends the connections of its workloads, as does a bundle that changes', async () => {
    const mesh = await openMesh(prod);
    await using world = mesh.world;
    const { gateway, pki } = world;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
    const filesOf = async (ca: Authority, name: string, uri: string) => ca.issueFiles(name, svid(uri));
    using api = await keepConnection({ ...to, as: await filesOf(mesh.prod, 'api', 'spiffe://prod.example.org/api') });
    using dev = await keepConnection({ ...to, as: await filesOf(mesh.dev, 'dev', 'spiffe://dev.example.org/api') });
    for (const one of [api, dev]) assert.match(await one.get(), /^HTTP\/1.1 200/);

    const onlyProd = '{trustDomains: [prod.example.org], bundles: {prod.example.org: prod-ca.crt}}';
    const next = world.yaml({ clientAuth: `{required: true, spiffe: ${onlyProd}}` });
    assert.ok((await reloadBy(gateway, () => gateway.rewrite(next))).ok);
    await dev.ended;
    assert.match(await api.get(), /^HTTP\/1.1 200/);

    assert.ok((await reloadBy(gateway, () => pki.dir.replace('prod-ca.crt', mesh.dev.certPem))).ok);
    await api.ended;
  });

  it('without a bundle of its own a domain uses clientCA', async () => {
    const some = '{trustDomains: [prod.example.org, dev.example.org], bundles: {prod.example.org: prod-ca.crt}}';
    const mesh = await openMesh('', { clientAuth: `{clientCA: dev-ca.crt, required: true, spiffe: ${some}}` });
    await using _ = mesh.world;
    assert.equal((await ask(mesh, await mesh.dev.issue(svid('spiffe://dev.example.org/a')))).status, 200);
    assert.equal((await ask(mesh, await mesh.prod.issue(svid('spiffe://prod.example.org/a')))).status, 200);
    assert.equal((await ask(mesh, await mesh.dev.issue(svid('spiffe://prod.example.org/a')))).status, undefined);
    assert.equal((await ask(mesh, await mesh.prod.issue(svid('spiffe://dev.example.org/a')))).status, undefined);
  });
});
