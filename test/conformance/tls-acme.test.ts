// A CA that validates by tls-alpn-01 (RFC 8737) at a listener of the edge whose policies all demand a client certificate: it sees the
// certificate of an open order and nothing else, and nobody else sees that.
import assert from 'node:assert/strict';
import { createHash, type X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { ChallengeAnswers } from '../../src/acme/challenge-answers.ts';
import { makeChallengeCertificate } from '../../src/acme/challenge-certificate.ts';
import { identifierOf } from '../../src/base/identifier.ts';
import { serverNameOf } from '../../src/acme/identifier.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { openEdge } from './tls-edge.ts';

const authorization = 'token.thumbprint';

/** As a client that offers `protocols`; resolves when the handshake is over and the server has closed, with what it said. */
async function call(
  port: number,
  servername: string,
  protocols: readonly string[],
): Promise<{ protocol: string | false | null; certificate: X509Certificate | undefined; said: string; error: string }> {
  const socket: TLSSocket = connect({
    port,
    host: '127.0.0.1',
    servername,
    ALPNProtocols: [...protocols],
    rejectUnauthorized: false,
  });
  let [said, error] = ['', ''];
  let protocol: string | false | null = null;
  let certificate: X509Certificate | undefined;
  socket.on('data', (bytes: Buffer) => (said += bytes.toString()));
  socket.on('error', (problem: NodeJS.ErrnoException) => (error = problem.code ?? problem.message));
  socket.on('secureConnect', () => {
    protocol = socket.alpnProtocol;
    certificate = socket.getPeerX509Certificate();
    socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return { protocol, certificate, said, error };
}

describe('tls-alpn-01 at a listener', () => {
  let ca: TestCa;
  let server: Issued;

  before(async () => {
    ca = await mintCa();
    server = await ca.issue({ kind: 'server', sans: ['a.test', 'b.test'] });
  });

  /** With an open order for `name`. */
  const open = async (name: string) => {
    const identifier = identifierOf(name);
    assert.ok(identifier !== undefined);
    const challenges = new ChallengeAnswers();
    const made = makeChallengeCertificate(identifier, authorization, Date.now());
    challenges.set([{ type: 'tls-alpn-01', serverName: serverNameOf(identifier), ...made }]);
    let looks = 0;
    const policies = { a: { server, ca: ca.certPem, hosts: ['a.test'] } };
    const edge = await openEdge({ policies, challenges, onChallenge: () => looks++ });
    return { edge, challenges, looks: () => looks };
  };

  it('shows the certificate of an open order, without a client certificate, and never answers a request', async () => {
    const { edge, looks } = await open('a.test');
    using _ = edge;
    const { protocol, certificate, said, error } = await call(edge.port, 'A.Test', ['acme-tls/1']);
    assert.equal(protocol, 'acme-tls/1');
    assert.equal(certificate?.subjectAltName, 'DNS:a.test');
    const digest = createHash('sha256').update(authorization).digest('hex');
    assert.ok(
      certificate.raw.toString('hex').includes(`06082b0601050507011f0101ff04220420${digest}`),
      'critical, in an OCTET STRING',
    );
    assert.deepEqual([said, error], ['', '']);
    assert.equal(looks(), 1);
    assert.deepEqual(
      [edge.peers.length, edge.refusals.length, edge.outcomes.length, edge.defects.length],
      [0, 0, 0, 0],
    );
  });

  it('shows it for an address by its name in reverse (RFC 8738)', async () => {
    for (const [address, name] of [
      ['127.0.0.1', '1.0.0.127.in-addr.arpa'],
      ['::1', `${'1.0'.padEnd(63, '.0')}.ip6.arpa`],
    ] as const) {
      const { edge } = await open(address);
      using _ = edge;
      const { certificate } = await call(edge.port, name, ['acme-tls/1']);
      assert.match(certificate?.subjectAltName ?? '', /^IP Address:/, name);
    }
  });

  it('treats everybody else as before: other names, other protocols beside it, none, and when the order is over', async () => {
    const { edge, challenges, looks } = await open('a.test');
    using _ = edge;
    const none = await call(edge.port, 'b.test', ['acme-tls/1']);
    assert.equal(none.certificate, undefined, 'no policy has this name');
    const beside = await call(edge.port, 'a.test', ['acme-tls/1', 'http/1.1']);
    assert.equal(beside.certificate?.subjectAltName, 'DNS:a.test, DNS:b.test', 'a client that can do more is a client');
    assert.equal(beside.said, '', 'and shows its certificate, or has none');
    const plain = await call(edge.port, 'a.test', ['http/1.1']);
    assert.equal(plain.certificate?.subjectAltName, 'DNS:a.test, DNS:b.test');
    assert.deepEqual(
      edge.refusals.items.map(({ code }) => code),
      ['unknown_sni', 'no_client_cert', 'no_client_cert'],
    );
    challenges.set([]);
    const after = await call(edge.port, 'a.test', ['acme-tls/1']);
    assert.equal(after.certificate, undefined);
    assert.equal(edge.refusals.items.at(-1)?.code, 'protocol_mismatch');
    assert.equal(looks(), 0);
  });
});
