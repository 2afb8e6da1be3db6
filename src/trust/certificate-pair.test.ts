import assert from 'node:assert/strict';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { checkClientPair, checkServerPair, type CheckedPair } from './certificate-pair.ts';
import { fitsKey, orderChain } from '../certs/chain.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { type Issued, mintCa, openCa, type TestCa } from '../certs/test-ca.ts';
import { findSystemIssuer, loadSystemBundle, TrustBundle } from './trust-bundle.ts';

const root = await mintCa({ cn: 'Root' });
const upper = await root.issueCa({ cn: 'Upper' });
const lower = await upper.issueCa({ cn: 'Lower' });
const server = await lower.issue({ kind: 'server', sans: ['a.test', '*.b.test', '10.0.0.1'] });
const stranger = await mintCa({ cn: 'Stranger' });
/** An hour on, so that certificates minted while other files of the same process run are valid by then. */
const now = Date.now() + 3_600_000;
const day = 86_400_000;

function permutations<T>(list: readonly T[]): T[][] {
  if (list.length < 2) return [[...list]];
  return list.flatMap((one, at) => permutations(list.toSpliced(at, 1)).map((rest) => [one, ...rest]));
}

function subjects(chain: readonly CertificateFacts[]): string[] {
  return chain.map((facts) => facts.subject);
}

function codes(pair: CheckedPair): string[] {
  return pair.problems.map((problem) => `${problem.severity} ${problem.code}`);
}

function check(certPem: string, keyPem: string): CheckedPair {
  return checkServerPair(certPem, keyPem, { now, certName: 'server.crt', keyName: 'server.key', anchors });
}

const anchors = [TrustBundle.parse(root.certPem).bundle as TrustBundle];

test('a chain in any order goes out leaf first, without its root', () => {
  for (const pems of permutations([server.certPem, lower.certPem, upper.certPem, root.certPem])) {
    const pair = check(pems.join(''), server.keyPem);
    assert.deepEqual(codes(pair), []);
    assert.equal(pair.chainPem, server.certPem + lower.certPem + upper.certPem);
    assert.equal(pair.leaf?.subject, 'CN=a.test');
  }
});

test('without a key the leaf is the certificate that issued none of the others', () => {
  for (const ders of permutations([server.der, lower.der, upper.der])) {
    const { chain } = orderChain(ders.map(readFacts));
    assert.deepEqual(subjects(chain), ['CN=a.test', 'CN=Lower', 'CN=Upper']);
  }
});

test('of two leaves in one file the one that the key belongs to is presented, the other is reported', async () => {
  const other = await lower.issue({ kind: 'server', sans: ['other.test'] });
  const { leaf, problems } = orderChain([other.der, server.der, lower.der, upper.der].map(readFacts), {
    fits: (facts) => fitsKey(facts, createPrivateKey(server.keyPem)),
  });
  assert.equal(leaf?.subject, 'CN=a.test');
  assert.deepEqual(
    problems.map((problem) => problem.code),
    ['unrelated_certificate'],
  );
  assert.match(problems[0]?.message ?? '', /other\.test/);
});

test('duplicates are dropped, certificates of other chains reported, and a CA of the same name but another key is no issuer', async () => {
  const namesake = await mintCa({ cn: 'Lower' });
  const pems = [server.certPem, namesake.certPem, lower.certPem, lower.certPem, stranger.certPem].join('');
  const pair = check(pems, server.keyPem);
  assert.equal(pair.chainPem, server.certPem + lower.certPem);
  assert.deepEqual(codes(pair), ['warning unrelated_certificate', 'warning unrelated_certificate']);
});

test('a loop of cross-signed CAs ends', async () => {
  const a = await mintCa({ cn: 'A' });
  const b = await mintCa({ cn: 'B' });
  const aByB = await b.issueCa({ cn: 'A', keyPem: a.keyPem });
  const bByA = await a.issueCa({ cn: 'B', keyPem: b.keyPem });
  const leaf = await a.issue({ kind: 'server', sans: ['a.test'] });
  const { chain } = orderChain([leaf, aByB, bByA].map((one) => readFacts(one.der)));
  assert.deepEqual(subjects(chain), ['CN=a.test', 'CN=A', 'CN=B']);
});

test('a self-signed certificate is sent as it is', async () => {
  const self = await mintCa({ cn: 'self', extensions: [] });
  const pair = check(self.certPem, self.keyPem);
  assert.equal(pair.chainPem, self.certPem);
  assert.deepEqual(codes(pair), []);
});

test('every defect of a pair has its own code, names the file, and nothing unusable is handed out', async () => {
  const issue = async (options: Partial<Parameters<typeof root.issue>[0]>): Promise<[string, string]> => {
    const made = await root.issue({ kind: 'server', sans: ['a.test'], ...options });
    return [made.chainPem, made.keyPem];
  };
  const cases: [string, [string, string]][] = [
    ['error key_mismatch', [server.chainPem, stranger.keyPem]],
    ['error expired', await issue({ notBefore: now - 2 * day, notAfter: now - day })],
    ['error not_yet_valid', await issue({ notBefore: now + day })],
    ['error wrong_purpose', await issue({ kind: 'client' })],
    ['error weak_key', await issue({ hash: 'sha1' })],
    ['error broken_certificate', await issue({ sans: ['DNS:a\u0000.test'] })],
    ['error no_certificate', [server.keyPem, server.keyPem]],
    ['error no_private_key', [server.chainPem, server.certPem]],
  ];
  for (const [wanted, [certPem, keyPem]] of cases) {
    const pair = check(certPem, keyPem);
    assert.ok(codes(pair).includes(wanted), `${wanted} in ${codes(pair).join()}`);
    assert.match(pair.problems[0]?.message ?? '', /server\.(?:crt|key)/);
    assert.equal(pair.chainPem, undefined);
    assert.equal(pair.keyPem, undefined);
  }
});

test('of a file with a broken part nothing is concluded that the part could refute', async () => {
  const broken = (pem: string): string => pem.replace(/\n.{12}/, '\n');
  const leaf = broken(server.certPem);
  assert.deepEqual(codes(check(leaf + lower.certPem + upper.certPem, server.keyPem)), ['error broken_certificate']);
  assert.deepEqual(codes(check(leaf, server.keyPem)), ['error broken_certificate']);
  const [cut, stranded] = [server.certPem.slice(0, -30), stranger.certPem];
  assert.deepEqual(codes(check(`${cut}\n${lower.certPem}${stranded}`, server.keyPem)), ['error broken_pem_block']);
  // The leaf is whole, and has a fault of its own.
  const client = await lower.issue({ kind: 'client', sans: ['a.test'] });
  const said = codes(check(client.certPem + broken(lower.certPem), client.keyPem));
  assert.deepEqual(said, ['error broken_certificate', 'error wrong_purpose']);
  assert.deepEqual(codes(check(client.certPem + lower.certPem, broken(client.keyPem))), [
    'error broken_key',
    'error wrong_purpose',
  ]);
});

test('a missing intermediate is suspected only of a lone leaf whose issuer nobody knows', async () => {
  assert.deepEqual(codes(check(server.certPem, server.keyPem)), ['warning missing_intermediate']);
  assert.deepEqual(codes(check(server.certPem + lower.certPem, server.keyPem)), []);
  const direct = await root.issue({ kind: 'server', sans: ['a.test'] });
  assert.deepEqual(codes(check(direct.chainPem, direct.keyPem)), []);
});

test('an expired intermediate is a warning that names it', async () => {
  const old = await root.issueCa({ cn: 'Old', notBefore: now - 9 * day, notAfter: now - day });
  const leaf = await old.issue({ kind: 'server', sans: ['a.test'] });
  const pair = check(leaf.chainPem, leaf.keyPem);
  assert.deepEqual(codes(pair), ['warning intermediate_expired']);
  assert.match(pair.problems[0]?.message ?? '', /CN=Old/);
});

/** What is sent of `certs` above the leaf, and what is said of it. */
function above(leaf: Issued, ...certs: TestCa[]): [string[], string[]] {
  const pair = check(leaf.certPem + certs.map(({ certPem }) => certPem).join(''), leaf.keyPem);
  const sent = pair.chainPem?.split(/(?<=-----END CERTIFICATE-----\n)/) ?? [];
  const nameOf = (pem: string): string => String(certs.findIndex(({ certPem }) => certPem === pem));
  return [sent.slice(1).map(nameOf), codes(pair)];
}

test('of a renewed intermediate the valid certificate is sent, wherever the file has it', async () => {
  const old = await root.issueCa({ cn: 'Issuing', notBefore: now - 9 * day, notAfter: now - day });
  const again = { cn: 'Issuing', keyPem: old.keyPem };
  const renewed = await root.issueCa(again);
  const leaf = await renewed.issue({ kind: 'server', sans: ['a.test'] });
  assert.deepEqual(above(leaf, old, renewed), [['1'], ['warning intermediate_expired']]);
  assert.deepEqual(above(leaf, renewed, old), [['0'], ['warning intermediate_expired']]);
  const { problems } = check(leaf.certPem + old.certPem + renewed.certPem, leaf.keyPem);
  assert.match(`${problems[0]?.message} ${problems[0]?.hint}`, /CN=Issuing.* expired on .* not sent.*Take it out/);
  // Who renews ahead of time: both, the one that lasts longer first, and none is missing when the time comes.
  const longer = await root.issueCa({ ...again, days: 300 });
  assert.deepEqual(above(leaf, renewed, longer), [['1', '0'], []]);
  const early = await root.issueCa({ ...again, notBefore: now + day });
  assert.deepEqual(above(leaf, early, renewed), [['1', '0'], ['warning intermediate_not_yet_valid']]);
  const weak = await root.issueCa({ ...again, hash: 'sha1' });
  assert.deepEqual(above(leaf, weak, renewed), [['1'], ['warning weak_intermediate']]);
  assert.deepEqual(above(leaf, weak), [['0'], ['warning weak_intermediate']]);
});

test('every way up that a file has is sent, the best one first, roots and what has expired left away', async () => {
  const other = await mintCa({ cn: 'Other root' });
  const issuing = await root.issueCa({ cn: 'Issuing' });
  const leaf = await issuing.issue({ kind: 'server', sans: ['a.test'] });
  const cross = (by: TestCa, of: TestCa, cn: string, more: object = {}): Promise<TestCa> =>
    by.issueCa({ cn, keyPem: of.keyPem, ...more });
  const second = await cross(other, issuing, 'Issuing');
  assert.deepEqual(above(leaf, issuing, second), [['0', '1'], []]);
  assert.deepEqual(above(leaf, second, issuing, root, other), [['0', '1'], []]);
  // By way of an upper CA that has expired here nobody gets anywhere; the other comes first.
  const past = { notBefore: now - 9 * day, notAfter: now - day };
  const old = await other.issueCa({ cn: 'Upper', ...past });
  const dead = await cross(old, issuing, 'Issuing');
  assert.deepEqual(above(leaf, dead, old, issuing), [['2', '0'], ['warning intermediate_expired']]);
  // A root that is certified by an older one which has expired (AddTrust 2020).
  const crossed = await cross(other, root, 'Root', past);
  assert.deepEqual(above(leaf, issuing, crossed), [['0'], ['warning intermediate_expired']]);
  assert.deepEqual(above(leaf, issuing, root, await cross(other, root, 'Root')), [['0', '2'], []]);
});

test('however many certificates a file has of one CA, some are sent', async () => {
  const issuing = await root.issueCa({ cn: 'Issuing' });
  const leaf = await issuing.issue({ kind: 'server', sans: ['a.test'] });
  const more = [];
  for (let n = 0; n < 20; n += 1) more.push(await root.issueCa({ cn: 'Issuing', keyPem: issuing.keyPem }));
  const [sent, said] = above(leaf, ...more);
  assert.deepEqual([sent.length, said.length, said[0]], [15, 5, 'warning unrelated_certificate']);
});

test('an intermediate that OpenSSL would not load is an error', async () => {
  const short = await root.issueCa({ cn: 'Short', key: 'rsa-1024' });
  const leaf = await short.issue({ kind: 'server', sans: ['a.test'] });
  assert.deepEqual(above(leaf, short), [[], ['error weak_intermediate']]);
});

test('of two certificates for one key the valid one is presented', async () => {
  const names = { kind: 'server', sans: ['a.test'] } as const;
  const old = await root.issue({ ...names, notBefore: now - 9 * day, notAfter: now - day });
  const renewed = await root.issue({ ...names, keyPem: old.keyPem });
  for (const pems of permutations([old.certPem, renewed.certPem])) {
    const pair = check(pems.join(''), old.keyPem);
    assert.deepEqual([pair.chainPem, codes(pair)], [renewed.certPem, ['warning unrelated_certificate']]);
  }
});

test('a client pair needs clientAuth, where it says anything about purposes', async () => {
  const verdict = async (kind: 'server' | 'client' | 'both' | 'none'): Promise<string[]> => {
    const made = await root.issue({ kind });
    return codes(checkClientPair(made.chainPem, made.keyPem, { now, anchors }));
  };
  assert.deepEqual(await verdict('client'), []);
  assert.deepEqual(await verdict('both'), []);
  assert.deepEqual(await verdict('none'), []);
  assert.deepEqual(await verdict('server'), ['error wrong_purpose']);
});

test('bundles: one that holds no anchor, a key, a leaf or damage does not exist', async () => {
  const parse = (pem: string): [boolean, string[]] => {
    const { bundle, problems } = TrustBundle.parse(pem, { name: 'ca.pem', now });
    for (const problem of problems) assert.match(problem.message, /ca\.pem/);
    return [bundle !== undefined, problems.map((problem) => `${problem.severity} ${problem.code}`)];
  };
  assert.deepEqual(parse(root.certPem), [true, []]);
  assert.deepEqual(parse(''), [false, ['error no_certificate']]);
  assert.deepEqual(parse(root.certPem + root.keyPem), [false, ['error private_key_in_bundle']]);
  assert.deepEqual(parse(server.certPem), [false, ['error no_ca_in_bundle']]);
  assert.deepEqual(parse(root.certPem + server.certPem), [true, ['warning leaf_in_bundle']]);
  assert.deepEqual(parse(root.certPem + stranger.certPem.slice(0, -30)), [false, ['error broken_pem_block']]);
  const garbage = encodePem('CERTIFICATE', Buffer.from('3003020101', 'hex'));
  assert.deepEqual(parse(root.certPem + garbage), [false, ['error broken_certificate']]);
  const old = await mintCa({ cn: 'Old', notBefore: now - 2 * day, notAfter: now - day });
  assert.deepEqual(parse(old.certPem), [true, ['warning anchor_expired']]);
  const future = await mintCa({ cn: 'Future', notBefore: now + day });
  assert.deepEqual(parse(future.certPem), [true, ['warning anchor_not_yet_valid']]);
});

test('a bundle counts each anchor once, and its digest depends on the set alone', () => {
  const digest = (...pems: string[]): string | undefined => TrustBundle.parse(pems.join('')).bundle?.digest;
  assert.equal(digest(root.certPem, stranger.certPem), digest(stranger.certPem, root.certPem, root.certPem));
  assert.notEqual(digest(root.certPem), digest(root.certPem, stranger.certPem));
  const { bundle } = TrustBundle.parse(`text\n${root.certPem}${root.certPem}`);
  assert.deepEqual(bundle?.pem, [root.certPem]);
  const [first, second] = [root, stranger].map((ca) => TrustBundle.parse(ca.certPem).bundle as TrustBundle);
  assert.equal(
    TrustBundle.join(first as TrustBundle, second as TrustBundle).digest,
    digest(root.certPem, stranger.certPem),
  );
});

test('a bundle finds the issuer by name and key identifier', async () => {
  const namesake = await mintCa({ cn: 'Root' });
  const bundle = TrustBundle.parse(namesake.certPem + root.certPem).bundle as TrustBundle;
  assert.equal(bundle.findIssuer(readFacts(upper.der))?.sha256, readFacts(root.der).sha256);
  assert.equal(bundle.findIssuer(readFacts(server.der)), undefined);
  const impostor = openCa(namesake.certPem, namesake.keyPem);
  assert.equal(
    bundle.findIssuer(readFacts((await impostor.issue({ kind: 'client' })).der))?.sha256,
    readFacts(namesake.der).sha256,
  );
});

test('the built-in roots are found as issuers of what they issued, and of nothing else', () => {
  const { certificates: anchors } = loadSystemBundle();
  assert.ok(anchors.length > 50);
  // A root is its own issuer, which stands in for a certificate of a public CA.
  const publicRoot = anchors[0] as CertificateFacts;
  assert.equal(findSystemIssuer(publicRoot)?.sha256, publicRoot.sha256);
  assert.equal(findSystemIssuer(readFacts(server.der)), undefined);
});
