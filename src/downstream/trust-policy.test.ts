import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { before, test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import type { RevocationList } from '../trust/revocation.ts';
import { TrustPolicy, type TrustPolicyOptions } from './trust-policy.ts';

const secret = randomBytes(32);
let one: TestCa;
let two: TestCa;
let own: Issued;
let other: Issued;

before(async () => {
  [one, two] = await Promise.all([mintCa({ cn: 'one' }), mintCa({ cn: 'two' })]);
  [own, other] = await Promise.all([
    one.issue({ kind: 'server', sans: ['a.test'] }),
    one.issue({ kind: 'server', sans: ['a.test'] }),
  ]);
});

function options(change: Partial<TrustPolicyOptions> = {}): TrustPolicyOptions {
  return {
    name: 'p',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    certificates: [{ certPem: own.chainPem, keyPem: own.keyPem, names: ['a.test'] }],
    clientAuth: { caPem: [one.certPem], required: true, onFailure: 'close', maxDepth: 4, distrustGraceMs: 500 },
    resumption: { enabled: true, lifetimeS: 60, secret },
    ...change,
  };
}

function auth(change: Partial<NonNullable<TrustPolicyOptions['clientAuth']>>): Partial<TrustPolicyOptions> {
  return {
    clientAuth: {
      caPem: [one.certPem],
      required: true,
      onFailure: 'close',
      maxDepth: 4,
      distrustGraceMs: 500,
      ...change,
    },
  };
}

test('everything that decides trust is in the digest', () => {
  const base = new TrustPolicy(options()).digest;
  const changes: readonly Partial<TrustPolicyOptions>[] = [
    { name: 'q' },
    { minVersion: 'TLSv1.3' },
    { maxVersion: 'TLSv1.2' },
    { ciphers: ['ECDHE-ECDSA-AES256-GCM-SHA384'] },
    { curves: ['P-256'] },
    { clientAuth: undefined },
    auth({ required: false }),
    auth({ onFailure: 'explain' }),
    auth({ maxDepth: 5 }),
    auth({ caPem: [two.certPem] }),
    auth({ caPem: [one.certPem, two.certPem] }),
  ];
  const digests = new Set([base, ...changes.map((change) => new TrustPolicy(options(change)).digest)]);
  assert.equal(digests.size, changes.length + 1);
});

test('what does not decide trust is not: order of the CAs, our own certificate, the life of a session', () => {
  const both = new TrustPolicy(options(auth({ caPem: [one.certPem, two.certPem] }))).digest;
  assert.equal(new TrustPolicy(options(auth({ caPem: [two.certPem, one.certPem, one.certPem] }))).digest, both);
  const renewed = { certificates: [{ certPem: other.chainPem, keyPem: other.keyPem, names: ['b.test'] }] };
  const longer = { resumption: { enabled: true, lifetimeS: 3600, secret } };
  const base = new TrustPolicy(options()).digest;
  assert.equal(new TrustPolicy(options({ ...renewed, ...longer })).digest, base);
});

test('a policy without a usable anchor does not exist: empty, garbage, partial and leaf-only bundles are refused', () => {
  const [head] = one.certPem.split('\n-----END');
  const broken = `${(head as string).slice(0, -40)}\n-----END CERTIFICATE-----\n`;
  for (const caPem of [[], [''], ['garbage'], [own.keyPem], [own.certPem], [broken], [one.certPem, broken]]) {
    assert.throws(() => new TrustPolicy(options(auth({ caPem }))), RangeError, JSON.stringify(caPem).slice(0, 60));
  }
});

test('a key that does not fit, a missing certificate and a short ticket secret are refused', () => {
  const mixed = { certificates: [{ certPem: own.chainPem, keyPem: other.keyPem, names: [] }] };
  assert.throws(() => new TrustPolicy(options(mixed)), /key values mismatch/);
  assert.throws(() => new TrustPolicy(options({ certificates: [] })), /no certificate/);
  const short = { resumption: { enabled: true, lifetimeS: 60, secret: Buffer.alloc(8) } };
  assert.throws(() => new TrustPolicy(options(short)), /too short/);
});

test('refusals that are explained turn resumption off, because a refused client would hold a session', () => {
  assert.equal(new TrustPolicy(options()).resumes, true);
  assert.equal(new TrustPolicy(options(auth({ onFailure: 'explain' }))).resumes, false);
  assert.equal(new TrustPolicy(options({ clientAuth: undefined })).resumes, true);
  assert.equal(new TrustPolicy(options({ resumption: { enabled: false, lifetimeS: 60, secret } })).resumes, false);
  assert.equal(new TrustPolicy(options({ resumption: { enabled: true, lifetimeS: 0, secret } })).resumes, false);
});

test('each certificate selection has its own terminator, found by name', async () => {
  const b = await one.issue({ kind: 'server', sans: ['b.test'] });
  const policy = new TrustPolicy(
    options({
      certificates: [
        { certPem: own.chainPem, keyPem: own.keyPem, names: ['a.test'] },
        { certPem: b.chainPem, keyPem: b.keyPem, names: ['b.test'] },
      ],
    }),
  );
  assert.notEqual(policy.findTerminator('b.test'), policy.findTerminator('a.test'));
  assert.equal(policy.findTerminator(undefined), policy.findTerminator('a.test'));
  assert.equal(policy.findTerminator('unknown.test'), policy.findTerminator('a.test'));
});

test('one that is lazy is the same policy, and makes nothing before it is asked', () => {
  const eager = new TrustPolicy(options());
  const lazy = new TrustPolicy(options({ isLazy: true }));
  assert.equal(lazy.digest, eager.digest);
  assert.equal(lazy.findTerminator('a.test'), lazy.findTerminator('a.test'));
});

test('the secret that it began with is nowhere when another has come', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const begin = (isLazy: boolean): { policy: TrustPolicy; first: WeakRef<Buffer> } => {
    const first = Buffer.alloc(32, 'first');
    const resumption = { enabled: true, lifetimeS: 60, secret: first };
    return { policy: new TrustPolicy(options({ resumption, isLazy })), first: new WeakRef(first) };
  };
  for (const isLazy of [false, true]) {
    const { policy, first } = begin(isLazy);
    policy.rotate(secret);
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    assert.equal(first.deref(), undefined);
    assert.equal(policy.findTerminator('a.test'), policy.findTerminator('a.test'));
  }
});

test('a lazy one whose material cannot be used lets nobody in: every handshake throws', () => {
  const mixed = { certificates: [{ certPem: own.chainPem, keyPem: other.keyPem, names: [] }], isLazy: true };
  const policy = new TrustPolicy(options(mixed));
  for (let time = 0; time < 2; time++) assert.throws(() => policy.findTerminator('a.test'), /key values mismatch/);
  const trustless = new TrustPolicy(options({ ...auth({ caPem: ['garbage'] }), isLazy: true }));
  for (let time = 0; time < 2; time++) {
    assert.throws(() => trustless.trust, RangeError);
    assert.throws(() => trustless.findTerminator('a.test'), RangeError);
  }
});

test('what is known of revocation reaches a lazy policy before and after it is made', () => {
  const list = (what: string): RevocationList => ({ what }) as unknown as RevocationList;
  const first = list('first');
  const policy = new TrustPolicy(options({ ...auth({ crl: { settings: {}, list: first } }), isLazy: true }));
  assert.equal(policy.revocations, first);
  const second = list('second');
  policy.replaceRevocations(second);
  assert.equal(policy.revocations, second);
  assert.equal(policy.trust?.revocations, second);
  const third = list('third');
  policy.replaceRevocations(third);
  assert.deepEqual([policy.revocations, policy.trust?.revocations], [third, third]);
  const unasked = new TrustPolicy(options({ isLazy: true }));
  unasked.replaceRevocations(third);
  assert.equal(unasked.trust?.revocations, undefined);
});
