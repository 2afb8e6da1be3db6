// Name constraints of a CA (RFC 5280 section 4.2.1.10), for the sentence about a certificate that OpenSSL refused: it alone decides,
// and does not tell over which name. What is not understood here is said to be so, and never passes for a match.
import { type DerCursor, type DerElement, derTag, malformed } from '../asn1/der.ts';
import { readName } from '../asn1/distinguished-name.ts';
import { formatIp, parseIp } from '../base/ip-name.ts';
import { eachExtension } from './extensions.ts';
import type { CertificateFacts, San, SanType } from './facts.ts';
import { splitCertificate } from './facts-reader.ts';
import { readNameKey } from './name-key.ts';

type Kind = Exclude<SanType, 'OTHER_NAME'> | 'directory name' | 'other';

type Subtree = {
  readonly kind: Kind;
  /** For a sentence. */
  readonly text: string;
  readonly matches: (name: string) => boolean;
};

export type NameConstraints = { readonly permitted: readonly Subtree[]; readonly excluded: readonly Subtree[] };

export type NameViolation = {
  /** `DNS:a.test`; the subject where a directory name is at stake. */
  readonly name: string;
  /** What the CA may certify of this kind, or the subtree that it must not. */
  readonly permitted: readonly string[];
  readonly excluded: string | undefined;
};

const maxSubtrees = 1000;

/** undefined where the CA has none. Throws Fault('malformed_cert'). */
export function readNameConstraints(ca: CertificateFacts): NameConstraints | undefined {
  for (const { oid, value } of eachExtension(ca)) {
    if (oid !== '2.5.29.30') continue;
    const body = value.enter(derTag.sequence, 'nameConstraints');
    const permitted = body.tag === 0xa0 ? readSubtrees(body.enter(0xa0, 'permittedSubtrees')) : [];
    const excluded = body.tag === 0xa1 ? readSubtrees(body.enter(0xa1, 'excludedSubtrees')) : [];
    body.finish('nameConstraints');
    if (permitted.length + excluded.length === 0) throw malformed('nameConstraints: empty');
    return { permitted, excluded };
  }
  return undefined;
}

/** The first name of the certificate that the constraints do not allow; undefined where none is found. */
export function findViolation(
  { permitted, excluded }: NameConstraints,
  certificate: CertificateFacts,
): NameViolation | undefined {
  for (const { kind, name, shown } of namesOf(certificate)) {
    const forbidden = excluded.find((subtree) => subtree.kind === kind && subtree.matches(name));
    if (forbidden !== undefined) return { name: shown, permitted: [], excluded: forbidden.text };
    const allowed = permitted.filter((subtree) => subtree.kind === kind);
    if (allowed.length > 0 && !allowed.some(({ matches }) => matches(name)))
      return { name: shown, permitted: allowed.map(({ text }) => text), excluded: undefined };
  }
  return undefined;
}

function namesOf(certificate: CertificateFacts): { kind: Kind; name: string; shown: string }[] {
  const { cursor, subject } = splitCertificate(certificate.der);
  const key = readNameKey(cursor, subject, 'subject');
  const own = key === '' ? [] : [{ kind: 'directory name' as const, name: key, shown: certificate.subject }];
  const named = (san: San): san is San & { type: Exclude<SanType, 'OTHER_NAME'> } => san.type !== 'OTHER_NAME';
  const sans = certificate.sans
    .filter(named)
    .map(({ type, value }) => ({ kind: type, name: value, shown: `${type}:${value}` }));
  return [...sans, ...own];
}

function readSubtrees(list: DerCursor): Subtree[] {
  const subtrees: Subtree[] = [];
  while (!list.done) {
    const subtree = list.enter(derTag.sequence, 'generalSubtree');
    const base = subtree.next('generalSubtree');
    // OpenSSL refuses a minimum or maximum that says anything (RFC 5280 allows none).
    if (!subtree.done) throw malformed('nameConstraints: a subtree with minimum or maximum');
    subtrees.push(readSubtree(list, base));
    if (subtrees.length > maxSubtrees) throw malformed(`nameConstraints: more than ${maxSubtrees} subtrees`);
  }
  return subtrees;
}

function readSubtree(list: DerCursor, base: DerElement): Subtree {
  const text = list.der.toString('latin1', base.content, base.end);
  switch (base.tag) {
    case 0x81:
      return { kind: 'EMAIL', text: `EMAIL:${text}`, matches: (name) => matchesEmail(name, text) };
    case 0x82:
      return { kind: 'DNS', text: `DNS:${text}`, matches: (name) => isBelow(name, text) };
    case 0x86:
      return { kind: 'URI', text: `URI:${text}`, matches: (name) => matchesUri(name, text) };
    case 0x87:
      return addressSubtree(list.der.subarray(base.content, base.end));
    case 0xa4: {
      const name = list.inside(base);
      const element = name.expect(derTag.sequence, 'directoryName');
      const key = readNameKey(name, element, 'directoryName');
      const shown = `directory name "${readName(name, element, 'directoryName')}"`;
      const matches = (other: string): boolean => other === key || other.startsWith(`${key}/`);
      return { kind: 'directory name', text: shown, matches };
    }
    default:
      return { kind: 'other', text: 'names of another kind', matches: () => false };
  }
}

/** The name itself or, at a label, anything below it; a leading dot leaves the name itself out. */
function isBelow(name: string, base: string): boolean {
  const [own, above] = [name.toLowerCase(), base.toLowerCase()];
  if (above === '' || own === above) return true;
  return own.endsWith(above.startsWith('.') ? above : `.${above}`);
}

/** A mailbox, a host, or with a leading dot the hosts of a domain. */
function matchesEmail(name: string, base: string): boolean {
  const at = name.lastIndexOf('@');
  const host = name.slice(at + 1).toLowerCase();
  const baseAt = base.lastIndexOf('@');
  if (baseAt >= 0) return name.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
  return base.startsWith('.') ? host.endsWith(base.toLowerCase()) : host === base.toLowerCase();
}

function matchesUri(name: string, base: string): boolean {
  const host = /^[^:/]+:\/\/(?:[^@/]*@)?([^:/?#]*)/.exec(name)?.[1]?.toLowerCase();
  if (host === undefined) return false;
  return base.startsWith('.') ? host.endsWith(base.toLowerCase()) : host === base.toLowerCase();
}

function addressSubtree(bytes: Buffer): Subtree {
  const size = bytes.length / 2;
  const [net, mask] = [bytes.subarray(0, size), bytes.subarray(size)];
  const [netText, maskText] = [formatIp(net), formatIp(mask)];
  if (netText === undefined || maskText === undefined) throw malformed('nameConstraints: not an address and a mask');
  const matches = (name: string): boolean => {
    const address = parseIp(name);
    if (address?.length !== size) return false;
    return address.every((byte, at) => (byte & (mask[at] as number)) === ((net[at] as number) & (mask[at] as number)));
  };
  return { kind: 'IP', text: `IP:${netText}/${maskText}`, matches };
}
