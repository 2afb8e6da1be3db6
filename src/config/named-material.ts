// `gateway.certificates` and `gateway.caBundles`: material under an id of its own. What refers to it (services, policies, routes)
// says the id; what stands behind the id can change without them.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { findNearest } from '../yaml/nearest.ts';
import { type Place, sayPlace } from '../yaml/place.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { map, oneOrMore, text } from './atoms.ts';
import { bundleSourceKeys, readBundleSource } from './bundle-sources.ts';
import { readPair } from './certificate-pair.ts';
import { pairSourceKeys } from './pair-sources.ts';
import { crlExample, crlShape, readCrl } from './crl.ts';
import type { CaBundleConfig, CertificatePair } from './gateway-config.ts';
import { key } from './key.ts';
import { readRefAt, reportEmpty } from './reading.ts';

/** What stands for the CAs of the system: no bundle can be called so. */
export const systemBundle = 'system';
const maxObjects = 20_000;
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export const namedCertificateShape = map({
  id: key(text, {
    says: 'Unique id: letters, digits, dots, dashes, underscores.',
    unset: 'required',
    page: 'own. Unique; letters, digits, `.`, `-`, `_`.',
  }),
  cert: key(text, { says: 'Certificate, its chain included: path, PEM text, or base64 of PEM or DER.', page: '`S`.' }),
  key: key(text, {
    says: 'Private key of the certificate: path, PEM text, or base64 of PEM or DER.',
    page: '`S`.',
  }),
  ...pairSourceKeys,
});

export const caBundleShape = map({
  id: key(text, {
    says: 'Unique id: letters, digits, dots, dashes, underscores.',
    unset: 'required',
    page: 'own. Unique; letters, digits, `.`, `-`, `_`; not `system`.',
  }),
  ca: key(oneOrMore(text), {
    says: 'CA certificates: path, PEM text, base64 of PEM or DER, or a list of these.',
    unset: 'required',
    page: '`S` or a list of `S`.',
  }),
  ...bundleSourceKeys,
  crl: key(crlShape, {
    says: 'Certificate revocation lists of these CAs. Default: none is looked at.',
    page: 'own. Revocation lists of these CAs, for whoever refers to the bundle and has no `crl` of its own.',
    example: crlExample,
    table: 'crl',
  }),
});

export type NamedMaterialShape = {
  readonly certificates: readonly z.output<typeof namedCertificateShape>[];
  readonly caBundles: readonly z.output<typeof caBundleShape>[];
};

/** Everything that has an id, found by it. An id that nobody has is an error where it stands. */
export class NamedMaterial {
  readonly #certificates: ReadonlyMap<string, CertificatePair | undefined>;
  readonly #bundles: ReadonlyMap<string, CaBundleConfig | undefined>;

  /** `at`: `gateway`. */
  constructor({ certificates, caBundles }: NamedMaterialShape, at: Cursor, problems: ProblemList) {
    this.#certificates = readAll(certificates, at.down('certificates'), 'certificate', problems, (shape, here, id) =>
      readPair(shape, here, problems, id),
    );
    this.#bundles = readAll(caBundles, at.down('caBundles'), 'CA bundle', problems, (shape, here) =>
      readBundle(shape, here, problems),
    );
  }

  get certificates(): readonly { readonly id: string; readonly pair: CertificatePair }[] {
    return [...this.#certificates].flatMap(([id, pair]) => (pair === undefined ? [] : [{ id, pair }]));
  }

  get bundles(): readonly CaBundleConfig[] {
    return [...this.#bundles.values()].filter((bundle) => bundle !== undefined);
  }

  /** Undefined where there is none (reported), or it could not be read (reported where it stands). */
  findCertificate(id: string, at: Cursor, problems: ProblemList): CertificatePair | undefined {
    return find(this.#certificates, id, at, 'certificate', problems);
  }

  /** As findCertificate. `system` is none: who allows it asks before. */
  findBundle(id: string, at: Cursor, problems: ProblemList): CaBundleConfig | undefined {
    return find(this.#bundles, id, at, 'CA bundle', problems);
  }
}

/** `certificateIds` of `around`. Ids that are not there are reported. */
export function readCertificateIds(
  ids: readonly string[] | undefined,
  around: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): CertificatePair[] {
  if (ids === undefined) reportEmpty(around, 'certificateIds', problems);
  const at = around.down('certificateIds');
  return (ids ?? []).flatMap((id, i) => named.findCertificate(id, at.down(i), problems) ?? []);
}

function readAll<S extends { readonly id?: string | undefined }, T>(
  shapes: readonly S[],
  at: Cursor,
  what: string,
  problems: ProblemList,
  read: (shape: S, at: Cursor, id: string) => T,
): Map<string, T> {
  if (shapes.length > maxObjects) problems.error('too_many', at.place, `more than ${maxObjects} of them`);
  const found = new Map<string, T>();
  const places = new Map<string, Place>();
  for (const [i, shape] of shapes.entries()) {
    const here = at.down(i);
    const id = readId(shape.id, here, what, problems);
    const value = read(shape, here, id);
    if (id === '') continue;
    const earlier = places.get(id);
    const { place } = here.down('id');
    if (earlier === undefined) {
      found.set(id, value);
      places.set(id, place);
    } else
      problems.error(
        'duplicate_name',
        place,
        `two of this kind are called ${quote(id)}`,
        `The first stands in ${sayPlace(earlier)}.`,
      );
  }
  return found;
}

/** '' where it is missing or wrong, and reported. */
export function readId(id: string | undefined, at: Cursor, what: string, problems: ProblemList, name = 'id'): string {
  const { place } = at.down(name);
  if (id === undefined || id === '') {
    if (!at.isBroken(name))
      problems.error(
        'missing_key',
        place,
        `the ${what} has no \`${name}\``,
        what === 'certificate' ? 'Certificates without an id stand under gateway.tls.certificates.' : '',
      );
    return '';
  }
  const isReserved = what === 'CA bundle' && id === systemBundle;
  if (!idPattern.test(id))
    problems.error(
      'bad_name',
      place,
      `${quote(id)} cannot be the ${name} of a ${what}`,
      'Letters, digits, dots, dashes and underscores, at most 128, a letter or digit first.',
    );
  else if (isReserved)
    problems.error(
      'reserved_name',
      place,
      'no CA bundle can be called system',
      'That word means the CAs of the system.',
    );
  return idPattern.test(id) && !isReserved ? id : '';
}

function readBundle(
  shape: z.output<typeof caBundleShape>,
  at: Cursor,
  problems: ProblemList,
): CaBundleConfig | undefined {
  const sourced = readBundleSource(shape, at, shape.id ?? '', problems);
  if (sourced === undefined) return undefined;
  if (sourced !== 'files') {
    const crl = readCrl(shape.crl, at, problems);
    return { id: shape.id ?? '', cas: [sourced], crl, place: at.place };
  }
  const here = at.down('ca');
  if ((shape.ca === undefined || shape.ca.length === 0) && !at.isBroken('ca')) {
    if (shape.ca === undefined && at.has('ca')) reportEmpty(at, 'ca', problems);
    else problems.error('missing_key', at.place, 'the CA bundle has no `ca`', 'Name the files of its CA certificates.');
    return undefined;
  }
  const cas = (shape.ca ?? []).map((value, i) => readRefAt(value, here.down(i), 'ca', problems));
  const crl = readCrl(shape.crl, at, problems);
  const good = cas.filter((ref) => ref !== undefined);
  return good.length < cas.length ? undefined : { id: shape.id ?? '', cas: good, crl, place: at.place };
}

function find<T>(
  known: ReadonlyMap<string, T | undefined>,
  id: string,
  at: Cursor,
  what: string,
  problems: ProblemList,
): T | undefined {
  if (known.has(id)) return known.get(id);
  const near = findNearest(id, known.keys());
  const list = what === 'certificate' ? 'gateway.certificates' : 'gateway.caBundles';
  problems.error(
    'unknown_reference',
    at.place,
    `there is no ${what} ${quote(id)}`,
    near === undefined ? `Declare it under ${list}.` : `Did you mean ${near}?`,
  );
  return undefined;
}
