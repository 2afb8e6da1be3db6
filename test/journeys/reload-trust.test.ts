// The CA of the clients is replaced the way it should be done: first both, then the new one alone, while requests run.
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { startBackend } from '../support/backend.ts';
import { keepConnection } from '../support/kept-connection.ts';
import { expectFlawless, openSetup, reloadBy } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { openAuthority } from '../support/pki.ts';
import { Feed } from '../support/wait-for.ts';

describe('a client CA that is replaced under load', () => {
  it('lets both in while both are trusted, then closes the door on the old one, open connections included', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { pki, gateway } = setup;
    const port = gateway.ports.webSecure;
    const successors = await openAuthority(pki.dir, 'successors');
    const bob = await successors.issueFiles('bob', { kind: 'client', cn: 'bob' });
    const ask = async (who: { cert: string; key: string }) =>
      sClient({ port, ca: pki.servers.file, cert: who.cert, key: who.key });
    assert.equal((await ask(bob)).status, undefined, 'not yet');

    const alices = [setup.load(), setup.load({ reconnect: true })];
    await Promise.all(alices.map(async (load) => load.waitForOk(10)));
    const both = await reloadBy(gateway, () =>
      pki.dir.replace('clients-ca.crt', pki.clients.certPem + successors.certPem),
    );
    assert.ok(both.ok);
    const bobs = [setup.load({ as: bob }), setup.load({ as: bob, reconnect: true })];
    await Promise.all([...alices, ...bobs].map(async (load) => load.waitForOk(10)));
    await expectFlawless(...alices);

    using openAlice = await keepConnection({ port, ca: pki.servers.certPem, as: pki.alice });
    using openBob = await keepConnection({ port, ca: pki.servers.certPem, as: bob });
    assert.match(await openAlice.get(), /CN=alice/);
    assert.match(await openBob.get(), /CN=bob/);
    const onlyNew = await reloadBy(gateway, () => pki.dir.replace('clients-ca.crt', successors.certPem));
    assert.ok(onlyNew.ok);
    assert.equal(await openAlice.ended, 'end', 'an open connection of the old CA is closed');
    assert.match(await openBob.get(), /CN=bob/, 'one of the new CA lives on');
    const refused = await ask(pki.alice);
    assert.equal(refused.status, undefined, refused.output);
    assert.equal(await setup.metric('countersign_tls_handshakes_total', 'result="untrusted_issuer"'), 2);
    assert.equal((await ask(bob)).status, 200);

    await Promise.all(bobs.map(async (load) => load.waitForOk(10)));
    await expectFlawless(...bobs);
  });

  it('answers what was asked before, not what is asked after, on a connection of the old CA', async () => {
    const asked = new Feed<ServerResponse>('requests');
    await using backend = await startBackend({ handle: (_request, response) => asked.push(response) });
    await using setup = await openSetup({ target: `http://127.0.0.1:${backend.port}`, route: '' });
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice };
    const successors = await openAuthority(pki.dir, 'successors');
    using answered = await keepConnection(to);
    using begun = await keepConnection(to);
    answered.send('GET /1 HTTP/1.1\r\nHost: localhost\r\n\r\nGET /2 HTTP/1.1\r\nHost: localhost\r\n\r\n');
    begun.send('GET /3 HTTP/1.1\r\nHost: local');
    const response = await asked.waitFor(() => true);
    const { ok } = await reloadBy(gateway, () => pki.dir.replace('clients-ca.crt', successors.certPem));
    assert.ok(ok);
    begun.send('host\r\n\r\n');
    assert.equal(await begun.ended, 'end');
    assert.equal(begun.text(), '');
    response.end('late');
    assert.equal(await answered.ended, 'end');
    assert.match(answered.text(), /^HTTP\/1\.1 200 [^]*connection: close[^]*late$/i);
    assert.equal(asked.length, 1);
  });

  it('does not let an endless answer keep a connection of the old CA open', async () => {
    const asked = new Feed<ServerResponse>('requests');
    const handle = (_request: unknown, response: ServerResponse): void => {
      response.write('and so on');
      asked.push(response);
    };
    await using backend = await startBackend({ handle });
    await using setup = await openSetup({
      target: `http://127.0.0.1:${backend.port}`,
      route: '',
      drain: '200ms',
    });
    const { pki, gateway } = setup;
    const successors = await openAuthority(pki.dir, 'successors');
    using open = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    open.send('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await open.waitFor(/and so on/);
    const { ok } = await reloadBy(gateway, () => pki.dir.replace('clients-ca.crt', successors.certPem));
    assert.ok(ok);
    await open.ended;
    assert.doesNotMatch(open.text(), /\r\n0\r\n\r\n$/, 'the answer must not look complete');
  });
});
