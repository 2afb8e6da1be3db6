// `spiffe` of client authentication: the trust domains that are accepted, each with CA certificates of its own where given.
import type { Cursor } from '../yaml/cursor.ts';
import type { SpiffeConfig } from './gateway-config.ts';
import type { SpiffeShape } from './identity-shape.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readRef, reportEmpty, reportMistake } from './reading.ts';
import { parseTrustDomain } from './spiffe-id.ts';
import { quote } from '../yaml/tree.ts';

const maxTrustDomains = 256;

/** The block under `spiffe` of `around`. */
export function readSpiffe(
  shape: SpiffeShape | undefined,
  around: Cursor,
  problems: ProblemList,
): SpiffeConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'spiffe', problems);
  const at = around.down('spiffe');
  const trustDomains = readTrustDomains(shape.trustDomains, at, problems);
  return { trustDomains, bundles: readBundles(shape, at, trustDomains, problems), place: at.place };
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
  for (const [i, text] of (texts ?? []).entries()) {
    const reading = parseTrustDomain(text);
    if ('domain' in reading) domains.add(reading.domain);
    else reportMistake(problems, 'bad_spiffe', at.down(i), text, reading);
  }
  return [...domains];
}

function readBundles(
  shape: SpiffeShape,
  around: Cursor,
  trustDomains: readonly string[],
  problems: ProblemList,
): SpiffeConfig['bundles'] {
  reportEmpty(around, 'bundles', problems);
  const at = around.down('bundles');
  const found = new Map<string, SpiffeConfig['bundles'][number]>();
  // The keys as written: `__proto__` is a legal trust domain, which objects lose.
  for (const key of at.keys) {
    const reading = parseTrustDomain(key);
    const place = at.keyPlace(key);
    if ('problem' in reading) {
      problems.error('bad_spiffe', place, `${quote(key)}: ${reading.problem}`, reading.hint);
      continue;
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
    const text = Object.entries(shape.bundles ?? {}).find(([name]) => name === key)?.[1];
    if (text === undefined && !at.isEmpty(key) && !at.isBroken(key))
      problems.error(
        'bad_spiffe',
        place,
        `${quote(key)} cannot be the name of a bundle here`,
        'List its CA in clientCA.',
      );
    const bundle = readRef(text, at, key, problems);
    if (found.has(domain)) problems.error('duplicate_name', place, `the trust domain ${quote(domain)} has two bundles`);
    else if (bundle !== undefined) found.set(domain, { trustDomain: domain, bundle });
  }
  return [...found.values()];
}
