// A gateway that asks OCSP about its clients lets the good in, keeps the revoked out, and does with the rest what its mode says.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { keepConnection } from '../support/kept-connection.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { ocspAt, openHandResponder, type OpensslResponder, send, startOcspResponder } from '../support/ocsp.ts';
import { sClient } from '../support/openssl.ts';
import type { CertFiles } from '../support/pki.ts';
import { writeOcspRefusal } from '../../src/ocsp/writer.ts';

type OcspSetup = {
  readonly setup: Setup;
  readonly responder: OpensslResponder;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A setup whose policy asks a real `openssl ocsp`; `ocsp` gets its URL, `rest` stands beside it in clientAuth. */
async function openOcspSetup(
  ocsp: (url: string) => string,
  { rest = 'required: true', workers = 1 }: { readonly rest?: string; readonly workers?: number } = {},
): Promise<OcspSetup> {
  const stack = new AsyncDisposableStack();
  const started: OpensslResponder[] = [];
  const setup = await openSetup({
    workers,
    prepare: async ({ dir, clients }) => {
      started.push(stack.use(await startOcspResponder({ dir, ca: clients })));
    },
    get clientAuth() {
      return `{clientCA: clients-ca.crt, ${rest}, ocsp: ${ocsp(started[0]?.url ?? '')}}`;
    },
  });
  stack.use(setup);
  const [responder] = started;
  if (responder === undefined) throw new Error('no responder');
  return { setup, responder, [Symbol.asyncDispose]: async () => stack.disposeAsync() };
}

async function statusOf({ gateway, pki }: Setup, who: CertFiles): Promise<number | undefined> {
  const to = { port: gateway.ports.webSecure, ca: pki.servers.file };
  return (await sClient({ ...to, cert: who.cert, key: who.key })).status;
}

const isRefusal = (code: string) => (line: { readonly msg: string }) =>
  line.msg.startsWith(`handshake refused: ${code}: `);

describe('OCSP of clients', () => {
  it('hard: good ones get in, revoked ones do not, those that nobody can speak for do not either', async () => {
    await using opened = await openOcspSetup((url) => `{mode: hard, responder: "${url}"}`, { workers: 2 });
    const { setup, responder } = opened;
    const { clients, alice } = setup.pki;
    const bob = await clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    const carol = await clients.issueFiles('carol', { kind: 'client', cn: 'carol' });
    await responder.set(alice, 'good');
    await responder.set(bob, 'revoked');
    assert.equal(await statusOf(setup, alice), 200);
    assert.equal(await statusOf(setup, bob), undefined);
    const revoked = await setup.gateway.waitForLog(isRefusal('revoked'));
    assert.equal(revoked['detail'], 'OCSP: revoked on 2020-01-01T00:00:00.000Z, keyCompromise');
    // The index does not have her.
    assert.equal(await statusOf(setup, carol), undefined);
    const unknown = await setup.gateway.waitForLog(isRefusal('revocation_unknown'));
    assert.equal(unknown['detail'], 'OCSP: the responder does not know the certificate');
    await responder.stop();
    const dave = await clients.issueFiles('dave', { kind: 'client', cn: 'dave' });
    assert.equal(await statusOf(setup, dave), undefined);
    assert.equal(await setup.metric('countersign_ocsp_requests_total', 'result="revoked"'), 1);
    assert.equal(await setup.metric('countersign_ocsp_requests_total', 'result="unknown"'), 1);
    assert.equal(await setup.metric('countersign_ocsp_requests_total', 'result="unreachable"'), 1);
  });

  it('soft: the revoked stay out, the unclear get in, and that is counted and logged', async () => {
    await using opened = await openOcspSetup((url) => `{mode: soft, responder: "${url}"}`);
    const { setup, responder } = opened;
    const { clients, alice } = setup.pki;
    const bob = await clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    await responder.set(bob, 'revoked');
    assert.equal(await statusOf(setup, bob), undefined);
    assert.equal(await statusOf(setup, alice), 200);
    const line = await setup.gateway.waitForLog(({ msg }) => msg.startsWith('a client was let in unchecked'));
    assert.deepEqual([line['policy'], line['problem']], ['gateway', 'unknown']);
    assert.equal(await setup.metric('countersign_ocsp_soft_passes_total', 'problem="unknown"'), 1);
    // Bob is known already, whatever becomes of the responder.
    await responder.stop();
    assert.equal(await statusOf(setup, bob), undefined);
  });

  it('asks whom the certificate names where that host is listed, and nobody else', async () => {
    await using trap = await openHandResponder(send(writeOcspRefusal(3)));
    await using opened = await openOcspSetup(() => '{mode: hard, allowedHosts: [localhost]}');
    const { setup, responder } = opened;
    const { clients } = setup.pki;
    const listed = ocspAt(`http://127.0.0.1:${trap.port}/`, `http://localhost:${responder.port}/`);
    const good = await clients.issueFiles('listed', { kind: 'client', cn: 'listed', extensions: listed });
    const elsewhere = ocspAt(`http://127.0.0.1:${trap.port}/`, 'http://169.254.169.254/');
    const bad = await clients.issueFiles('bad', { kind: 'client', cn: 'bad', extensions: elsewhere });
    await responder.set(good, 'good');
    await responder.set(bad, 'good');
    assert.equal(await statusOf(setup, good), 200);
    assert.equal(await statusOf(setup, bad), undefined);
    const line = await setup.gateway.waitForLog(isRefusal('revocation_unknown'));
    assert.equal(line['detail'], `OCSP: the certificate names http://127.0.0.1:${trap.port}/, which is not allowed`);
    assert.equal(trap.connections.length, 0);
  });

  it('explains the refusal where the policy does', async () => {
    const rest = 'required: true, onFailure: explain';
    await using opened = await openOcspSetup((url) => `{mode: hard, responder: "${url}"}`, { rest });
    const { setup, responder } = opened;
    const { pki, gateway } = setup;
    await responder.set(pki.alice, 'revoked');
    using kept = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    const answer = await kept.get();
    assert.match(answer, /^HTTP\/1\.1 403 /);
    assert.match(answer, /"code":"revoked"/);
  });
});
