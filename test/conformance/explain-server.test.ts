// `explain handshake` against every way in which a server cannot be reached or trusted: real sockets, openssl and nginx.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from '../../src/base/node-http.ts';
import net, { type AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { findFreePort } from '../support/free-port.ts';
import { startNginx } from '../support/nginx.ts';
import { startProcess } from '../support/owned-process.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { explain, serveOpenssl, serveTcp, serveTls } from './explain-setup.ts';

let pki: Pki;
let below: TestCa;
before(async () => {
  pki = await openPki();
  below = await pki.servers.issueCa({ subject: '/O=Countersign Test/CN=Issuing CA' });
});
after(() => pki.remove());

const ca = (): string => pki.servers.file;
const downstream = (): { cert: string; key: string } => ({ cert: pki.downstream.chainPem, key: pki.downstream.keyPem });

describe('reaching a server', () => {
  it('climbs to the first byte of an answer, and tells what was agreed', async () => {
    await using server = await serveTls(downstream());
    const { outcome, diagnosis, text, step } = await explain(server.port, { ca: ca() });
    assert.equal(outcome, 'ok', text);
    assert.deepEqual(
      diagnosis.steps.map(({ step, status }) => `${step} ${status}`),
      ['dns ok', 'tcp ok', 'tls ok', 'certificate ok', 'chain ok', 'name ok', 'client_auth ok', 'own ok', 'answer ok'],
    );
    assert.equal(diagnosis.version, 'TLSv1.3');
    assert.equal(diagnosis.group, 'X25519MLKEM768');
    assert.match(step('tcp')?.text ?? '', /connected to 127\.0\.0\.1:/);
    assert.match(step('answer')?.text ?? '', /^HTTP\/1\.1 200 OK$/);
    assert.match(step('chain')?.text ?? '', /up to "CN=servers CA,O=Countersign Test" in --ca/);
  });

  it('reads what the server says under every suite of TLS 1.3, also after a second ClientHello', async () => {
    const files = [
      '-cert',
      pki.downstream.cert,
      '-key',
      pki.downstream.key,
      '-CAfile',
      pki.clients.file,
      '-verify',
      '3',
    ];
    const suites = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
    for (const suite of suites) {
      await using server = await serveOpenssl([...files, '-ciphersuites', suite, '-groups', 'P-384']);
      const { outcome, diagnosis, text } = await explain(server.port, { ca: ca() });
      assert.equal(outcome, 'ok', text);
      assert.deepEqual([diagnosis.cipher, diagnosis.group], [suite, 'P-384']);
      assert.deepEqual(diagnosis.acceptedCas, ['CN=clients CA,O=Countersign Test']);
    }
  });

  it('makes do with what Node tells under a suite that it cannot read', async () => {
    const suite = 'TLS_AES_128_CCM_SHA256';
    const files = [
      '-cert',
      pki.downstream.cert,
      '-key',
      pki.downstream.key,
      '-CAfile',
      pki.clients.file,
      '-verify',
      '3',
    ];
    await using server = await serveOpenssl([...files, '-ciphersuites', suite]);
    const { outcome, text, step } = await explain(server.port, { ca: ca(), ciphers: suite });
    assert.equal(outcome, 'ok', text);
    assert.equal(step('client_auth')?.status, 'unknown');
    assert.match(text, /it cannot be seen whether the server asks .*; openssl s_client shows it/);
  });

  it('tells a port where nothing listens', async () => {
    const { outcome, failed } = await explain(`127.0.0.1:${await findFreePort()}`);
    assert.equal(outcome, 'tcp refused');
    assert.equal(failed?.failure?.raw, 'ECONNREFUSED');
  });

  it('tells a name that does not resolve', async () => {
    const { outcome, text } = await explain('nobody.invalid:443');
    assert.equal(outcome, 'dns dns', text);
    assert.match(text, /nobody\.invalid does not resolve/);
  });

  it('tells a port where packets are dropped', async () => {
    // A listener that never accepts, with its queue full: the kernel drops what comes then, as a firewall does.
    const script = `const s=require('net').createServer().listen({port:0,host:'127.0.0.1',backlog:1},()=>console.log(s.address().port))`;
    await using child = await startProcess(process.execPath, ['-e', script], { name: 'full listener' });
    const port = Number((await child.lines.waitFor(({ text }) => /^\d+$/.test(text))).text);
    child.child.kill('SIGSTOP');
    const fillers = Array.from({ length: 4 }, () => net.connect(port, '127.0.0.1'));
    for (const filler of fillers) filler.on('error', () => undefined);
    await Promise.all(fillers.slice(0, 2).map((filler) => once(filler, 'connect')));
    const { outcome, text } = await explain(`127.0.0.1:${port}`, { timeout: 1 });
    for (const filler of fillers) filler.destroy();
    child.child.kill('SIGCONT');
    assert.equal(outcome, 'tcp timeout', text);
  });

  it('tells which of several addresses was used, and what became of the others', async () => {
    await using server = await serveTls(downstream());
    const { outcome, text, diagnosis } = await explain(server.port, { ca: ca() }, ['127.0.0.2', '127.0.0.1']);
    assert.equal(outcome, 'ok', text);
    assert.equal(diagnosis.address, '127.0.0.1');
    assert.match(text, /localhost is 127\.0\.0\.2, 127\.0\.0\.1/);
    assert.match(text, /connected to 127\.0\.0\.1:.*\n +note: 127\.0\.0\.2 did not accept: ECONNREFUSED/);
    assert.match(text, /openssl s_client -connect 127\.0\.0\.1:/);
    const none = await explain(server.port, {}, ['127.0.0.2', '127.0.0.3']);
    assert.equal(none.outcome, 'tcp refused');
    assert.match(none.text, /none of 2 addresses accepts/);
  });
});

describe('a port that does not speak our TLS', () => {
  it('tells plain HTTP from the words of node, nginx and a server that closes at once', async () => {
    const node = createServer().listen(0, '127.0.0.1');
    await once(node, 'listening');
    const onNode = await explain((node.address() as AddressInfo).port);
    node.close();
    await using nginx = await startNginx();
    const onNginx = await explain(nginx.port);
    await using shy = await serveTcp((socket) =>
      socket.once('data', (bytes: Buffer) => {
        if (bytes[0] === 22) socket.destroy();
        else socket.end('HTTP/1.1 200 OK\r\n\r\n');
      }),
    );
    const onShy = await explain(shy.port);
    for (const { outcome, text } of [onNode, onNginx, onShy]) assert.equal(outcome, 'tls not_tls', text);
    assert.match(onNode.text, /answered our ClientHello with "HTTP\/1\.1 400 Bad Request"/);
    assert.match(onShy.text, /it answers a plain HTTP request/);
  });

  it('tells another protocol by its greeting, escaped', async () => {
    await using server = await serveTcp((socket) => socket.write('SSH-2.0-\u001b[31mevil\r\n'));
    const { outcome, text } = await explain(server.port);
    assert.equal(outcome, 'tls not_tls');
    assert.match(text, /SSH-2\.0-\\x1b\[31mevil/);
    assert.ok(!text.includes('\u001b'));
  });

  it('tells a server that closes, and one that is silent', async () => {
    await using closing = await serveTcp((socket) => socket.once('data', () => socket.end()));
    assert.equal((await explain(closing.port)).outcome, 'tls unreachable');
    await using silent = await serveTcp((socket) => void socket.resume());
    assert.equal((await explain(silent.port, { timeout: 0.5 })).outcome, 'tls timeout');
  });

  it('tells versions apart on both sides, and what the server would take', async () => {
    await using old = await serveTls({ ...downstream(), maxVersion: 'TLSv1.2' });
    const tooNew = await explain(old.port, { ca: ca(), min: 'TLSv1.3' });
    assert.equal(tooNew.outcome, 'tls protocol_mismatch', tooNew.text);
    assert.match(tooNew.text, /we offered TLSv1\.3, ALPN http\/1\.1; with everything on offer it takes TLSv1\.2/);
    await using modern = await serveTls({ ...downstream(), minVersion: 'TLSv1.3' });
    const tooOld = await explain(modern.port, { ca: ca(), max: 'TLSv1.2' });
    assert.equal(tooOld.outcome, 'tls protocol_mismatch', tooOld.text);
    assert.match(tooOld.text, /it takes TLSv1\.3/);
  });

  it('tells a server of TLS 1.0 only', async () => {
    await using ancient = await serveOpenssl([
      '-cert',
      pki.downstream.cert,
      '-key',
      pki.downstream.key,
      '-tls1',
      '-cipher',
      'ALL:@SECLEVEL=0',
    ]);
    const { outcome, text } = await explain(ancient.port, { ca: ca() });
    assert.equal(outcome, 'tls protocol_mismatch', text);
    assert.match(text, /it takes TLSv1,/);
  });

  it('tells that no cipher is shared', async () => {
    await using server = await serveOpenssl([
      '-cert',
      pki.downstream.cert,
      '-key',
      pki.downstream.key,
      '-tls1_2',
      '-cipher',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
    ]);
    const { outcome, text } = await explain(server.port, {
      ca: ca(),
      max: 'TLSv1.2',
      ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256',
    });
    assert.equal(outcome, 'tls protocol_mismatch', text);
    assert.match(text, /it takes TLSv1\.2, ECDHE-ECDSA-AES256-GCM-SHA384/);
  });

  it('tells an application protocol that is not shared, and speaks HTTP/2 where it is', async () => {
    await using server = await serveTls({ ...downstream(), ALPNProtocols: ['h2'] }, (socket) =>
      socket.once('data', () => socket.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]))),
    );
    const refused = await explain(server.port, { ca: ca() });
    assert.equal(refused.outcome, 'tls protocol_mismatch', refused.text);
    assert.match(refused.text, /remedy: Offer what it speaks: --alpn h2/);
    const spoken = await explain(server.port, { ca: ca(), alpn: 'h2' });
    assert.equal(spoken.outcome, 'ok', spoken.text);
    assert.equal(spoken.step('answer')?.text, 'HTTP/2 (SETTINGS)');
  });
});

describe('the certificate of a server', () => {
  type Case = {
    readonly name: string;
    readonly outcome: string;
    readonly says: RegExp;
    readonly serve: () => Promise<{ cert: string; key: string }>;
  };
  const day = 86_400_000;
  const leaf = async (options: Partial<Parameters<TestCa['issue']>[0]>): Promise<{ cert: string; key: string }> => {
    const issued = await pki.servers.issue({ kind: 'server', sans: ['localhost'], ...options });
    return { cert: issued.chainPem, key: issued.keyPem };
  };
  const cases: readonly Case[] = [
    {
      name: 'expired',
      outcome: 'certificate expired',
      says: /it expired on .*; our clock says 20/,
      serve: () => leaf({ notBefore: Date.now() - 9 * day, days: 3 }),
    },
    {
      name: 'not valid yet',
      outcome: 'certificate not_yet_valid',
      says: /it is valid from .*; our clock says 20/,
      serve: () => leaf({ notBefore: Date.now() + 3 * day }),
    },
    {
      name: 'made for a client',
      outcome: 'certificate wrong_purpose',
      says: /lacks serverAuth/,
      serve: () => leaf({ kind: 'client' }),
    },
    {
      name: 'with a weak signature',
      outcome: 'certificate weak_key',
      says: /signed by .*SHA-1/,
      serve: () => leaf({ hash: 'sha1' }),
    },
    {
      name: 'for another name',
      outcome: 'name name_mismatch',
      says: /does not cover localhost: it carries other\.test/,
      serve: () => leaf({ sans: ['other.test'] }),
    },
    {
      name: 'with the name in the CN only',
      outcome: 'name name_mismatch',
      says: /a common name does not count/,
      serve: () => leaf({ cn: 'localhost', sans: ['spiffe://a/b'] }),
    },
    {
      name: 'self-signed',
      outcome: 'chain untrusted_issuer',
      says: /is self-signed and not among the anchors/,
      serve: async () => {
        const own = await mintCa({
          cn: 'localhost',
          extensions: [
            { oid: '2.5.29.15', value: undefined },
            { oid: '2.5.29.17', value: Buffer.from('300b82096c6f63616c686f7374', 'hex') },
          ],
        });
        return { cert: own.certPem, key: own.keyPem };
      },
    },
    {
      name: 'from a CA that is not ours',
      outcome: 'chain untrusted_issuer',
      says: /its issuer "CN=Nobody" is not among the anchors/,
      serve: async () => {
        const issued = await (await mintCa({ cn: 'Nobody' })).issue({ kind: 'server', sans: ['localhost'] });
        return { cert: issued.chainPem, key: issued.keyPem };
      },
    },
    {
      name: 'without its intermediate',
      outcome: 'chain untrusted_issuer',
      says: /its issuer "CN=Issuing CA.*or an intermediate .* not sent along/,
      serve: async () => {
        const issued = await below.issue({ kind: 'server', sans: ['localhost'] });
        return { cert: issued.certPem, key: issued.keyPem };
      },
    },
  ];
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const { name, outcome, says, serve } of cases) {
      it(`${name}, ${version}`, async () => {
        await using server = await serveTls(await serve());
        const climbed = await explain(server.port, { ca: ca(), min: version, max: version });
        assert.equal(climbed.outcome, outcome, climbed.text);
        assert.match(climbed.text, says);
      });
    }
  }

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`with a weak key, ${version}`, async () => {
      const weak = await leaf({ key: 'rsa-1024' });
      await using server = await serveTls({ ...weak, ciphers: 'DEFAULT:@SECLEVEL=0', maxVersion: version });
      const { outcome, text } = await explain(server.port, { ca: ca() });
      assert.equal(outcome, 'certificate weak_key', text);
      assert.match(text, /RSA of 1024 bits/);
    });
  }

  it('that has bytes which no name has is called malformed', async () => {
    const odd = await leaf({ sans: ['DNS:local\u0000host'] });
    await using server = await serveTls(odd);
    const { outcome, text } = await explain(server.port, { ca: ca() });
    assert.equal(outcome, 'certificate malformed_cert', text);
  });

  it('is judged against our clock when its CA has expired', async () => {
    const old = await pki.servers.issueCa({ subject: '/CN=Old CA', notBefore: Date.now() - 9 * day, days: 3 });
    const issued = await old.issue({ kind: 'server', sans: ['localhost'] });
    await using server = await serveTls({ cert: issued.chainPem, key: issued.keyPem });
    const { outcome, text } = await explain(server.port, { ca: ca() });
    assert.equal(outcome, 'chain expired', text);
    assert.match(text, /"CN=Old CA": it expired on/);
  });

  it('passes with an intermediate that only --ca holds, with a note', async () => {
    const file = pki.dir.write('both.crt', pki.servers.certPem + below.certPem);
    const issued = await below.issue({ kind: 'server', sans: ['localhost'] });
    await using server = await serveTls({ cert: issued.certPem, key: issued.keyPem });
    const { outcome, text } = await explain(server.port, { ca: file });
    assert.equal(outcome, 'ok', text);
    assert.match(text, /note: the server did not send the intermediate "CN=Issuing CA/);
  });

  it('passes in the wrong order, with strangers and the root along, and all of it is noted', async () => {
    const deeper = await below.issueCa({ subject: '/O=Countersign Test/CN=Deeper CA' });
    const issued = await deeper.issue({ kind: 'server', sans: ['localhost'] });
    const cert = [issued.certPem, below.certPem, deeper.certPem, pki.clients.certPem, pki.servers.certPem].join('');
    await using server = await serveTls({ cert, key: issued.keyPem });
    const { outcome, text, diagnosis } = await explain(server.port, { ca: ca() });
    assert.equal(outcome, 'ok', text);
    assert.equal(diagnosis.certificates.length, 5);
    assert.match(text, /note: sent in the wrong order/);
    assert.match(text, /"CN=clients CA,O=Countersign Test" is not part of the chain .*; sent for nothing/);
    assert.match(text, /note: the root .* was sent along/);
  });

  it('is judged against the built-in roots without --ca', async () => {
    await using server = await serveTls(downstream());
    const { outcome, text } = await explain(server.port);
    assert.equal(outcome, 'chain untrusted_issuer', text);
    assert.match(text, /\(the built-in roots\)/);
  });

  it('is asked for under another name, and for an address', async () => {
    await using server = await serveTls(downstream());
    assert.equal((await explain(server.port, { ca: ca(), servername: 'a.test' })).outcome, 'ok');
    assert.equal((await explain(`127.0.0.1:${server.port}`, { ca: ca() })).outcome, 'ok');
    assert.equal((await explain(server.port, { ca: ca(), servername: 'c.test' })).outcome, 'name name_mismatch');
  });

  it('is not asked anything when it is not the right one', async () => {
    let bytes = 0;
    await using server = await serveTls(downstream(), (socket) =>
      socket.on('data', (chunk) => (bytes += chunk.length)),
    );
    assert.equal((await explain(server.port, { ca: ca(), servername: 'c.test' })).outcome, 'name name_mismatch');
    assert.equal(bytes, 0);
  });
});
