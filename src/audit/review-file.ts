// A review as a file to keep: JSON with every field, CSV (RFC 4180) for a spreadsheet. Subjects come from certificates: a cell that a
// spreadsheet would take for a formula is defused.
import type { ReviewedAnchor, ReviewedClient, ReviewedStore, TrustReview } from './trust-review.ts';

export const decisions = ['keep', 'remove', 'ask'] as const;
export type Decision = (typeof decisions)[number];

export type AnchorDecision = {
  /** `bundle` or `policy`, with its id, as in the review. */
  readonly store: { readonly kind: ReviewedStore['kind']; readonly id: string };
  readonly sha256: string;
  readonly decision: Decision;
  readonly note: string;
};

type ShownClient = Omit<ReviewedClient, 'lastAccepted' | 'gateways'> & {
  readonly lastAccepted: string;
  readonly gateways: string[];
};
export type ShownAnchor = Omit<
  ReviewedAnchor,
  'notBefore' | 'notAfter' | 'lastUsed' | 'usedAt' | 'identities' | 'findings'
> & {
  readonly notBefore: string;
  readonly notAfter: string;
  readonly lastUsed: string | null;
  readonly usedAt: { readonly gateway: string; readonly lastUsed: string }[];
  readonly identities: ShownClient[];
  readonly findings: { readonly code: ReviewedAnchor['findings'][number]['code']; readonly detail: string }[];
};
export type ShownStore = Omit<ReviewedStore, 'anchors' | 'policies'> & {
  readonly policies: string[];
  readonly anchors: ShownAnchor[];
};
/** As it is kept and shown: times in RFC 3339. */
export type ShownReview = {
  readonly at: string;
  readonly staleDays: number;
  readonly since: string | null;
  readonly gateways: { readonly name: string; readonly since: string; readonly written: string }[];
  readonly stores: ShownStore[];
};

const iso = (ms: number): string => new Date(ms).toISOString();

export function showReview({ at, staleDays, since, gateways, stores }: TrustReview): ShownReview {
  return {
    at: iso(at),
    staleDays,
    since: since === null ? null : iso(since),
    gateways: gateways.map((one) => ({ name: one.name, since: iso(one.since), written: iso(one.written) })),
    stores: stores.map((store) => ({
      ...store,
      policies: [...store.policies],
      anchors: store.anchors.map((anchor) => ({
        ...anchor,
        notBefore: iso(anchor.notBefore),
        notAfter: iso(anchor.notAfter),
        lastUsed: anchor.lastUsed === null ? null : iso(anchor.lastUsed),
        usedAt: anchor.usedAt.map(({ gateway, lastUsed }) => ({ gateway, lastUsed: iso(lastUsed) })),
        identities: anchor.identities.map((one) => ({
          ...one,
          lastAccepted: iso(one.lastAccepted),
          gateways: [...one.gateways],
        })),
        findings: anchor.findings.map(({ code, detail }) => ({ code, detail })),
      })),
    })),
  };
}

const columns = [
  'store',
  'id',
  'policies',
  'subject',
  'issuer',
  'serial',
  'sha256',
  'notBefore',
  'notAfter',
  'key',
  'signature',
  'clients',
  'handshakes',
  'lastUsed',
  'usedAt',
  'latestClients',
  'findings',
  'decision',
  'note',
] as const;

const count = (number: number | null): string => (number === null ? '' : String(number));

export function reviewToCsv({ stores }: ShownReview, decided: readonly AnchorDecision[] = []): string {
  const rows = stores.flatMap((store) =>
    store.anchors.map((anchor) => rowOf(store, anchor, findDecision(decided, store, anchor))),
  );
  return [[...columns], ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('');
}

export function findDecision(
  decided: readonly AnchorDecision[],
  { kind, id }: Pick<ShownStore, 'kind' | 'id'>,
  { sha256 }: Pick<ShownAnchor, 'sha256'>,
): AnchorDecision | undefined {
  return decided.find((one) => one.store.kind === kind && one.store.id === id && one.sha256 === sha256);
}

function rowOf(store: ShownStore, anchor: ShownAnchor, decided: AnchorDecision | undefined): string[] {
  return [
    store.kind,
    store.id,
    store.policies.join('; '),
    anchor.subject,
    anchor.issuer,
    anchor.serial,
    anchor.sha256,
    anchor.notBefore,
    anchor.notAfter,
    anchor.key,
    anchor.signature,
    count(anchor.clients),
    count(anchor.handshakes),
    anchor.lastUsed ?? '',
    anchor.usedAt.map(({ gateway, lastUsed }) => `${gateway} ${lastUsed}`).join('; '),
    anchor.identities.map(({ name }) => name).join('; '),
    anchor.findings.map(({ code, detail }) => `${code}: ${detail}`).join('; '),
    decided?.decision ?? '',
    decided?.note ?? '',
  ];
}

/** Spreadsheets take what begins so for a formula, behind white space too. */
const formula = /^[\s\0]*[=+\-@\t\r|%]/;

function cell(text: string): string {
  const safe = formula.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) || safe !== text ? `"${safe.replaceAll('"', '""')}"` : safe;
}
