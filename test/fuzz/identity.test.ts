// Names in certificates on their whole way, from DER through verdict to header, access log and handshake record: a name is
// refused as malformed_cert, or every reader gets back exactly what stands in the certificate (incidents 8, 11, 15).
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { Fault } from '../../src/base/fault.ts';
import type { ForwardClientCertConfig } from '../../src/config/gateway-config.ts';
import { ChainCache } from '../../src/trust/chain-cache.ts';
import { TrustPolicy } from '../../src/downstream/trust-policy.ts';
import { makeHandshakeRecord } from '../../src/downstream/handshake-record.ts';
import { Intermediates } from '../../src/trust/intermediates.ts';
import { verifyClient } from '../../src/trust/verify-client.ts';
import { type FieldBlock, Fields } from '../../src/http/field.ts';
import { ForwardedIdentity } from '../../src/forwarding/forwarded-identity.ts';
import { parseXfcc } from '../../src/forwarding/xfcc.ts';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import { FactsCache } from '../../src/certs/facts-cache.ts';
import type { CertificateFacts } from '../../src/certs/facts.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { type Issued, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { findIdentity, type Identity, type Verdict } from '../../src/trust/verdict.ts';
import { accessLogLine } from '../../src/telemetry/access-log.ts';
import { AccessLogFields } from '../../src/telemetry/access-log-fields.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { startBackend } from '../support/backend.ts';
import { startGateway } from '../support/gateway.ts';
import { type HostileNames, hostileNames, issueOptions } from '../support/hostile-names.ts';
import { readByteSequences, readDistinguishedName, readEscapedPem, readSanList } from '../support/identity-readers.ts';
import { sClient } from '../support/openssl.ts';
import { openPki } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { droppingReader, exactReaders, naiveAttributes } from '../support/xfcc-readers.ts';

const everything: ForwardClientCertConfig = {
  mode: undefined,
  xfcc: { format: 'text', subject: true, uri: true, dns: true, cert: true, chain: true },
  rfc9440: { clientCert: true, chain: true },
  custom: [
    { name: 'X-Pem', value: 'pem' },
    { name: 'X-Der', value: 'der' },
    { name: 'X-Subject', value: 'subject' },
    { name: 'X-Issuer', value: 'issuer' },
    { name: 'X-Serial', value: 'serial' },
    { name: 'X-Fingerprint', value: 'fingerprint' },
    { name: 'X-Spiffe', value: 'spiffe' },
    { name: 'X-Sans', value: 'sans' },
  ],
};

let ca: TestCa;
let keyPem: string;
let policy: TrustPolicy;

before(async () => {
  ca = await mintCa({ subject: '/O=Test, "Inc."/CN=fuzz' });
  const own = await ca.issue({ kind: 'server', sans: ['a.test'] });
  keyPem = own.keyPem;
  policy = new TrustPolicy({
    name: 'fuzz',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    certificates: [{ certPem: own.chainPem, keyPem, names: ['a.test'] }],
    clientAuth: { caPem: [ca.certPem], required: true, onFailure: 'close', maxDepth: 4, distrustGraceMs: 500 },
    resumption: { enabled: true, lifetimeS: 60, secret: randomBytes(32) },
  });
});

/** As after a handshake in which OpenSSL found nothing wrong. */
function verify({ der }: Issued): Verdict {
  const leaf = new X509Certificate(der);
  const setup = { facts: new FactsCache(), chains: new ChainCache(), intermediates: new Intermediates() };
  return verifyClient(
    { authorized: true, raw: '', leaf, resumed: false, version: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' },
    { policy, ...setup, now: Date.now() },
  );
}

function blockOf(identity: Identity, ownUris: readonly string[]): FieldBlock | undefined {
  try {
    return new ForwardedIdentity(identity, everything, ownUris).block(new Fields());
  } catch (error) {
    assert.ok(error instanceof Fault && error.code === 'identity_too_large', String(error));
    return undefined;
  }
}

/** What the subject must read as: RDNs and their attributes backwards, unknown types as the hex of their DER. */
function expectedSubject({ subject }: HostileNames): (readonly [string, string])[][] {
  return subject.toReversed().map((rdn) =>
    rdn.toReversed().map(([type, value]) => {
      if (!type.includes('.')) return [type, value] as const;
      return [type, `#${encodeDer(0x0c, Buffer.from(value)).toString('hex').toUpperCase()}`] as const;
    }),
  );
}

/** As a URI has to write what no URI and no host name can hold. */
function uriText(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\\', '%5C');
}

/** Whoever reads the header, whatever a backslash is to them: one element, its names, and no attribute that is not there. */
function checkReaders(
  xfcc: string,
  { uris, dns }: { readonly uris: readonly string[]; readonly dns: readonly string[] },
  names: HostileNames,
): void {
  const expected = expectedSubject(names);
  for (const [who, read] of [...Object.entries(exactReaders), ['dropping', droppingReader] as const]) {
    const [element, ...more] = read(xfcc);
    assert.ok(element !== undefined && more.length === 0, `${who}: ${xfcc}`);
    assert.deepEqual(
      [...element.keys()].toSorted(),
      ['by', 'cert', 'chain', 'dns', 'hash', 'subject', 'uri'].filter((key) => key !== 'dns' || dns.length > 0),
    );
    assert.deepEqual([element.get('uri'), element.get('dns') ?? []], [uris, dns], who);
    const [subject = '', ...others] = element.get('subject') ?? [];
    assert.deepEqual(others, []);
    if (who !== 'dropping') assert.deepEqual(readDistinguishedName(subject), expected, `${who}: ${subject}`);
    const types = naiveAttributes(subject).map((attribute) => attribute.slice(0, attribute.indexOf('=')));
    assert.deepEqual(
      types,
      expected.flat().map(([type]) => type),
      `${who}: ${subject}`,
    );
  }
}

function checkHeaders({ pairs, text }: FieldBlock, leaf: CertificateFacts, names: HostileNames): void {
  assert.match(text, /^(?:[A-Za-z0-9-]+: [\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?\r\n)+$/);
  const fields = new Map(pairs);
  assert.equal(fields.size, pairs.length, 'no field twice');
  const get = (name: string): string => fields.get(name) ?? '';

  const sansOf = (type: string): string[] => leaf.sans.filter((one) => one.type === type).map(({ value }) => value);
  const uris = sansOf('URI');
  const xfcc = get('X-Forwarded-Client-Cert');
  const [element, ...more] = parseXfcc(xfcc) ?? [];
  assert.ok(element !== undefined && more.length === 0);
  const { cert = '', chain = '', subject = '', ...rest } = element;
  const wanted = {
    by: ['spiffe://example.org/gateway'],
    hash: leaf.sha256,
    uris: (uris.length === 0 ? [''] : uris).map(uriText),
    dns: sansOf('DNS').map(uriText),
  };
  assert.deepEqual(rest, wanted);
  for (const pem of [cert, chain, get('X-Pem')]) assert.deepEqual(readEscapedPem(pem), [leaf.der]);
  for (const name of [subject, get('X-Subject')]) {
    assert.deepEqual(readDistinguishedName(name), expectedSubject(names), name);
  }
  checkReaders(xfcc, wanted, names);
  assert.deepEqual(readByteSequences(get('Client-Cert')), [leaf.der]);
  assert.equal(fields.has('Client-Cert-Chain'), false);
  assert.deepEqual(Buffer.from(get('X-Der'), 'base64'), leaf.der);
  assert.equal(get('X-Issuer'), 'CN=fuzz,O=Test\\, \\"Inc.\\"');
  assert.deepEqual([get('X-Serial'), get('X-Fingerprint')], [leaf.serial.toUpperCase(), leaf.sha256]);
  if (fields.has('X-Spiffe')) assert.deepEqual(uris, [get('X-Spiffe')]);
  assert.deepEqual(fields.has('X-Sans') ? readSanList(get('X-Sans')) : [], leaf.sans);
}

function checkAccessLog(verdict: Verdict, identity: Identity): void {
  const peer = { remoteAddress: '192.0.2.1', serverName: 'a.test', policy: 'fuzz', verdict, identity };
  const client = new AccessLogFields().describePeer(peer);
  const line = accessLogLine(
    {
      time: 0,
      requestId: 'id',
      client,
      method: 'GET',
      host: 'a.test',
      target: '/',
      version: 20,
      status: 200,
      grpcStatus: undefined,
      code: '',
      rule: '',
      detail: '',
      route: 'all',
      backend: 'b:1',
      backendCertificate: '',
      durationMs: 1,
      receivedBytes: 0,
      sentBytes: 0,
    },
    '2026-01-01T00:00:00.000Z',
  );
  assert.match(line, /^[\x20-\x7e]{1,4095}\n$/);
  const parsed = JSON.parse(line) as { status: number; client: { subject: string; sha256: string; uris?: string[] } };
  assert.deepEqual([parsed.status, parsed.client.sha256], [200, identity.leaf.sha256]);
  const { subject } = identity.leaf;
  if (subject.length < 300) assert.equal(parsed.client.subject, subject);
}

/** Both formats of the log: one line each, nothing in it that a terminal acts on. */
function logLines(leaf: CertificateFacts | undefined, verdict: Verdict): string[] {
  using dir = openTempDir('fuzz-log');
  const record = makeHandshakeRecord({
    time: 0,
    remoteAddress: '192.0.2.1',
    remotePort: 1,
    localPort: 2,
    serverName: 'a.test',
    offered: ['TLSv1.3'],
    negotiated: 'TLSv1.3',
    policy: 'fuzz',
    code: 'malformed_cert' as const,
    raw: '',
    detail: verdict.detail,
    leaf,
  });
  return (['json', 'text'] as const).map((format) => {
    const file = dir.file(format);
    const log = createLogger({ level: 'info', format, file, now: () => 0 });
    log.warn({ ...record }, 'TLS handshake refused');
    log.close();
    return readFileSync(file, 'utf8');
  });
}

function checkHandshakeLog(leaf: CertificateFacts | undefined, verdict: Verdict): void {
  const [json = '', text = ''] = logLines(leaf, verdict);
  for (const line of [json, text]) assert.match(line, /^[^\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+\n$/u);
  const parsed = JSON.parse(json) as { policy: string; leaf?: { sha256: string } };
  assert.deepEqual([parsed.policy, parsed.leaf?.sha256], ['fuzz', leaf?.sha256]);
}

describe('names in certificates', () => {
  it('are refused as malformed, or reach backends and logs as what they are', async () => {
    const seen = { refused: 0, tooLarge: 0, forwarded: 0 };
    await fc.assert(
      fc.asyncProperty(hostileNames, async (names) => {
        const issued = await ca.issue({ ...issueOptions(names), keyPem });
        const verdict = verify(issued);
        const identity = findIdentity(verdict);
        checkHandshakeLog(verdict.leaf, verdict);
        if (identity === undefined) {
          seen.refused += 1;
          assert.equal(verdict.code, 'malformed_cert');
          return;
        }
        for (const [index, { type, value }] of names.sans.entries()) {
          if (type !== 'IP') assert.equal(identity.leaf.sans[index]?.value, value);
        }
        checkAccessLog(verdict, identity);
        const block = blockOf(identity, ['spiffe://example.org/gateway']);
        if (block === undefined) {
          seen.tooLarge += 1;
          return;
        }
        seen.forwarded += 1;
        checkHeaders(block, identity.leaf, names);
      }),
      { numRuns: 400 },
    );
    // A generator that only ever makes one kind of certificate proves little.
    assert.ok(seen.refused > 20 && seen.forwarded > 100, JSON.stringify(seen));
  });

  it('do so over a real handshake too, from openssl to a backend and a log file', async () => {
    await using stack = new AsyncDisposableStack();
    const pki = stack.use(await openPki());
    const recorder = stack.use(await startBackend());
    const access = pki.dir.file('access.log');
    const custom = everything.custom.map(({ name, value }) => `{name: ${name}, value: ${value}}`).join(', ');
    const gateway = await startGateway({
      yaml: `version: 2
gateway:
  accessLog: {enabled: true, path: ${access}}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
  forwardClientCert:
    xfcc: {cert: true, chain: true}
    rfc9440: {clientCert: true, chain: true}
    custom: [${custom}]
  routes:
    - {name: all, path: /, target: "http://localhost:${recorder.port}"}
`,
      dir: pki.dir,
    });
    stack.use(gateway);
    // What the check of the configuration said before is no log yet.
    const started = gateway.log.length;
    const samples = fc.sample(hostileNames, 30);
    let forwarded = 0;
    for (const [at, names] of samples.entries()) {
      const client = await pki.clients.issueFiles(`hostile-${at}`, {
        ...issueOptions(names),
        keyPem: pki.alice.keyPem,
      });
      const expected = blockFrom(client);
      const from = recorder.requests.length;
      const { status, output } = await sClient({
        port: gateway.ports.webSecure,
        cert: client.cert,
        key: client.key,
        request: `GET /${at} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`,
      });
      const shown = `${client.certPem}\n${output}`;
      const seen = recorder.requests.items.slice(from);
      assert.equal(status, expected === 'refused' ? undefined : expected === 'tooLarge' ? 403 : 200, shown);
      assert.equal(seen.length, typeof expected === 'string' ? 0 : 1, shown);
      if (typeof expected === 'string') continue;
      forwarded += 1;
      const ours = new Set(everything.custom.map(({ name }) => name)).add('X-Forwarded-Client-Cert').add('Client-Cert');
      const { rawHeaders = [] } = seen[0] ?? {};
      const pairs = rawHeaders.flatMap((name, index) =>
        index % 2 === 0 && ours.has(name) ? [[name, rawHeaders[index + 1] ?? ''] as const] : [],
      );
      assert.deepEqual(pairs, expected.pairs, shown);
    }
    await gateway.stop();
    assert.ok(forwarded > 0);
    const lines = readFileSync(access, 'latin1').trimEnd().split('\n');
    const paths = lines.map((line) => (JSON.parse(line) as { path: string }).path);
    assert.equal(new Set(paths).size, lines.length, 'one line each');
    assert.ok(lines.length >= forwarded && lines.every((line) => /^[\x20-\x7e]+$/.test(line)));
    for (const line of gateway.log.items.slice(started)) assert.ok('level' in line, `no JSON: ${JSON.stringify(line)}`);
  });
});

/** What the backend of a gateway without URI SANs must get: worked out here from the certificate alone. */
function blockFrom({ der }: Issued): FieldBlock | 'refused' | 'tooLarge' {
  let leaf: CertificateFacts;
  try {
    leaf = readFacts(der);
  } catch {
    return 'refused';
  }
  return blockOf({ leaf, chain: [leaf], chainKnown: true, anchor: undefined }, []) ?? 'tooLarge';
}
