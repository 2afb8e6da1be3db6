import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { before, describe, it } from 'node:test';
import fc from 'fast-check';
import { encodeDer, encodeObjectId } from '../asn1/der-writer.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { encodeOcspRequest, makeCertId, type OcspCertId } from './request.ts';
import { type OcspQuestion, verifyOcspResponse } from './response.ts';
import { type ResponseDraft, type SingleDraft, writeOcspRefusal, writeOcspResponse } from './writer.ts';
import { type Issued, type LeafOptions, mintCa, type TestCa } from '../certs/test-ca.ts';

const minute = 60_000;
const hour = 60 * minute;
const now = Math.floor(Date.now() / 1000) * 1000;

/** Extended key usage extension with these OIDs. */
const usage = (...oids: string[]) => [
  { oid: '2.5.29.37', value: encodeDer(0x30, ...oids.map((oid) => encodeObjectId(oid))) },
];
const ocspSigning = '1.3.6.1.5.5.7.3.9';
const serverAuth = '1.3.6.1.5.5.7.3.1';
const anyUsage = '2.5.29.37.0';

let ca: TestCa;
let leaf: Issued;
let other: Issued;
let delegate: Issued;
let id: OcspCertId;

before(async () => {
  ca = await mintCa({ cn: 'OCSP CA' });
  leaf = await ca.issue({ kind: 'client', cn: 'alice' });
  other = await ca.issue({ kind: 'client', cn: 'bob' });
  delegate = await issueResponder({});
  id = idOf(leaf);
});

async function issueResponder(options: Partial<LeafOptions>, by: TestCa = ca): Promise<Issued> {
  return by.issue({ kind: 'none', cn: 'responder', extensions: usage(ocspSigning), ...options });
}

function idOf(of: Issued): OcspCertId {
  return makeCertId(readFacts(of.der), readFacts(ca.der));
}

function respond(single: Partial<SingleDraft> = {}, draft: Partial<ResponseDraft> = {}): Buffer {
  return writeOcspResponse({
    signer: delegate,
    certificates: [(draft.signer ?? delegate).der],
    producedAt: now - minute,
    responses: [{ id, thisUpdate: now - minute, nextUpdate: now + hour, ...single }],
    ...draft,
  });
}

function verify(der: Buffer, question: Partial<OcspQuestion> = {}) {
  return verifyOcspResponse(der, { id, issuer: readFacts(ca.der), now, maxAgeMs: hour, ...question });
}

/** 'good', …, or the problem and its detail. */
function outcome(der: Buffer, question: Partial<OcspQuestion> = {}): string {
  const result = verify(der, question);
  return result.ok ? result.answer.status : `${result.problem}: ${result.detail}`;
}

describe('an OCSP request', () => {
  it('is what openssl asks for the same certificate, but for the nonce', async (t) => {
    const { mkdtempSync, writeFileSync, readFileSync, rmSync } = await import('node:fs');
    const dir = mkdtempSync(`${process.env['TMPDIR'] ?? '/tmp'}/ocsp-request-`);
    t.after(() => rmSync(dir, { recursive: true }));
    writeFileSync(`${dir}/ca.pem`, ca.certPem);
    writeFileSync(`${dir}/leaf.pem`, leaf.certPem);
    const args = ['ocsp', '-issuer', `${dir}/ca.pem`, '-cert', `${dir}/leaf.pem`, '-no_nonce', '-reqout', `${dir}/req`];
    execFileSync('openssl', args, { timeout: 20_000 });
    assert.deepEqual(encodeOcspRequest(id), readFileSync(`${dir}/req`));
  });
});

describe('an OCSP response', () => {
  it('of a responder that the issuer delegated is believed, named by key or by name', () => {
    const result = verify(respond());
    assert.deepEqual(result, {
      ok: true,
      answer: {
        status: 'good',
        revokedAt: undefined,
        reason: undefined,
        thisUpdate: now - minute,
        validUntil: now + hour,
        producedAt: now - minute,
      },
    });
    assert.equal(outcome(respond({}, { by: 'name' })), 'good');
  });

  it('of the issuer itself is believed, with and without certificates', () => {
    assert.equal(outcome(respond({}, { signer: ca, certificates: [] })), 'good');
    assert.equal(outcome(respond({}, { signer: ca, by: 'name', certificates: [ca.der] })), 'good');
  });

  it('says when and why a certificate was revoked', () => {
    const result = verify(respond({ status: 'revoked', revokedAt: now - hour, reason: 1 }));
    assert.ok(result.ok);
    const { status, revokedAt, reason } = result.answer;
    assert.deepEqual([status, revokedAt, reason], ['revoked', now - hour, 'keyCompromise']);
    assert.equal(outcome(respond({ status: 'revoked' })), 'revoked');
    assert.equal(outcome(respond({ status: 'unknown' })), 'unknown');
  });

  it('is found among responses for other certificates, and refused where ours is not there or there twice', () => {
    const times = { thisUpdate: now - minute, nextUpdate: now + hour };
    const about = (...ids: OcspCertId[]) =>
      outcome(respond({}, { responses: ids.map((one) => ({ id: one, ...times })) }));
    assert.equal(about(idOf(other), id), 'good');
    assert.match(about(idOf(other)), /^wrong_certificate/);
    assert.match(about(), /^wrong_certificate/);
    assert.match(about(id, id), /^malformed: .*twice/);
    assert.match(about({ ...id, issuerKeyHash: Buffer.alloc(20) }), /^wrong_certificate/);
    assert.match(about({ ...id, issuerNameHash: Buffer.alloc(20) }), /^wrong_certificate/);
    assert.match(about({ ...id, serial: Buffer.concat([id.serial, Buffer.from([0])]) }), /^wrong_certificate/);
  });

  it('that carries no answer says so in the words of the standard', () => {
    for (const [status, name] of [
      [1, 'malformedRequest'],
      [2, 'internalError'],
      [3, 'tryLater'],
      [5, 'sigRequired'],
      [6, 'unauthorized'],
    ] as const) {
      assert.equal(outcome(writeOcspRefusal(status)), `responder_refused: the responder answers ${name}`);
    }
    assert.match(outcome(writeOcspRefusal(4)), /^malformed/);
    assert.match(outcome(writeOcspRefusal(0)), /^malformed/);
  });
});

describe('the time of an OCSP response', () => {
  it('is over after nextUpdate, and without one after maxAgeMs', () => {
    assert.equal(outcome(respond({ nextUpdate: now })), 'good');
    assert.match(outcome(respond({ nextUpdate: now - 1000 })), /^expired/);
    const open = respond({ nextUpdate: undefined as never });
    assert.equal(outcome(open), 'good');
    assert.match(outcome(open, { maxAgeMs: 30_000 }), /^expired: .*no nextUpdate/);
  });

  it('may be ahead of our clock by five minutes and no more', () => {
    assert.equal(outcome(respond({ thisUpdate: now + 4 * minute })), 'good');
    assert.match(outcome(respond({ thisUpdate: now + 6 * minute })), /^not_yet_valid/);
    assert.match(outcome(respond({}, { producedAt: now + 6 * minute })), /^not_yet_valid/);
    assert.match(outcome(respond({ nextUpdate: now - 2 * minute })), /^malformed: .*before it begins/);
  });

  it('does not heal a revocation', () => {
    assert.equal(outcome(respond({ status: 'revoked', nextUpdate: now - 1000 })), 'revoked');
    assert.match(outcome(respond({ status: 'unknown', nextUpdate: now - 1000 })), /^expired/);
  });
});

describe('the signature of an OCSP response', () => {
  it('must be right', () => {
    assert.match(outcome(respond({}, { breakSignature: true })), /^bad_signature: .*not of this key/);
  });

  it('must not be made with SHA-1', () => {
    assert.match(outcome(respond({}, { hash: 'sha1' })), /^bad_signature: .*SHA-1/);
  });

  it('may be RSA, EC or Ed25519', async () => {
    for (const key of ['rsa', 'ec-p384', 'ed25519'] as const) {
      assert.equal(outcome(respond({}, { signer: await issueResponder({ key }) })), 'good', key);
    }
  });

  it('counts only by whom the issuer itself certified for it', async () => {
    const foreign = await mintCa({ cn: 'OCSP CA' });
    const below = await ca.issueCa({ cn: 'below' });
    const cases: [RegExp, Issued][] = [
      [/without id-kp-OCSPSigning/, other],
      [/without id-kp-OCSPSigning/, await issueResponder({ extensions: usage(anyUsage) })],
      [/without id-kp-OCSPSigning/, await issueResponder({ extensions: usage(serverAuth) })],
      [/without id-kp-OCSPSigning/, await issueResponder({ extensions: [] })],
      [/did not certify/, await issueResponder({}, foreign)],
      [/did not certify/, await issueResponder({}, below)],
      [/not valid: it expired/, await issueResponder({ notBefore: now - 2 * hour, notAfter: now - hour })],
      [/not valid: it is valid from/, await issueResponder({ notBefore: now + hour })],
      [/too weak/, await issueResponder({ key: 'rsa-1024' })],
      [/too weak/, await issueResponder({ hash: 'sha1' })],
      [
        /unknown critical extension 1\.2\.3\.4/,
        await issueResponder({
          extensions: [...usage(ocspSigning), { oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }],
        }),
      ],
    ];
    for (const [why, signer] of cases) {
      assert.match(outcome(respond({}, { signer })), why);
      assert.match(outcome(respond({}, { signer })), /^bad_signature/);
    }
    assert.match(outcome(respond({}, { signer: foreign, certificates: [foreign.der] })), /^bad_signature/);
  });

  it('counts for nothing where the signer is not there, or another than it says', () => {
    assert.match(outcome(respond({}, { certificates: [] })), /signed by nobody/);
    assert.match(outcome(respond({}, { certificates: [other.der] })), /signed by nobody/);
    const swapped = { der: delegate.der, keyPem: other.keyPem };
    assert.match(outcome(respond({}, { signer: swapped })), /not of this key/);
  });

  it('is looked for among several certificates, a broken one included', () => {
    const broken = Buffer.from([0x30, 0]);
    assert.equal(outcome(respond({}, { certificates: [broken, other.der, delegate.der] })), 'good');
    const nine = Array.from({ length: 9 }, () => delegate.der);
    assert.match(outcome(respond({}, { certificates: nine })), /^malformed: .*more than 8/);
  });
});

describe('an extension of an OCSP response', () => {
  it('that is critical and unknown refuses it, one that is not is passed over', () => {
    const oid = '1.2.3.4';
    for (const critical of [true, false]) {
      const wanted = critical ? /^critical_extension: .*1\.2\.3\.4/ : /^good$/;
      assert.match(outcome(respond({ extension: { oid, critical } })), wanted);
      assert.match(outcome(respond({}, { extension: { oid, critical } })), wanted);
    }
  });
});

describe('bytes that are no OCSP response', () => {
  it('never throw and never mean anything', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        assert.match(outcome(Buffer.from(bytes)), /^(malformed|responder_refused)/);
      }),
    );
    assert.match(outcome(Buffer.alloc(64 * 1024 + 1, 0x30)), /^malformed: .*over 65536/);
  });

  it('whatever one byte of a good one is changed to, never say more than it did', () => {
    const good = respond();
    const certificatesFrom = good.indexOf(delegate.der);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Buffer.from(good);
        changed[at] = (changed[at] as number) ^ flip;
        const said = outcome(changed);
        // What is not signed (the certificate's own signature is: only its header bytes may survive) cannot add anything.
        if (said === 'good') assert.ok(at >= certificatesFrom || at < 64, `byte ${at} of ${good.length}`);
        else assert.doesNotMatch(said, /^(revoked|unknown)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it('cut short at any place are refused', () => {
    const good = respond();
    for (let length = 0; length < good.length; length += 1) {
      assert.match(outcome(good.subarray(0, length)), /^malformed/);
    }
  });
});
