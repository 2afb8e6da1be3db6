// Connections that are open end when OCSP stops vouching for their certificate, and live through a responder that is only slow.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeOcspRefusal } from '../../src/ocsp/writer.ts';
import type { Issued } from '../../src/certs/test-ca.ts';
import { type KeptConnection, keepConnection } from '../support/kept-connection.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { type HandResponder, issueResponder, openHandResponder, respondAbout, send } from '../support/ocsp.ts';
import { eventually } from '../support/wait-for.ts';

type Stage = { readonly setup: Setup; readonly responder: HandResponder; readonly signer: Issued };

/** Answers that live some seconds, so that they are renewed soon. */
function brief(status: 'good' | 'revoked', { setup, signer }: Stage): HandResponder['answer'] {
  return (request, response, body) => {
    const thisUpdate = Math.floor(Date.now() / 1000) * 1000;
    const { alice, clients } = setup.pki;
    const der = respondAbout(alice, clients, signer, { status, thisUpdate, nextUpdate: thisUpdate + 5_000 });
    send(der)(request, response, body);
  };
}

async function openStage(mode: 'hard' | 'soft' | 'none'): Promise<Stage & { [Symbol.asyncDispose](): Promise<void> }> {
  const responder = await openHandResponder(send(writeOcspRefusal(3)));
  const ocsp = mode === 'none' ? '' : `, ocsp: {mode: ${mode}, responder: "${responder.url}"}`;
  const setup = await openSetup({ clientAuth: `{clientCA: clients-ca.crt, required: true${ocsp}}` });
  const stage = { setup, responder, signer: await issueResponder(setup.pki.clients) };
  responder.answer = brief('good', stage);
  return {
    ...stage,
    [Symbol.asyncDispose]: async () => {
      await setup[Symbol.asyncDispose]();
      await responder[Symbol.asyncDispose]();
    },
  };
}

async function connect({ pki, gateway }: Setup): Promise<KeptConnection> {
  return keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
}

// Side by side: each has a gateway of its own, and waits for answers to grow old more than it works.
describe('a connection that is open', { concurrency: 3 }, () => {
  for (const mode of ['hard', 'soft'] as const) {
    it(`ends when its certificate turns out to be revoked, ${mode}`, async () => {
      await using stage = await openStage(mode);
      const { setup, responder } = stage;
      using kept = await connect(setup);
      assert.match(await kept.get(), /200 OK/);
      await responder.requests.waitFor(() => true, { from: 1, what: 'the first renewal' });
      assert.match(await kept.get(), /200 OK/, 'a renewed answer changes nothing');
      responder.answer = brief('revoked', stage);
      await kept.ended;
      assert.equal(await setup.metric('countersign_trust_rejudged_total', 'result="revoked"'), 1);
      await eventually(async () => (await setup.metric('countersign_sessions_with_revoked_certificate')) === 0, {
        what: 'no session with a revoked certificate',
      });
      using again = await connect(setup);
      await again.ended;
      await setup.gateway.waitForLog(({ msg }) => msg.startsWith('handshake refused: revoked: '));
    });
  }

  it('lives on while the responder is down and the last answer holds, and ends when it holds no longer, hard', async () => {
    await using stage = await openStage('hard');
    const { setup, responder } = stage;
    using kept = await connect(setup);
    assert.match(await kept.get(), /200 OK/);
    responder.answer = send(writeOcspRefusal(3));
    const from = responder.requests.length;
    await responder.requests.waitFor(() => true, { from, what: 'a renewal that fails' });
    assert.match(await kept.get(), /200 OK/);
    await kept.ended;
    assert.equal(await setup.metric('countersign_trust_rejudged_total', 'result="revocation_unknown"'), 1);
  });

  it('lives on when nobody can say anything any more, soft', async () => {
    await using stage = await openStage('soft');
    const { setup, responder } = stage;
    using kept = await connect(setup);
    assert.match(await kept.get(), /200 OK/);
    responder.answer = send(writeOcspRefusal(3));
    const from = responder.requests.length;
    // The second failure comes after the answer has run out.
    await responder.requests.waitFor(() => responder.requests.length >= from + 2, {
      from,
      what: 'two failed renewals',
    });
    assert.match(await kept.get(), /200 OK/);
  });

  it('that waits for its answer while a reload changes the rules is judged by the new ones', async () => {
    await using stage = await openStage('hard');
    const { setup, responder } = stage;
    let go = (): void => {};
    responder.answer = (request, response, body) => {
      go = () => brief('good', stage)(request, response, body);
    };
    using kept = await connect(setup);
    await responder.requests.waitFor(() => true);
    const rule = 'allowedSANs: [{type: URI, exact: "spiffe://example.org/bob"}]';
    const { ok } = await reloadBy(setup.gateway, () => {
      setup.gateway.rewrite(setup.yaml({ clientAuth: `{clientCA: clients-ca.crt, required: true, ${rule}}` }));
      setup.gateway.reload();
    });
    assert.ok(ok);
    kept.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    go();
    await kept.ended;
    assert.equal(kept.text(), '');
  });

  it('is asked about when a reload makes its policy ask', async () => {
    await using stage = await openStage('none');
    const { setup, responder } = stage;
    using kept = await connect(setup);
    assert.match(await kept.get(), /200 OK/);
    assert.equal(responder.connections.length, 0);
    responder.answer = brief('revoked', stage);
    const ocsp = `{mode: soft, responder: "${responder.url}"}`;
    const clientAuth = `{clientCA: clients-ca.crt, required: true, ocsp: ${ocsp}}`;
    const { ok } = await reloadBy(setup.gateway, () => {
      setup.gateway.rewrite(setup.yaml({ clientAuth }));
      setup.gateway.reload();
    });
    assert.ok(ok);
    await kept.ended;
    assert.equal(await setup.metric('countersign_trust_rejudged_total', 'result="revoked"'), 1);
  });
});
