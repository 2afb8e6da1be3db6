// `spiffe` of client authentication: the trust domains that are accepted, each with CA certificates of its own where given.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { closedMap, oneOrMore, text } from './atoms.ts';
import type { SpiffeConfig } from './gateway-config.ts';
import { anchorsOf } from './bundle-sources.ts';
import { key } from './key.ts';
import type { NamedMaterial } from './named-material.ts';
import { readWorkloadApi, workloadApiShape } from './spiffe-source.ts';
import type { Place } from '../yaml/place.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readRef, reportEmpty, reportMistake } from './reading.ts';
import { parseTrustDomain } from './spiffe-id.ts';
import { quote } from '../yaml/tree.ts';

const maxTrustDomains = 256;

export const spiffeShape = closedMap({
  trustDomains: key(oneOrMore(text), {
    says: 'Required: the certificate must be an X509-SVID of one of these trust domains.',
    unset: 'required',
    page: 'One or a list. The certificate has to be an X509-SVID of one of them: exactly one URI, a SPIFFE ID with a path, in a leaf whose key usage is critical, has `digitalSignature` and issues nothing; what stands between it and the anchor has `keyCertSign` and no ID with a path. Extended key usage: `clientAuth` suffices, where the standard asks for `serverAuth` too.',
  }),
  bundles: key(z.record(z.string(), text, { error: () => 'expected a map of trust domains and CA certificates' }), {
    says: 'Per trust domain its CA certificates (S), in place of clientCA. Default: clientCA for each.',
    unset: '`clientCA` for each',
    restricts: true,
    page: '`{example.org: S}`: the CA certificates of a trust domain, which then count for this domain alone. A bundle for a domain that is not listed is an error; so is a domain with neither bundle nor `clientCA`.',
  }),
  bundleIds: key(z.record(z.string(), text, { error: () => 'expected a map of trust domains and ids' }), {
    says: 'Per trust domain the id of one of gateway.caBundles, beside bundles.',
    unset: 'none',
    restricts: true,
    page: 'own. `{example.org: ID}`: the same by an id of `gateway.caBundles`, whatever source that has. Its revocation lists have to stand beside `spiffe` instead.',
  }),
  workloadApi: key(workloadApiShape, {
    says: 'The CAs of every other trust domain come from the SPIFFE Workload API, federated ones too.',
    unset: 'not asked',
    restricts: true,
    page: 'own. `{socket}`, or `{}` for `SPIFFE_ENDPOINT_SOCKET`: the CAs of every trust domain without a bundle come from the SPIFFE agent, federated ones too, and change as it says.',
    example: 'For example workloadApi: {socket: unix:///run/spire/agent.sock}.',
  }),
});
type SpiffeShape = z.output<typeof spiffeShape>;

/** What stands around the block. `hasCrl`: the policy has revocation lists of its own. */
export type SpiffeSurroundings = { readonly named: NamedMaterial; readonly hasCrl: boolean };

type Bundle = SpiffeConfig['bundles'][number];

/** The block under `spiffe` of `around`. */
export function readSpiffe(
  shape: SpiffeShape | undefined,
  around: Cursor,
  surroundings: SpiffeSurroundings,
  problems: ProblemList,
): SpiffeConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'spiffe', problems);
  const at = around.down('spiffe');
  const trustDomains = readTrustDomains(shape.trustDomains, at, problems);
  const found = new Map<string, Bundle>();
  readBundles(shape, at, trustDomains, found, problems);
  readBundleIds(shape, at, trustDomains, surroundings, found, problems);
  reportEmpty(at, 'workloadApi', problems);
  if (shape.workloadApi !== undefined) {
    const here = at.down('workloadApi');
    const bare = trustDomains.filter((domain) => !found.has(domain));
    for (const settings of readWorkloadApi(shape.workloadApi, bare, here, problems)) {
      const { trustDomain = '' } = settings;
      found.set(trustDomain, { trustDomain, cas: [anchorsOf(settings, 'workloadApi', at, trustDomain)] });
    }
  }
  return { trustDomains, bundles: [...found.values()], place: at.place };
}

function readTrustDomains(texts: readonly string[] | undefined, around: Cursor, problems: ProblemList): string[] {
  const at = around.down('trustDomains');
  if ((texts === undefined || texts.length === 0) && !around.isBroken('trustDomains'))
    problems.error(
      'missing_key',
      around.has('trustDomains') ? around.keyPlace('trustDomains') : around.place,
      'spiffe names no trustDomains, which could mean nobody or everybody',
      'Write trustDomains: [example.org].',
    );
  if (texts !== undefined && texts.length > maxTrustDomains)
    problems.error('too_many', at.place, `more than ${maxTrustDomains} trust domains`);
  const domains = new Set<string>();
  for (const [i, written] of (texts ?? []).entries()) {
    const reading = parseTrustDomain(written);
    if ('domain' in reading) domains.add(reading.domain);
    else reportMistake(problems, 'bad_spiffe', at.down(i), written, reading);
  }
  return [...domains];
}

function readBundles(
  shape: SpiffeShape,
  around: Cursor,
  trustDomains: readonly string[],
  found: Map<string, Bundle>,
  problems: ProblemList,
): void {
  reportEmpty(around, 'bundles', problems);
  const at = around.down('bundles');
  // The keys as written: `__proto__` is a legal trust domain, which objects lose.
  for (const written of at.keys) {
    const domain = readDomain(written, at, trustDomains, problems);
    if (domain === undefined) continue;
    const place = at.keyPlace(written);
    const value = Object.entries(shape.bundles ?? {}).find(([name]) => name === written)?.[1];
    if (value === undefined && !at.isEmpty(written) && !at.isBroken(written))
      problems.error(
        'bad_spiffe',
        place,
        `${quote(written)} cannot be the name of a bundle here`,
        'List its CA in clientCA.',
      );
    const bundle = readRef(value, at, written, problems);
    if (found.has(domain)) reportTwice(domain, place, problems);
    else if (bundle !== undefined) found.set(domain, { trustDomain: domain, cas: [bundle] });
  }
}

function readBundleIds(
  shape: SpiffeShape,
  around: Cursor,
  trustDomains: readonly string[],
  { named, hasCrl }: SpiffeSurroundings,
  found: Map<string, Bundle>,
  problems: ProblemList,
): void {
  reportEmpty(around, 'bundleIds', problems);
  const at = around.down('bundleIds');
  for (const written of at.keys) {
    const domain = readDomain(written, at, trustDomains, problems);
    const id = Object.entries(shape.bundleIds ?? {}).find(([name]) => name === written)?.[1];
    if (domain === undefined || id === undefined) {
      if (domain !== undefined) reportEmpty(at, written, problems);
      continue;
    }
    const bundle = named.findBundle(id, at.down(written), problems);
    if (found.has(domain)) reportTwice(domain, at.keyPlace(written), problems);
    else if (bundle !== undefined) found.set(domain, { trustDomain: domain, cas: bundle.cas });
    // One list of the policy is looked at for all trust domains: those of a bundle would be passed over.
    if (bundle?.crl !== undefined && !hasCrl)
      problems.error(
        'contradiction',
        at.down(written).place,
        `the CA bundle ${quote(id)} has revocation lists, which are not looked at for a trust domain`,
        'Write crl beside spiffe, for all trust domains.',
      );
  }
}

/** Undefined where it is none, and reported. */
function readDomain(
  written: string,
  at: Cursor,
  trustDomains: readonly string[],
  problems: ProblemList,
): string | undefined {
  const reading = parseTrustDomain(written);
  const place = at.keyPlace(written);
  if ('problem' in reading) {
    problems.error('bad_spiffe', place, `${quote(written)}: ${reading.problem}`, reading.hint);
    return undefined;
  }
  const { domain } = reading;
  if (!trustDomains.includes(domain)) {
    const near = findNearest(domain, trustDomains);
    problems.error(
      'unknown_trust_domain',
      place,
      `bundles names ${quote(domain)}, which is not among trustDomains: nobody of it would be let in`,
      near === undefined ? 'Add it to trustDomains, or remove the bundle.' : `Did you mean ${near}?`,
    );
  }
  return domain;
}

function reportTwice(domain: string, place: Place, problems: ProblemList): void {
  problems.error('duplicate_name', place, `the trust domain ${quote(domain)} has two bundles`);
}
