import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import tls from 'node:tls';
import { diagnose, type DiagnosisInput } from './diagnose.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { verifyStrength, verifyDates } from './certificate-checks.ts';
import { type Issued, mintCa, openCa, type TestCa } from '../certs/test-ca.ts';
import { derTag } from '../asn1/der.ts';
import { encodeDer, encodeName } from '../asn1/der-writer.ts';
import { TrustBundle } from './trust-bundle.ts';

/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const day = 86_400_000;
const root = await mintCa({ subject: '/O=Ours/CN=Root' });
const inter = await root.issueCa({ cn: 'Issuing' });
const server = await inter.issue({ kind: 'server', sans: ['localhost'] });
const good = await root.issue({ kind: 'client', cn: 'good' });
const anchors = TrustBundle.parse(root.certPem).bundle as TrustBundle;
const known = {
  findIssuers: (facts: CertificateFacts) => (facts.issuer === 'CN=Issuing' ? [readFacts(inter.der)] : []),
};

function verify(raw: string, input: Partial<DiagnosisInput> = {}): string {
  const { code, detail } = diagnose({
    raw,
    leg: 1,
    leaf: readFacts(good.der),
    chain: [],
    bundle: anchors,
    now,
    ...input,
  });
  assert.notEqual(code, 'ok');
  assert.notEqual(detail, '');
  assert.doesNotMatch(detail, /[\x00-\x1f]/);
  return code;
}

/** What Node says about a client that presents this, and what it saw of its chain. */
async function present(
  client: { chainPem: string; keyPem: string } | undefined,
  ca = root.certPem,
): Promise<Partial<DiagnosisInput> & { raw: string }> {
  const gateway = tls.createServer({
    cert: server.chainPem,
    key: server.keyPem,
    ca,
    requestCert: true,
    rejectUnauthorized: false,
  });
  gateway.listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const { port } = gateway.address() as AddressInfo;
  const pair = client === undefined ? {} : { cert: client.chainPem, key: client.keyPem };
  // Level 0 lets the client send what is too weak: the gateway has to refuse it.
  const socket = tls.connect({
    port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: root.certPem,
    ciphers: 'DEFAULT@SECLEVEL=0',
    ...pair,
  });
  socket.on('error', () => undefined);
  const [accepted] = (await once(gateway, 'secureConnection')) as [tls.TLSSocket];
  const raw = accepted.authorizationError ?? '';
  const chain: CertificateFacts[] = [];
  for (let at = accepted.getPeerX509Certificate(); at !== undefined && chain.length < 10; at = at.issuerCertificate) {
    chain.push(readFacts(at.raw));
  }
  accepted.destroy();
  socket.destroy();
  gateway.close();
  await once(gateway, 'close');
  return { raw: String(raw), leaf: chain[0], chain };
}

test('real refusals of client certificates get their own codes', async () => {
  const client = { kind: 'client', cn: 'c' } as const;
  const other = await mintCa({ cn: 'Other' });
  const fake = await mintCa({ subject: '/O=Ours/CN=Root' });
  const leafCa = openCa(good.certPem, good.keyPem, root.certPem);
  const short = await (await root.issueCa({ cn: 'short', pathLength: 0 })).issueCa({ cn: 'below' });
  const lone = (made: Issued): Issued => ({ ...made, chainPem: made.certPem });
  const cases: [string, Issued | undefined, Partial<DiagnosisInput>?][] = [
    ['no_client_cert', undefined],
    ['untrusted_issuer', await other.issue(client)],
    ['untrusted_issuer', await fake.issue(client)],
    ['missing_intermediate', lone(await inter.issue(client)), { known }],
    ['untrusted_issuer', lone(await inter.issue(client))],
    ['expired', await root.issue({ ...client, notBefore: now - 2 * day, notAfter: now - day })],
    ['not_yet_valid', await root.issue({ ...client, notBefore: now + day })],
    ['wrong_purpose', await root.issue({ kind: 'server' })],
    ['weak_key', await root.issue({ ...client, hash: 'sha1' })],
    ['weak_key', await root.issue({ ...client, key: 'rsa-1024' })],
    ['untrusted_issuer', await leafCa.issue(client)],
    ['chain_too_deep', await short.issue(client)],
    [
      'malformed_cert',
      await root.issue({ ...client, extensions: [{ oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }] }),
    ],
  ];
  for (const [wanted, made, extra] of cases) {
    const seen = await present(made);
    assert.equal(verify(seen.raw, { ...seen, ...extra }), wanted, `${seen.raw} should be ${wanted}`);
  }
});

test('an issuer that nobody knows is untrusted, whatever its organisation, and both possibilities are named', async () => {
  const ours = await root.issueCa({ subject: '/O=Ours/CN=Not sent' });
  const twin = await mintCa({ subject: '/O=Ours/CN=Not sent' });
  const theirs = await mintCa({ subject: '/O=Theirs/CN=R' });
  const raw = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  for (const ca of [ours, twin, theirs]) {
    const leaf = readFacts((await ca.issue({ kind: 'client' })).der);
    const { code, detail } = diagnose({ raw, leg: 1, leaf, chain: [], bundle: anchors, now });
    assert.equal(code, 'untrusted_issuer');
    assert.match(
      detail,
      /not among the anchors \("CN=Root,O=Ours"\): another CA, or an intermediate .* not sent along$/,
    );
  }
});

test('an intermediate is missing where it is known, by its signature and not by its name', async () => {
  const ours = await root.issueCa({ cn: 'Below' });
  const deeper = await ours.issueCa({ cn: 'Deeper' });
  const plain = { extensions: [{ oid: '2.5.29.35', value: undefined }] };
  const twin = await (await mintCa({ cn: 'Other' })).issueCa({ cn: 'Below' });
  const stray = await (await mintCa({ cn: 'Other' })).issueCa({ cn: 'Stray' });
  const all = [ours, deeper, twin, stray].map(({ der }) => readFacts(der));
  const index = { findIssuers: (facts: CertificateFacts) => all.filter(({ subject }) => subject === facts.issuer) };
  const verdict = async (ca: TestCa): Promise<string> => {
    // Without a key identifier only the signature tells one CA from its namesake.
    const leaf = readFacts((await ca.issue({ kind: 'client', ...plain })).der);
    return verify('UNABLE_TO_VERIFY_LEAF_SIGNATURE', { leaf, known: index });
  };
  assert.equal(await verdict(ours), 'missing_intermediate');
  assert.equal(await verdict(deeper), 'missing_intermediate');
  assert.equal(await verdict(twin), 'untrusted_issuer');
  assert.equal(await verdict(stray), 'untrusted_issuer');
});

test('an intermediate is missing where the certificate says that its issuer is below an anchor of ours', async () => {
  const ours = await root.issueCa({ cn: 'Unseen' });
  const leafNaming = async (above: string): Promise<CertificateFacts> => {
    const name = encodeName([[['O', 'Ours']], [['CN', above]]]);
    const inside = Buffer.concat([
      encodeDer(0xa1, encodeDer(0xa4, name)),
      encodeDer(0x82, Buffer.from(readFacts(ours.der).serial, 'hex')),
    ]);
    const extensions = [{ oid: '2.5.29.35', value: encodeDer(derTag.sequence, inside) }];
    return readFacts((await ours.issue({ kind: 'client', extensions })).der);
  };
  const raw = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  assert.equal(verify(raw, { leaf: await leafNaming('Root') }), 'missing_intermediate');
  assert.equal(verify(raw, { leaf: await leafNaming('Another root') }), 'untrusted_issuer');
});

test('where the certificate says where its issuer is to be had, the sentence does, too', async () => {
  const aia = Buffer.from(
    '3029302706082b06010505073002861b687474703a2f2f612e746573742f6973737565722e63722e636572',
    'hex',
  );
  const withAia = await inter.issue({ kind: 'server', extensions: [{ oid: '1.3.6.1.5.5.7.1.1', value: aia }] });
  const raw = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  const leg2 = { raw, leg: 2, bundle: undefined, chain: [], now } as const;
  const said = diagnose({ ...leg2, leaf: readFacts(withAia.der) });
  assert.equal(said.code, 'untrusted_issuer');
  assert.match(
    said.detail,
    /\(the built-in roots\).*certificate of its issuer is at http:\/\/a\.test\/issuer\.cr\.cer$/,
  );
  const silent = diagnose({ ...leg2, leaf: readFacts(server.der) });
  assert.equal(silent.code, 'untrusted_issuer');
  assert.doesNotMatch(silent.detail, /http/);
  assert.equal(verify('DEPTH_ZERO_SELF_SIGNED_CERT', { ...leg2, leaf: readFacts(root.der) }), 'untrusted_issuer');
});

test('a client that is named like its CA is not called self-signed', async () => {
  const plain = { extensions: [{ oid: '2.5.29.35', value: undefined }] };
  const said = async (ca: TestCa): Promise<string> => {
    const leaf = readFacts((await ca.issue({ kind: 'client', subject: '/O=Ours/CN=Root', ...plain })).der);
    return diagnose({ raw: 'DEPTH_ZERO_SELF_SIGNED_CERT', leg: 1, leaf, chain: [], bundle: anchors, now }).detail;
  };
  assert.doesNotMatch(await said(root), /self-signed/);
  assert.match(
    await said(await mintCa({ subject: '/O=Ours/CN=Root' })),
    /another key, by which its signature does not/,
  );
  const own = await mintCa({ subject: '/O=Theirs/CN=self' });
  assert.match(
    diagnose({ raw: 'DEPTH_ZERO_SELF_SIGNED_CERT', leg: 1, leaf: readFacts(own.der), chain: [], bundle: anchors, now })
      .detail,
    /is self-signed/,
  );
});

test('a certificate that asks for an older certificate of its CA is told so, and not that its signature is wrong', async () => {
  const leafAskingFor = async (serial: string): Promise<CertificateFacts> => {
    const inside = Buffer.concat([
      encodeDer(0xa1, encodeDer(0xa4, encodeName([[['O', 'Ours']], [['CN', 'Root']]]))),
      encodeDer(0x82, Buffer.from(serial, 'hex')),
    ]);
    const extensions = [{ oid: '2.5.29.35', value: encodeDer(derTag.sequence, inside) }];
    return readFacts((await root.issue({ kind: 'client', extensions })).der);
  };
  const raw = 'UNABLE_TO_VERIFY_LEAF_SIGNATURE';
  const old = diagnose({ raw, leg: 1, leaf: await leafAskingFor('42'), chain: [], bundle: anchors, now });
  assert.equal(old.code, 'untrusted_issuer');
  assert.match(old.detail, /asks for the certificate of that CA with the serial number 42, and ours has [0-9a-f]+$/);
  assert.doesNotMatch(old.detail, /signature does not verify/);
});

test('an anchor that may not sign certificates is named as the cause', async () => {
  // Key usage: cRLSign alone.
  const mute = await mintCa({
    subject: '/O=Ours/CN=Mute',
    extensions: [{ oid: '2.5.29.15', critical: true, value: Buffer.from('03020102', 'hex') }],
  });
  const seen = await present(await mute.issue({ kind: 'client' }), mute.certPem);
  const bundle = TrustBundle.parse(mute.certPem).bundle as TrustBundle;
  const leaf = seen.leaf as CertificateFacts;
  const { code, detail } = diagnose({ leg: 1, chain: [], ...seen, leaf, bundle, now });
  assert.equal(code, 'untrusted_issuer');
  assert.match(detail, /its key usage lacks keyCertSign/);
});

test('a CA that was made anew under its old name is told from one that nobody knows', async () => {
  const anew = await mintCa({ subject: '/O=Ours/CN=Root' });
  const leaf = readFacts((await anew.issue({ kind: 'client' })).der);
  const input = { raw: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', leg: 1, chain: [], bundle: anchors, now } as const;
  const { code, detail } = diagnose({ ...input, leaf });
  assert.equal(code, 'untrusted_issuer');
  assert.match(detail, /an anchor has that name but another key/);
});

test('an anchor that is an intermediate without its root is named as the cause', async () => {
  const partial = TrustBundle.parse(inter.certPem).bundle as TrustBundle;
  const leaf = readFacts((await inter.issue({ kind: 'client' })).der);
  const { code, detail } = diagnose({
    raw: 'UNABLE_TO_GET_ISSUER_CERT',
    leg: 1,
    leaf,
    chain: [],
    bundle: partial,
    now,
  });
  assert.equal(code, 'untrusted_issuer');
  assert.match(detail, /its root is not among the anchors/);
});

test('verification codes map to ours, with and without the prefix of OpenSSL', () => {
  const table: Record<string, string> = {
    CERT_HAS_EXPIRED: 'expired',
    CERT_NOT_YET_VALID: 'not_yet_valid',
    CERT_REVOKED: 'revoked',
    UNABLE_TO_GET_CRL: 'revocation_unknown',
    CRL_SIGNATURE_FAILURE: 'revocation_unknown',
    CRL_HAS_EXPIRED: 'crl_stale',
    CRL_NOT_YET_VALID: 'crl_stale',
    INVALID_PURPOSE: 'wrong_purpose',
    HOSTNAME_MISMATCH: 'name_mismatch',
    ERR_TLS_CERT_ALTNAME_INVALID: 'name_mismatch',
    PERMITTED_VIOLATION: 'name_mismatch',
    CERT_CHAIN_TOO_LONG: 'chain_too_deep',
    PATH_LENGTH_EXCEEDED: 'chain_too_deep',
    EE_KEY_TOO_SMALL: 'weak_key',
    CA_MD_TOO_WEAK: 'weak_key',
    UNHANDLED_CRITICAL_EXTENSION: 'malformed_cert',
    INVALID_CA: 'untrusted_issuer',
    CERT_UNTRUSTED: 'untrusted_issuer',
    SELF_SIGNED_CERT_IN_CHAIN: 'untrusted_issuer',
    CERT_SIGNATURE_FAILURE: 'untrusted_issuer',
    OUT_OF_MEM: 'untrusted_issuer',
    SOMETHING_NEW: 'untrusted_issuer',
    '': 'untrusted_issuer',
  };
  for (const [raw, wanted] of Object.entries(table)) {
    assert.equal(verify(raw), wanted, raw);
    assert.equal(verify(`X509_V_ERR_${raw}`), wanted, raw);
  }
});

test('alerts and errors of both spellings map to ours', () => {
  const table: [raw: string, leg1: string, leg2: string][] = [
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'refused_by_peer', 'refused_by_peer'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'refused_by_peer', 'refused_by_peer'],
    ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'refused_by_peer', 'refused_by_peer'],
    ['ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN', 'refused_by_peer', 'refused_by_peer'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'refused_by_peer', 'no_client_cert'],
    ['ERR_SSL_TLSV1_UNRECOGNIZED_NAME', 'refused_by_peer', 'refused_by_peer'],
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', 'protocol_mismatch', 'protocol_mismatch'],
    ['ERR_SSL_NO_SHARED_CIPHER', 'protocol_mismatch', 'protocol_mismatch'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', 'protocol_mismatch', 'protocol_mismatch'],
    ['ERR_SSL_NO_SUITABLE_KEY_SHARE', 'protocol_mismatch', 'protocol_mismatch'],
    ['ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'no_client_cert', 'no_client_cert'],
    ['ERR_SSL_HTTP_REQUEST', 'not_tls', 'not_tls'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'not_tls', 'not_tls'],
    ['ERR_SSL_PACKET_LENGTH_TOO_LONG', 'not_tls', 'not_tls'],
    ['ERR_SSL_EE_KEY_TOO_SMALL', 'weak_key', 'weak_key'],
    ['ERR_SSL_SOMETHING_NEW', 'malformed_handshake', 'malformed_handshake'],
    ['ECONNRESET', 'refused_by_peer', 'refused_by_peer'],
    ['EPIPE', 'refused_by_peer', 'refused_by_peer'],
    ['ETIMEDOUT', 'timeout', 'timeout'],
    ['ERR_TLS_HANDSHAKE_TIMEOUT', 'timeout', 'timeout'],
  ];
  for (const [raw, leg1, leg2] of table) {
    assert.equal(verify(raw, { leg: 1, leaf: undefined }), leg1, raw);
    assert.equal(verify(raw, { leg: 2, leaf: undefined }), leg2, raw);
  }
});

test('handshake_failure from a backend means a missing certificate once its own was seen, else no common cipher', () => {
  for (const raw of ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE']) {
    assert.equal(verify(raw, { leg: 2, leaf: readFacts(server.der) }), 'no_client_cert');
    assert.equal(verify(raw, { leg: 2, leaf: undefined }), 'protocol_mismatch');
    assert.equal(verify(raw, { leg: 1 }), 'protocol_mismatch');
  }
});

test('details name dates, clock, issuer and anchors, with hostile subjects escaped', async () => {
  const old = await root.issue({
    kind: 'client',
    subject: '/CN=a\u202eb',
    notBefore: now - 2 * day,
    notAfter: now - day,
  });
  const expired = diagnose({
    raw: 'CERT_HAS_EXPIRED',
    leg: 1,
    leaf: readFacts(old.der),
    chain: [],
    bundle: anchors,
    now,
  });
  assert.ok(expired.detail.includes(new Date(now).toISOString()));
  assert.match(expired.detail, /^"CN=a\\E2\\80\\AEb": it expired on /);
  const stranger = await (await mintCa({ cn: 'Elsewhere' })).issue({ kind: 'client', cn: 'x' });
  const unknown = diagnose({
    raw: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    leg: 1,
    leaf: readFacts(stranger.der),
    chain: [],
    bundle: anchors,
    now,
  });
  assert.match(unknown.detail, /"CN=x": its issuer "CN=Elsewhere" is not among the anchors \("CN=Root,O=Ours"\)/);
});

test('the strength floor: RSA 2048, EC 256, no SHA-1 but on a self-signed certificate', async () => {
  const weak = async (options: Parameters<typeof root.issue>[0]): Promise<string | undefined> =>
    verifyStrength(readFacts((await root.issue(options)).der))?.code;
  assert.equal(await weak({ kind: 'client' }), undefined);
  assert.equal(await weak({ kind: 'client', key: 'rsa' }), undefined);
  assert.equal(await weak({ kind: 'client', key: 'ed25519' }), undefined);
  assert.equal(await weak({ kind: 'client', key: 'rsa-1024' }), 'weak_key');
  assert.equal(await weak({ kind: 'client', hash: 'sha1' }), 'weak_key');
  assert.equal(verifyStrength(readFacts((await mintCa({ hash: 'sha1' })).der)), undefined);
  assert.equal(verifyStrength({ ...readFacts(good.der), key: 'EC P-224' })?.code, 'weak_key');
  assert.equal(verifyStrength({ ...readFacts(good.der), key: 'EC 1.2.3' })?.code, 'weak_key');
  assert.equal(verifyStrength({ ...readFacts(good.der), key: 'DSA' })?.code, 'weak_key');
});

test('dates are judged against the clock that is passed in, both ends included', () => {
  const facts = readFacts(good.der);
  assert.equal(verifyDates(facts, facts.notBefore), undefined);
  assert.equal(verifyDates(facts, facts.notAfter), undefined);
  assert.equal(verifyDates(facts, facts.notAfter + 1)?.code, 'expired');
  assert.equal(verifyDates(facts, facts.notBefore - 1)?.code, 'not_yet_valid');
});
