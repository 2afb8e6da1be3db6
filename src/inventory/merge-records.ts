// The records of several gateways as one: who came to any of them, and where each was seen. Policies of one name are taken for one.
import type { SeenAnchorTally, SeenIdentity, TrustRecordContents } from './record-format.ts';
import { trustRecordVersion } from './record-version.ts';

const maxNames = 8;

export type RecordOf = { readonly gateway: string; readonly contents: TrustRecordContents };

/** Where one client was seen, or one anchor vouched. */
export type SeenAt = { readonly gateway: string; readonly lastSeen: number; readonly lastAccepted: number | null };

export type MergedRecord = {
  readonly contents: TrustRecordContents;
  /** In the order of their names. */
  readonly gateways: readonly { readonly name: string; readonly since: number; readonly written: number }[];
  /** In the order of their names. */
  seenAt(client: Pick<SeenIdentity, 'sha256' | 'policy'>): readonly SeenAt[];
  vouchedAt(anchor: Pick<SeenAnchorTally, 'sha256' | 'policy'>): readonly SeenAt[];
};

type Keyed = { readonly sha256: string; readonly policy: string };
const keyOf = ({ sha256, policy }: Keyed): string => `${sha256} ${policy}`;

/** Of one gateway there may be several, of different clients. At least one. */
export function mergeRecords(records: readonly RecordOf[]): MergedRecord {
  const sorted = records.toSorted((a, b) => (a.gateway < b.gateway ? -1 : a.gateway > b.gateway ? 1 : 0));
  const identities = new Map<string, SeenIdentity>();
  const anchors = new Map<string, SeenAnchorTally>();
  const anonymous = new Map<string, TrustRecordContents['anonymous'][number]>();
  const gateways = new Map<string, { name: string; since: number; written: number }>();
  const seen = new Map<string, Map<string, SeenAt>>();
  const vouched = new Map<string, Map<string, SeenAt>>();
  for (const { gateway, contents } of sorted) {
    const { since, written } = contents;
    const known = gateways.get(gateway);
    gateways.set(gateway, {
      name: gateway,
      since: Math.min(since, known?.since ?? since),
      written: Math.max(written, known?.written ?? written),
    });
    for (const one of contents.identities) {
      const key = keyOf(one);
      const same = identities.get(key);
      identities.set(key, same === undefined ? one : mergeIdentities(same, one));
      note(seen, key, { gateway, lastSeen: one.lastSeen, lastAccepted: one.lastAccepted });
    }
    for (const one of contents.anchors) {
      const key = keyOf(one);
      anchors.set(key, mergeAnchors(anchors.get(key), one));
      note(vouched, key, { gateway, lastSeen: one.lastSeen, lastAccepted: one.lastSeen });
    }
    for (const one of contents.anonymous) {
      const key = JSON.stringify([one.policy, one.serverName, one.version]);
      const same = anonymous.get(key);
      anonymous.set(key, same === undefined ? one : mergeCounts(same, one));
    }
  }
  const times = [...gateways.values()];
  return {
    contents: {
      version: trustRecordVersion,
      since: Math.min(...times.map(({ since }) => since)),
      written: Math.max(...times.map(({ written }) => written)),
      anchors: [...anchors.values()],
      anonymous: [...anonymous.values()],
      intermediates: Object.assign({}, ...sorted.map(({ contents }) => contents.intermediates)) as Record<
        string,
        string
      >,
      identities: [...identities.values()],
    },
    gateways: times,
    seenAt: (client) => [...(seen.get(keyOf(client))?.values() ?? [])],
    vouchedAt: (anchor) => [...(vouched.get(keyOf(anchor))?.values() ?? [])],
  };
}

function note(where: Map<string, Map<string, SeenAt>>, key: string, at: SeenAt): void {
  const by = where.get(key) ?? new Map<string, SeenAt>();
  const known = by.get(at.gateway);
  if (known === undefined || at.lastSeen > known.lastSeen) by.set(at.gateway, at);
  where.set(key, by);
}

/** What the last handshake said counts, wherever it was. */
function mergeIdentities(a: SeenIdentity, b: SeenIdentity): SeenIdentity {
  const [older, newer] = a.lastSeen <= b.lastSeen ? [a, b] : [b, a];
  const vouched = (a.lastAccepted ?? 0) > (b.lastAccepted ?? 0) ? a : b;
  const other = vouched === a ? b : a;
  const names = [...older.serverNames.filter((name) => !newer.serverNames.includes(name)), ...newer.serverNames];
  return {
    ...newer,
    ...mergeCounts(older, newer),
    serverNames: names.slice(-maxNames),
    anchor: vouched.anchor ?? other.anchor,
    leaf: newer.leaf ?? older.leaf,
    above: vouched.above.length > 0 ? vouched.above : other.above,
  };
}

type Counted = Pick<SeenIdentity, 'accepted' | 'refused' | 'firstSeen' | 'lastSeen' | 'lastAccepted'>;

function mergeCounts<T extends Counted>(a: T, b: T): T {
  const accepted = Math.max(a.lastAccepted ?? -Infinity, b.lastAccepted ?? -Infinity);
  return {
    ...b,
    accepted: a.accepted + b.accepted,
    refused: a.refused + b.refused,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
    lastAccepted: accepted === -Infinity ? null : accepted,
  };
}

function mergeAnchors(a: SeenAnchorTally | undefined, b: SeenAnchorTally): SeenAnchorTally {
  if (a === undefined) return b;
  return {
    ...b,
    handshakes: a.handshakes + b.handshakes,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
  };
}
