// Everything that expires, with who depends on it: certificates and CAs by their ids, and those that stand in the configuration
// without one. For the expiry strip and for what is due.
import { escapeForLog } from '../base/log-text.ts';
import { nearsExpiryAt } from '../certs/expiry.ts';
import { leafOf, readCertificates } from './certificate-facts.ts';
import type { Evidence } from './evidence.ts';
import type { Usage } from './view.ts';

export type Owned = {
  /** Distinct, and the same as long as the certificate is. */
  readonly key: string;
  readonly role: string;
  /** As a sentence begins with it. */
  readonly name: string;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly isCa: boolean;
  /** From then on somebody should know. */
  readonly noticedAt: number;
  readonly uses: readonly Usage[];
  readonly object: { readonly kind: 'certificates' | 'ca-bundles'; readonly id: string } | null;
};

const maxText = 200;

const nouns: Readonly<Record<string, string>> = {
  server: 'The server certificate',
  anchor: 'The CA for clients',
  backend_client: 'Our client certificate',
  backend_anchor: 'The CA for backends',
  crl: 'The revocation list of',
};

export function lifetimesOf({ view, status }: Evidence): Owned[] {
  const owned: Owned[] = [];
  const named = new Set<string>();
  for (const one of view.certificates) {
    const facts = leafOf(one);
    if (facts === undefined) continue;
    named.add(`${facts.subject}\n${facts.notAfter}`);
    const isServer = one.usedBy.some(({ kind }) => kind === 'policies');
    owned.push({
      key: `certificates/${one.id}/${facts.sha256.slice(0, 16)}`,
      role: isServer || one.usedBy.length === 0 ? 'server' : 'backend_client',
      name: `Certificate ${one.id} (${escapeForLog(facts.subject, maxText)})`,
      ...lifetime(facts, false),
      uses: one.usedBy,
      object: { kind: 'certificates', id: one.id },
    });
  }
  for (const one of view.caBundles)
    for (const facts of readCertificates(one, one.caPem.join('\n'))) {
      named.add(`${facts.subject}\n${facts.notAfter}`);
      owned.push({
        key: `ca-bundles/${one.id}/${facts.sha256.slice(0, 16)}`,
        role: one.usedBy.some(({ kind }) => kind === 'policies') ? 'anchor' : 'backend_anchor',
        name: `CA ${escapeForLog(facts.subject, maxText)} of bundle ${one.id}`,
        ...lifetime(facts, true),
        uses: one.usedBy,
        object: { kind: 'ca-bundles', id: one.id },
      });
    }
  for (const { role, subject, notBefore, notAfter, isCa } of view.expiries) {
    if (named.has(`${subject}\n${notAfter}`)) continue;
    owned.push({
      key: `${role}/${notAfter}/${escapeForLog(subject, maxText)}`,
      role,
      name: `${nouns[role] ?? 'The certificate'} ${escapeForLog(subject, maxText)}`,
      ...lifetime({ notBefore, notAfter }, isCa),
      uses: [],
      object: null,
    });
  }
  for (const { source, lists } of status.revocation)
    for (const { issuer, thisUpdate, nextUpdate } of lists)
      owned.push({
        key: `crl/${source}/${issuer}`,
        role: 'crl',
        name: `The revocation list of ${issuer}`,
        ...lifetime({ notBefore: thisUpdate, notAfter: nextUpdate }, false),
        uses: [],
        object: null,
      });
  return owned;
}

type Span = Pick<Owned, 'notBefore' | 'notAfter' | 'isCa' | 'noticedAt'>;

function lifetime({ notBefore, notAfter }: { notBefore: number; notAfter: number }, isCa: boolean): Span {
  return { notBefore, notAfter, isCa, noticedAt: nearsExpiryAt({ notBefore, notAfter, isCa }) };
}
