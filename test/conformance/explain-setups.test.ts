// `explain handshake` against set-ups that are broken in ways which a first look calls good, or calls by a wrong name: each row says
// what is there and which words the diagnosis must have. What must pass beside it stands in the same table.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import type { HandshakeOptions } from '../../src/diagnosis/target.ts';
import { startApache } from '../support/apache.ts';
import { startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { writeCrl } from '../support/crls.ts';
import { type Climbed, explain, type Served, serveOpenssl, serveTcp, serveTls } from './explain-setup.ts';

const day = 86_400_000;
let pki: Pki;
let below: TestCa;
before(async () => {
  pki = await openPki();
  below = await pki.clients.issueCa({ subject: '/O=Countersign Test/CN=Clients Issuing CA' });
});
after(() => pki.remove());

const as = ({ cert, key }: CertFiles): Partial<HandshakeOptions> => ({ cert, key });
const look = (port: number, options: Partial<HandshakeOptions> = {}): Promise<Climbed> =>
  explain(port, { ca: pki.servers.file, ...options });
const serverFiles = (): { cert: string; key: string } => ({
  cert: pki.downstream.chainPem,
  key: pki.downstream.keyPem,
});

/** openssl that requires a certificate, as a server that trusts the clients' root alone. */
const strict = (...more: string[]): Promise<Served> =>
  serveOpenssl(
    ['-cert', pki.downstream.cert, '-key', pki.downstream.key, '-CAfile', pki.clients.file].concat(
      ['-Verify', '3', '-verify_return_error'],
      more,
    ),
  );

describe('the file that is tested', () => {
  it('is sent as it is: what only --ca has is not sent along', async () => {
    const bob = await below.issue({ kind: 'client', cn: 'bob' });
    const leafOnly = pki.dir.write('bob-leaf.pem', bob.certPem + bob.keyPem);
    const whole = pki.dir.write('bob-chain.pem', bob.chainPem + bob.keyPem);
    const all = pki.dir.write('all-cas.pem', pki.servers.certPem + below.certPem + pki.clients.certPem);
    for (const version of ['-tls1_2', '-tls1_3']) {
      await using server = await strict(version);
      const alone = await look(server.port, { ca: all, cert: leafOnly });
      assert.equal(alone.outcome, 'own missing_intermediate', alone.text);
      assert.match(alone.step('own')?.text ?? '', /^"CN=bob" sent, with no intermediate$/);
      assert.match(
        alone.text,
        /an intermediate below a CA that the server names; --ca .*all-cas\.pem has it, append it/,
      );
      assert.match(alone.text, /remedy: Append the intermediate to the --cert file/);
      const good = await look(server.port, { ca: all, cert: whole });
      assert.equal(good.outcome, 'ok', good.text);
      assert.match(good.step('own')?.text ?? '', /^"CN=bob" sent, with 1 more$/);
    }
  });

  it('is sent as it is beside a server of the same CA, whose chain is verified all the same', async () => {
    const one = await mintCa({ cn: 'One CA for all' });
    const file = pki.dir.write('one-ca.crt', one.certPem);
    const [server, client] = await Promise.all([
      one.issue({ kind: 'server', sans: ['localhost'] }),
      one.issue({ kind: 'client', cn: 'dave' }),
    ]);
    const cert = pki.dir.write('dave.pem', client.certPem + client.keyPem);
    await using served = await serveTls({
      cert: server.chainPem,
      key: server.keyPem,
      ca: one.certPem,
      requestCert: true,
    });
    const good = await look(served.port, { ca: file, cert });
    assert.equal(good.outcome, 'ok', good.text);
    assert.match(good.step('own')?.text ?? '', /^"CN=dave" sent, with no intermediate$/);
    const other = await mintCa({ cn: 'One CA for all' });
    const wrong = await look(served.port, { ca: pki.dir.write('one-again.crt', other.certPem), cert });
    assert.equal(wrong.outcome, 'chain untrusted_issuer', wrong.text);
  });
});

describe('a CA that was made twice', () => {
  it('is found by its key where the name fits', async () => {
    const [first, second] = await Promise.all([mintCa({ cn: 'RootCA' }), mintCa({ cn: 'RootCA' })]);
    const erin = await first.issue({ kind: 'client', cn: 'erin' });
    const files = pki.dir.write('erin.pem', erin.certPem + erin.keyPem);
    const good = await second.issue({ kind: 'client', cn: 'erin' });
    const goodFiles = pki.dir.write('erin-good.pem', good.certPem + good.keyPem);
    const leaf = await second.issue({ kind: 'server', sans: ['localhost'] });
    const ca = pki.dir.write('root-ca.crt', second.certPem);
    const [cert, key] = [pki.dir.write('twice.crt', leaf.chainPem), pki.dir.write('twice.key', leaf.keyPem)];
    await using nginx = await startNginx({ tls: { cert, key }, clientCa: ca });
    const wrong = await look(nginx.port, { ca, cert: files });
    assert.equal(wrong.outcome, 'own untrusted_issuer', wrong.text);
    assert.match(wrong.text, /cause: .*most likely because "CN=erin" was issued by "CN=RootCA" with another key than/);
    assert.match(wrong.text, /key id [0-9a-f]{40}, wanted [0-9a-f]{40}\): was the CA made twice\?/);
    assert.equal((await look(nginx.port, { ca, cert: goodFiles })).outcome, 'ok');
    // Where nothing here has the other CA, the name is all there is to go by.
    await using other = await startNginx({ tls: pki.downstream, clientCa: ca });
    const blind = await look(other.port, { cert: files });
    assert.equal(blind.outcome, 'own refused_by_peer', blind.text);
    assert.match(
      blind.text,
      /It names our issuer, "CN=RootCA": if its CA of that name has another key \(ours was signed with/,
    );
  });
});

describe('Apache that asks once it knows the path', () => {
  const apache = (protocol: string): ReturnType<typeof startApache> =>
    startApache({
      tls: pki.downstream,
      config: `SSLProtocol -all +${protocol}
SSLCACertificateFile ${pki.clients.file}
<Location /private>
SSLVerifyClient require
</Location>`,
    });

  it('by a renegotiation of TLS 1.2: seen, and its refusals are about the certificate', async () => {
    await using server = await apache('TLSv1.2');
    const none = await look(server.port, { path: '/private' });
    assert.equal(none.outcome, 'own no_client_cert', none.text);
    assert.match(
      none.text,
      /client auth .*asks for nothing at first, and again once it knows the path \(renegotiation/,
    );
    assert.match(none.text, /for this path, in a renegotiation of TLS 1\.2, and got none \(alert handshake_failure\)/);
    const foreign = await look(server.port, { path: '/private', ...as(pki.stranger) });
    assert.equal(foreign.outcome, 'own untrusted_issuer', foreign.text);
    assert.match(foreign.text, /alert unknown_ca.*\(in a renegotiation of TLS 1\.2\)/);
    for (const { text } of [none, foreign]) assert.doesNotMatch(text, /\.c:\d|TLS is in order/);
    const good = await look(server.port, { path: '/private', ...as(pki.alice) });
    assert.equal(good.outcome, 'ok', good.text);
    assert.equal(good.step('own')?.text, '"CN=alice" sent when it was asked for');
    const open = await look(server.port, { path: '/' });
    assert.equal(open.step('client_auth')?.text, 'the server does not ask for a client certificate');
  });

  it('after a handshake of TLS 1.3, which few clients can answer', async () => {
    await using server = await apache('TLSv1.3');
    const { outcome, text } = await look(server.port, { path: '/private', ...as(pki.alice) });
    assert.equal(outcome, 'own no_client_cert', text);
    assert.match(text, /only after the request, for this path \(TLS 1\.3 post-handshake authentication\)/);
  });
});

describe('nginx that leaves the refusal to its answer', () => {
  it('is understood: 403 for the lack of a certificate, or for one that it could not verify', async () => {
    const server = 'location /in { if ($ssl_client_verify != SUCCESS) { return 403; } return 200 "in"; }';
    await using nginx = await startNginx({
      tls: pki.downstream,
      clientCa: pki.clients.file,
      verify: 'optional_no_ca',
      server,
    });
    const none = await look(nginx.port, { path: '/in' });
    assert.equal(none.outcome, 'own no_client_cert', none.text);
    assert.match(
      none.text,
      /asked for a client certificate, got none, let the handshake pass all the same, and answered/,
    );
    const foreign = await look(nginx.port, { path: '/in', ...as(pki.stranger) });
    assert.equal(foreign.step('own')?.status, 'unknown', foreign.text);
    assert.match(foreign.text, /note: the issuer of our certificate, .* is not among the CAs/);
    assert.match(foreign.text, /note: it was taken in the handshake, and the answer is HTTP\/1\.1 403/);
    const good = await look(nginx.port, { path: '/in', ...as(pki.alice) });
    assert.deepEqual(good.step('own')?.notes, [], good.text);
  });
});

describe('a box in between that ends TLS', () => {
  it('is told from a server that was given no certificate', async () => {
    await using inner = await startNginx({ tls: pki.backend, clientCa: pki.clients.file });
    const proxy = `location /in { proxy_pass https://127.0.0.1:${inner.port}; }`;
    await using outer = await startNginx({ tls: pki.downstream, server: proxy });
    await using asking = await startNginx({ tls: pki.downstream, clientCa: pki.clients.file, server: proxy });
    const given = await look(outer.port, { path: '/in', ...as(pki.alice) });
    assert.equal(given.outcome, 'own no_client_cert', given.text);
    assert.match(given.text, /what our TLS ends at asked for none: something in between .* ends TLS/);
    assert.match(given.text, /remedy: Another --cert does not help\./);
    assert.match(
      (await look(outer.port, { path: '/in' })).text,
      /what our TLS ends at asked for none: something in between/,
    );
    const asked = await look(asking.port, { path: '/in', ...as(pki.alice) });
    assert.match(asked.text, /what our TLS ends at asked for one and got ours: something in between/);
    const silent = await look(outer.port, { path: '/fine', ...as(pki.alice) });
    assert.equal(silent.step('own')?.status, 'unknown', silent.text);
    assert.match(silent.text, /note: if this server should ask for one, then something in between ends TLS/);
    assert.equal((await look(outer.port, { path: '/fine' })).step('own')?.status, 'ok');
  });
});

describe('the alert certificate_expired', () => {
  it('is about a CRL, a CA or a clock where our certificate is in date, and about our dates where it is not', async () => {
    const late = Date.now() - 9 * day;
    const crl = writeCrl(pki.dir, 'stale.crl', pki.clients, { thisUpdate: late, nextUpdate: late + day });
    await using stale = await strict('-tls1_3', '-CRL', crl, '-crl_check');
    const current = await look(stale.port, as(pki.alice));
    assert.equal(current.outcome, 'own refused_by_peer', current.text);
    assert.match(current.text, /"CN=alice" is valid, from .* its CRL is out of date \(Envoy and OpenSSL send the same/);
    assert.match(current.text, /remedy: Renewing our certificate does not help\./);
    assert.doesNotMatch(current.text, /Renew the client certificate/);
    const expired = await pki.clients.issueFiles('gone', { kind: 'client', cn: 'gone', notBefore: late, days: 3 });
    await using server = await strict('-tls1_3');
    const gone = await look(server.port, as(expired));
    assert.equal(gone.outcome, 'own expired', gone.text);
    assert.match(gone.text, /alert certificate_expired; most likely because .*expired/);
  });

  it('is about a date that has not come yet where that is what our certificate has (as BoringSSL sends it)', async () => {
    const early = await pki.clients.issueFiles('early', {
      kind: 'client',
      cn: 'early',
      notBefore: Date.now() + 3 * day,
    });
    // The bytes that Envoy sends for it: BoringSSL is not among the peers of these tests.
    await using server = await serveTls({
      ...serverFiles(),
      ca: pki.clients.certPem,
      requestCert: true,
      maxVersion: 'TLSv1.2',
    });
    await using boring = await serveAlert(server.port, 45);
    const { outcome, text } = await look(boring.port, { max: 'TLSv1.2', ...as(early) });
    assert.equal(outcome, 'own not_yet_valid', text);
    assert.match(text, /alert certificate_expired; most likely because .*valid from/);
  });
});

/** Passes on what a TLS 1.2 server says up to our certificate, then answers with a fatal alert instead of it. */
function serveAlert(port: number, alert: number): Promise<Served> {
  return serveTcp((socket) => {
    const behind = net.connect(port, '127.0.0.1');
    behind.on('error', () => socket.destroy());
    socket.on('close', () => behind.destroy());
    behind.on('data', (bytes) => socket.write(bytes));
    let flights = 0;
    socket.on('data', (bytes: Buffer) => {
      flights += 1;
      if (flights === 1) behind.write(bytes);
      else socket.end(Buffer.from([21, 3, 3, 0, 2, 2, alert]));
    });
  });
}

describe('a middlebox that cannot take a large ClientHello', () => {
  for (const way of ['drops', 'resets'] as const) {
    it(`that ${way} it is found by one without the post-quantum group`, async () => {
      await using server = await serveTls(serverFiles());
      await using box = await serveTcp((socket) => {
        socket.once('data', (first: Buffer) => {
          // A record that does not end in this packet, or that is too long: what old devices give up on.
          if (first.length > 1000) {
            if (way === 'resets') socket.destroy();
            return;
          }
          const behind = net.connect(server.port, '127.0.0.1');
          behind.on('error', () => socket.destroy());
          behind.write(first);
          behind.pipe(socket).pipe(behind);
        });
      });
      const { outcome, text } = await look(box.port, { timeout: 0.5 });
      assert.equal(outcome, way === 'drops' ? 'tls timeout' : 'tls unreachable', text);
      assert.match(
        text,
        /without the post-quantum group .* it answers: one of 1\d{3} bytes does not get through, one of \d{3} does/,
      );
      assert.match(text, /remedy: Something in between/);
    });
  }

  it('is not blamed for a server that is silent whatever the size', async () => {
    await using silent = await serveTcp((socket) => void socket.resume());
    const { text } = await look(silent.port, { timeout: 0.2 });
    assert.doesNotMatch(text, /post-quantum|in between/);
  });
});

describe('a server that speaks HTTP/2 only', () => {
  const settings = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);

  it('is named with ALPN however it turns HTTP/1.1 away, and passes where HTTP/2 is offered', async () => {
    const isPreface = (bytes: Buffer): boolean => bytes.toString('latin1', 0, 14) === 'PRI * HTTP/2.0';
    await using closing = await serveTls(serverFiles(), (socket) =>
      socket.once('data', (bytes: Buffer) => (isPreface(bytes) ? socket.write(settings) : socket.destroy())),
    );
    await using framing = await serveTls(serverFiles(), (socket) => socket.write(settings));
    await using node = await serveHttp2();
    const { port } = node;
    const turned = [
      [await look(closing.port), /closed the connection at an HTTP\/1\.1 request, and speaks HTTP\/2 .*\(ALPN h2\)/],
      [await look(framing.port), /answers an HTTP\/1\.1 request with frames of HTTP\/2/],
      [await look(port), /no application protocol in common with us \(ALPN\): we offered http\/1\.1; .* it takes h2/],
      [await look(port, { alpn: 'none' }), /speaks HTTP\/2 only/],
    ] as const;
    for (const [{ outcome, text }, says] of turned) {
      assert.match(outcome, /^(?:answer|tls) protocol_mismatch$/, text);
      assert.match(text, says);
      assert.match(text, /remedy: .*--alpn h2/);
    }
    for (const one of [closing.port, port]) {
      const { outcome, step, text } = await look(one, { alpn: 'h2' });
      assert.equal(outcome, 'ok', text);
      assert.equal(step('answer')?.text, 'HTTP/2 (SETTINGS)');
    }
  });

  it('is not made of a server that hangs up on everybody', async () => {
    await using leaving = await serveTls(serverFiles(), (socket) => void socket.end());
    const { text, step } = await look(leaving.port);
    assert.equal(step('answer')?.status, 'unknown', text);
    assert.doesNotMatch(text, /HTTP\/2/);
  });
});

/** Node's own server of HTTP/2, without HTTP/1. */
async function serveHttp2(): Promise<Served> {
  const server = http2.createSecureServer(serverFiles());
  const sockets = new Set<net.Socket>();
  server.on('connection', (socket: net.Socket) => sockets.add(socket));
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
