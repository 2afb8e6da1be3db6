// The quarterly review of whom a gateway trusts: per trust store every anchor, whom it vouched for and when last, at which gateway, and
// what is wrong with it, the worst first. What the records cannot say is not claimed. The order is always the same, so that two
// reviews can be compared.
import { dayMs } from '../base/clock.ts';
import { isNearExpiry, describeExpiry } from '../certs/expiry.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readSignatureAlgorithm } from '../certs/signature-algorithm.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { verifyStrength } from '../trust/certificate-checks.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { nameOf } from './against.ts';

/** The worst first. */
export const findingCodes = ['expired', 'weak', 'stale', 'expires_soon', 'duplicate', 'cross_signed'] as const;
export type FindingCode = (typeof findingCodes)[number];
export type Finding = { readonly code: FindingCode; readonly detail: string };

export type ReviewedClient = {
  /** Subject and names, escaped. */
  readonly name: string;
  readonly sha256: string;
  readonly serial: string;
  readonly lastAccepted: number;
  readonly gateways: readonly string[];
};

export type ReviewedAnchor = {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly key: string;
  readonly signature: string;
  /** Null: nobody counts, without a record or because only backends are verified by it. */
  readonly clients: number | null;
  readonly handshakes: number | null;
  readonly lastUsed: number | null;
  readonly usedAt: readonly { readonly gateway: string; readonly lastUsed: number }[];
  /** The latest first; beyond the limit only counted. */
  readonly identities: readonly ReviewedClient[];
  readonly findings: readonly Finding[];
};

export type ReviewedStore = {
  /** `policy`: CAs that stand with a policy and in no bundle. */
  readonly kind: 'bundle' | 'policy';
  readonly id: string;
  /** Whose clients it vouches for; none: only backends are verified by it, or nobody. */
  readonly policies: readonly string[];
  readonly anchors: readonly ReviewedAnchor[];
};

export type TrustReview = {
  readonly at: number;
  readonly staleDays: number;
  /** Since when clients are remembered; null: nowhere. */
  readonly since: number | null;
  readonly gateways: MergedRecord['gateways'];
  readonly stores: readonly ReviewedStore[];
};

export type ReviewOptions = { readonly now: number; readonly staleDays: number };

const maxClients = 20;

type Store = {
  readonly kind: 'bundle' | 'policy';
  readonly id: string;
  policies: string[];
  anchors: CertificateFacts[];
};

/** `record`: of all gateways; undefined where none is kept. */
export function reviewTrust(
  loaded: LoadedConfig,
  record: MergedRecord | undefined,
  options: ReviewOptions,
): TrustReview {
  const stores = listStores(loaded);
  const reviewed = stores.map((store): ReviewedStore => {
    const anchors = store.anchors.map((facts) => reviewAnchor(facts, store, stores, record, options));
    return { kind: store.kind, id: store.id, policies: store.policies.toSorted(), anchors: anchors.toSorted(compare) };
  });
  return {
    at: options.now,
    staleDays: options.staleDays,
    since: record?.contents.since ?? null,
    gateways: record?.gateways ?? [],
    stores: reviewed.toSorted((a, b) => text(a.kind, b.kind) || text(a.id, b.id)),
  };
}

const text = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function rankOf({ findings }: ReviewedAnchor): number {
  return Math.min(...findings.map(({ code }) => findingCodes.indexOf(code)), findingCodes.length);
}

function compare(a: ReviewedAnchor, b: ReviewedAnchor): number {
  return rankOf(a) - rankOf(b) || text(a.subject, b.subject) || text(a.sha256, b.sha256);
}

function anchorsOf(pems: readonly string[], partialChain: boolean | undefined): readonly CertificateFacts[] {
  const { bundle } = TrustBundle.parse(pems.join('\n'), { name: 'the anchors' });
  return bundle === undefined ? [] : AnchorSet.of(bundle, partialChain).anchors;
}

function listStores({ config, policies, named }: LoadedConfig): Store[] {
  const bundleOf = new Map<object, string>(config.named.caBundles.flatMap(({ id, cas }) => cas.map((ca) => [ca, id])));
  const stores = new Map(
    named.caBundles.map(({ id, caPem }): [string, Store] => [
      id,
      { kind: 'bundle', id, policies: [], anchors: [...anchorsOf(caPem, undefined)] },
    ]),
  );
  const others: Store[] = [];
  for (const { config: policy, anchors, trustDomains } of policies) {
    const pems = [...(anchors ?? []), ...trustDomains.flatMap(({ caPem }) => caPem)];
    if (pems.length === 0) continue;
    const all = anchorsOf(pems, policy.clientAuth?.partialChain);
    const ids = new Set((policy.clientAuth?.clientCAs ?? []).flatMap((ca) => bundleOf.get(ca) ?? []));
    const bundled = new Set<string>();
    for (const id of ids) {
      const store = stores.get(id);
      const own = new Set(anchorsIn(named, id));
      store?.policies.push(policy.name);
      for (const facts of all) {
        if (!own.has(facts.sha256)) continue;
        bundled.add(facts.sha256);
        // An intermediate may be an anchor in a policy alone.
        if (store?.anchors.every(({ sha256 }) => sha256 !== facts.sha256) === true) store.anchors.push(facts);
      }
    }
    const rest = all.filter(({ sha256 }) => !bundled.has(sha256));
    if (rest.length > 0) others.push({ kind: 'policy', id: policy.name, policies: [policy.name], anchors: rest });
  }
  return [...stores.values(), ...others];
}

/** SHA-256 of every certificate of a bundle. */
function anchorsIn({ caBundles }: LoadedConfig['named'], id: string): string[] {
  const pems = caBundles.find((bundle) => bundle.id === id)?.caPem ?? [];
  const { bundle } = TrustBundle.parse(pems.join('\n'), { name: 'the bundle' });
  return (bundle?.certificates ?? []).map(({ sha256 }) => sha256);
}

function reviewAnchor(
  facts: CertificateFacts,
  store: Store,
  stores: readonly Store[],
  record: MergedRecord | undefined,
  options: ReviewOptions,
): ReviewedAnchor {
  const { subject, issuer, serial, sha256, notBefore, notAfter, key } = facts;
  const use = findUse(facts, store, record);
  return {
    subject,
    issuer,
    serial,
    sha256,
    notBefore,
    notAfter,
    key,
    signature: readSignatureAlgorithm(facts) ?? 'unreadable',
    ...use,
    findings: findingsOf(facts, store, stores, { ...options, record, lastUsed: use.lastUsed }),
  };
}

type Use = Pick<ReviewedAnchor, 'clients' | 'handshakes' | 'lastUsed' | 'usedAt' | 'identities'>;

function findUse({ sha256 }: CertificateFacts, { policies }: Store, record: MergedRecord | undefined): Use {
  if (record === undefined || policies.length === 0)
    return { clients: null, handshakes: null, lastUsed: null, usedAt: [], identities: [] };
  const own = new Set(policies);
  const tallies = record.contents.anchors.filter((one) => one.sha256 === sha256 && own.has(one.policy));
  const usedAt = new Map<string, number>();
  for (const { gateway, lastSeen } of policies.flatMap((policy) => record.vouchedAt({ sha256, policy })))
    usedAt.set(gateway, Math.max(lastSeen, usedAt.get(gateway) ?? 0));
  const clients = new Map<string, ReviewedClient>();
  for (const one of record.contents.identities) {
    const { lastAccepted } = one;
    if (one.anchor !== sha256 || !own.has(one.policy) || lastAccepted === null) continue;
    const known = clients.get(one.sha256);
    const gateways = new Set([...(known?.gateways ?? []), ...record.seenAt(one).map(({ gateway }) => gateway)]);
    clients.set(one.sha256, {
      name: nameOf(one),
      sha256: one.sha256,
      serial: one.serial,
      lastAccepted: Math.max(lastAccepted, known?.lastAccepted ?? 0),
      gateways: [...gateways].toSorted(text),
    });
  }
  const identities = [...clients.values()].toSorted(
    (a, b) => b.lastAccepted - a.lastAccepted || text(a.sha256, b.sha256),
  );
  return {
    clients: identities.length,
    handshakes: tallies.reduce((sum, { handshakes }) => sum + handshakes, 0),
    lastUsed: tallies.length === 0 ? null : Math.max(...tallies.map(({ lastSeen }) => lastSeen)),
    usedAt: [...usedAt]
      .map(([gateway, lastUsed]) => ({ gateway, lastUsed }))
      .toSorted((a, b) => text(a.gateway, b.gateway)),
    identities: identities.slice(0, maxClients),
  };
}

type About = ReviewOptions & { readonly record: MergedRecord | undefined; readonly lastUsed: number | null };

function findingsOf(facts: CertificateFacts, store: Store, stores: readonly Store[], about: About): Finding[] {
  const { now } = about;
  const findings: Finding[] = [];
  if (now > facts.notAfter)
    findings.push({ code: 'expired', detail: `it expired ${describeExpiry(facts.notAfter, now)}` });
  const weak = verifyStrength(facts);
  if (weak !== undefined) findings.push({ code: 'weak', detail: weak.detail });
  const stale = store.policies.length === 0 ? undefined : findStale(about);
  if (stale !== undefined) findings.push({ code: 'stale', detail: stale });
  if (now <= facts.notAfter && isNearExpiry(facts, now))
    findings.push({ code: 'expires_soon', detail: `it expires ${describeExpiry(facts.notAfter, now)}` });
  return [...findings, ...findTwins(facts, store, stores)];
}

function findStale({ now, staleDays, record, lastUsed }: About): string | undefined {
  const limit = now - staleDays * dayMs;
  // A record that began later cannot know who came before.
  if (record === undefined || record.contents.since > limit || (lastUsed ?? record.contents.since) > limit)
    return undefined;
  const young = record.gateways.filter(({ since }) => since > limit).map(({ name }) => name);
  const unknown = young.length === 0 ? '' : `; the records of ${young.join(', ')} began later`;
  const never = `it vouched for nobody since records began${unknown}`;
  return lastUsed === null ? never : `it vouched for nobody in ${Math.floor((now - lastUsed) / dayMs)} days${unknown}`;
}

/** The same key elsewhere: whoever takes the anchor away there has not ended its trust. */
function findTwins(facts: CertificateFacts, store: Store, stores: readonly Store[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const other of stores)
    for (const twin of other.anchors) {
      if (twin.spkiSha256 !== facts.spkiSha256 || (other === store && twin.sha256 === facts.sha256)) continue;
      const where = other === store ? 'here as well' : `in ${other.kind} ${other.id} as well`;
      const isCrossSigned = twin.sha256 !== facts.sha256 && twin.issuerKey !== facts.issuerKey;
      const detail = isCrossSigned
        ? `its key stands ${where}, in a certificate of ${JSON.stringify(twin.issuer)}`
        : twin.sha256 === facts.sha256
          ? `it stands ${where}`
          : `its key stands ${where}, in another certificate`;
      found.set(detail, { code: isCrossSigned ? 'cross_signed' : 'duplicate', detail });
    }
  return [...found.values()].toSorted(
    (a, b) => findingCodes.indexOf(a.code) - findingCodes.indexOf(b.code) || text(a.detail, b.detail),
  );
}
