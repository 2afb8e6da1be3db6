// `explain handshake` against servers that ask for a client certificate: what they ask for, what went out, and each way to
// refuse: alert, bare close, page; TLS 1.2 within the handshake, TLS 1.3 after it. Real openssl, nginx and node.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { HandshakeOptions } from '../../src/diagnosis/target.ts';
import { startNginx } from '../support/nginx.ts';
import { requireCommand } from '../support/peers.ts';
import { runToEnd } from '../support/owned-process.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { type Climbed, explain, type Served, serveOpenssl, serveTls } from './explain-setup.ts';

const day = 86_400_000;
let pki: Pki;
let expired: CertFiles;
let serverOnly: CertFiles;
before(async () => {
  pki = await openPki();
  expired = await pki.clients.issueFiles('expired', {
    kind: 'client',
    cn: 'late',
    notBefore: Date.now() - 9 * day,
    days: 3,
  });
  serverOnly = await pki.clients.issueFiles('server-only', { kind: 'server', cn: 'wrong', sans: ['wrong.test'] });
});
after(() => pki.remove());

const asker = (version: string, ...more: string[]): Promise<Served> =>
  serveOpenssl([
    '-cert',
    pki.downstream.cert,
    '-key',
    pki.downstream.key,
    '-CAfile',
    pki.clients.file,
    '-Verify',
    '3',
    '-verify_return_error',
    version,
    ...more,
  ]);

const as = (files: CertFiles): Partial<HandshakeOptions> => ({ cert: files.cert, key: files.key });

function look(server: Served, options: Partial<HandshakeOptions> = {}): Promise<Climbed> {
  return explain(server.port, { ca: pki.servers.file, ...options });
}

for (const [version, flag] of [
  ['TLS 1.2', '-tls1_2'],
  ['TLS 1.3', '-tls1_3'],
] as const) {
  describe(`openssl that requires a certificate, ${version}`, () => {
    it('takes a good one', async () => {
      await using server = await asker(flag);
      const { outcome, text, step, diagnosis } = await look(server, as(pki.alice));
      assert.equal(outcome, 'ok', text);
      assert.deepEqual(diagnosis.acceptedCas, ['CN=clients CA,O=Countersign Test']);
      assert.match(step('own')?.text ?? '', /^"CN=alice" sent, with no intermediate$/);
    });

    it('asks in vain where there is none', async () => {
      await using server = await asker(flag);
      const { outcome, text, diagnosis } = await look(server);
      assert.equal(outcome, 'own no_client_cert', text);
      assert.match(text, /ok {6}chain .*up to "CN=servers CA,O=Countersign Test"/);
      assert.match(text, /ok {6}client auth .*from "CN=clients CA,O=Countersign Test"/);
      assert.match(text, /none sent: there is no --cert/);
      assert.deepEqual(diagnosis.acceptedCas, ['CN=clients CA,O=Countersign Test']);
    });

    it('refuses one from another CA, and ours is seen not to be among the CAs it names', async () => {
      await using server = await asker(flag);
      const { outcome, text } = await look(server, as(pki.stranger));
      assert.equal(outcome, 'own untrusted_issuer', text);
      assert.match(text, /alert unknown_ca/);
      assert.match(text, /the issuer of our certificate, "CN=strangers CA,O=Countersign Test", is not among the CAs/);
    });

    it('refuses one that expired', async () => {
      await using server = await asker(flag);
      const { outcome, text } = await look(server, as(expired));
      assert.equal(outcome, 'own expired', text);
      assert.match(text, /our clock says/);
    });

    it('refuses one that is made for servers', async () => {
      await using server = await asker(flag);
      const { outcome, text } = await look(server, as(serverOnly));
      assert.equal(outcome, 'own wrong_purpose', text);
      assert.match(text, /lacks clientAuth/);
    });

    it('refuses one that it holds for revoked', async () => {
      const crl = await revoke(pki.alice);
      await using server = await asker(flag, '-CRL', crl, '-crl_check');
      const { outcome, text } = await look(server, as(pki.alice));
      assert.equal(outcome, 'own revoked', text);
      assert.match(text, /it holds our certificate for revoked/);
    });
  });
}

/** A CRL of the clients' CA with this certificate in it, made by openssl; its file. */
async function revoke(files: CertFiles): Promise<string> {
  const { dir, clients } = pki;
  const key = dir.write('clients-ca.key', clients.keyPem);
  dir.write('index.txt', '');
  dir.write('crlnumber', '01\n');
  const config = dir.write(
    'ca.cnf',
    `[ca]\ndefault_ca=c\n[c]\ndatabase=${dir.file('index.txt')}\ncrlnumber=${dir.file('crlnumber')}\ncertificate=${clients.file}\nprivate_key=${key}\ndefault_md=sha256\ndefault_crl_days=1\n`,
  );
  const out = dir.file('clients.crl');
  for (const args of [
    ['-revoke', files.cert],
    ['-gencrl', '-out', out],
  ]) {
    const run = await runToEnd(requireCommand('openssl'), ['ca', '-config', config, ...args]);
    assert.equal(run.code, 0, run.stderr);
  }
  return out;
}

describe('node that requires a certificate and closes without a word', () => {
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`tells what was asked, what went out, and what is likely, ${version}`, async () => {
      await using server = await serveTls({
        cert: pki.downstream.chainPem,
        key: pki.downstream.keyPem,
        ca: pki.clients.certPem,
        requestCert: true,
        rejectUnauthorized: true,
        maxVersion: version,
      });
      assert.equal((await look(server)).outcome, 'own no_client_cert');
      const foreign = await look(server, as(pki.stranger));
      assert.equal(foreign.outcome, 'own untrusted_issuer', foreign.text);
      assert.match(foreign.text, /without (?:an alert|a word: .*); most likely because the issuer of our certificate/);
      assert.equal((await look(server, as(expired))).outcome, 'own expired');
      assert.equal((await look(server, as(pki.alice))).outcome, 'ok');
    });
  }
});

describe('a server that asks and does not insist', () => {
  it('passes without a certificate, and with one', async () => {
    await using server = await serveTls({
      cert: pki.downstream.chainPem,
      key: pki.downstream.keyPem,
      ca: pki.clients.certPem,
      requestCert: true,
      rejectUnauthorized: false,
    });
    const none = await look(server);
    assert.equal(none.outcome, 'ok', none.text);
    assert.match(none.text, /none sent: there is no --cert; the server goes on without one/);
    const odd = await look(server, as(pki.stranger));
    assert.equal(odd.outcome, 'ok', odd.text);
    assert.match(odd.text, /note: the issuer of our certificate/);
  });

  it('does not get a certificate that it did not ask for', async () => {
    await using server = await serveTls({ cert: pki.downstream.chainPem, key: pki.downstream.keyPem });
    const { outcome, step } = await look(server, as(pki.alice));
    assert.equal(outcome, 'ok');
    assert.equal(step('own')?.text, '"CN=alice" not sent: the server did not ask');
    assert.equal(step('client_auth')?.text, 'the server does not ask for a client certificate');
  });

  it('is clear about a server that is silent, and one that hangs up', async () => {
    const files = { cert: pki.downstream.chainPem, key: pki.downstream.keyPem };
    await using silent = await serveTls(files, (socket) => void socket.resume());
    const quiet = await look(silent, { timeout: 1 });
    assert.equal(quiet.outcome, 'ok', quiet.text);
    assert.equal(quiet.step('answer')?.status, 'unknown');
    await using leaving = await serveTls(files, (socket) => void socket.end());
    const gone = await look(leaving);
    assert.equal(gone.step('answer')?.status, 'unknown', gone.text);
    await using greeting = await serveTls(files, (socket) => void socket.write('220 mail\u001b[2J\r\n'));
    const mail = await look(greeting);
    assert.match(mail.step('answer')?.text ?? '', /^no HTTP: "220 mail\\x1b\[2J"$/);
  });
});

describe('nginx', () => {
  it('refuses in pages, which are understood as failed steps, and takes a good certificate', async () => {
    await using nginx = await startNginx({ tls: pki.downstream, clientCa: pki.clients.file });
    const server = { port: nginx.port } as Served;
    const none = await look(server);
    assert.equal(none.outcome, 'own no_client_cert', none.text);
    assert.equal(none.failed?.failure?.raw, 'HTTP 400');
    assert.match(none.text, /No required SSL certificate was sent/);
    const foreign = await look(server, as(pki.stranger));
    assert.equal(foreign.outcome, 'own untrusted_issuer', foreign.text);
    assert.match(foreign.text, /The SSL certificate error/);
    assert.equal((await look(server, as(expired))).outcome, 'own expired');
    assert.equal((await look(server, as(pki.alice))).outcome, 'ok');
  });

  it('answers 421, 495 and 496 as failed steps, other statuses as answers', async () => {
    const server = 'location /421 { return 421; } location /495 { return 495; } location /404 { return 404; }';
    await using nginx = await startNginx({ tls: pki.downstream, server });
    const at = (path: string): Promise<Climbed> => look({ port: nginx.port } as Served, { path });
    assert.equal((await at('/421')).outcome, 'answer host_mismatch');
    assert.equal((await at('/495')).outcome, 'own refused_by_peer');
    const missing = await at('/404');
    assert.equal(missing.outcome, 'ok', missing.text);
    assert.equal(missing.step('answer')?.text, 'HTTP/1.1 404 Not Found');
  });

  it('tells TLS within TLS from the page that nginx has for it', async () => {
    await using inner = await startNginx({ tls: pki.downstream });
    const proxy = `location /in { proxy_pass http://127.0.0.1:${inner.port}; }`;
    await using outer = await startNginx({ tls: pki.downstream, server: proxy });
    const { outcome, text } = await look({ port: outer.port } as Served, { path: '/in' });
    assert.equal(outcome, 'answer not_tls', text);
    assert.match(text, /The plain HTTP request was sent to HTTPS port/);
  });
});
