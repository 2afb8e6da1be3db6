// `spiffeBundle` of CA bundles: a SPIFFE bundle endpoint, and who answers for it.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, oneOf, text } from './atoms.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import { key } from './key.ts';
import { readRef, reportEmpty, reportMistake } from './reading.ts';
import type { WrittenRef } from './ref.ts';
import type { SpiffeBundleSettings, MaterialText } from './source-config.ts';
import { parseSpiffeId } from './spiffe-id.ts';
import { readTrustDomain } from './spiffe-source.ts';

export const bundleEndpointExample =
  'For example spiffeBundle: {url: "https://partner.example/bundle", profile: https_web, trustDomain: partner.example}.';

export const bundleEndpointShape = closedMap({
  url: key(text, { says: 'URL of the endpoint, https. Required.', unset: 'required' }),
  profile: key(oneOf(['https_web', 'https_spiffe']), {
    says: 'https_web: the endpoint has a certificate for the host of its URL. https_spiffe: an X.509-SVID. Required.',
    unset: 'required',
    page: '`https_web`: the endpoint has a certificate for the host of its URL. `https_spiffe`: it has an X.509-SVID, that of `endpointId`.',
  }),
  trustDomain: key(text, { says: 'Whose CAs it serves. Required.', unset: 'required' }),
  ca: key(text, {
    says: 'With https_web: CA certificates that verify the endpoint (S). Default: those of the system.',
    unset: "the system's",
    page: '`S`. With `https_web`: CA certificates that verify the endpoint.',
  }),
  endpointId: key(text, {
    says: 'With https_spiffe: SPIFFE ID of the endpoint. Required.',
    unset: 'required with `https_spiffe`',
    page: 'SPIFFE ID of the endpoint.',
  }),
  bootstrap: key(text, {
    says: 'With https_spiffe: CA certificates of the trust domain of endpointId, until it has served its own (S). Required.',
    unset: 'required with `https_spiffe`',
    page: '`S`. CA certificates of the trust domain of `endpointId`, for the first time; where that is `trustDomain` itself, later those that it served last.',
  }),
});
type Shape = z.output<typeof bundleEndpointShape>;

export function readBundleEndpoint(
  shape: Shape | undefined,
  at: Cursor,
  problems: ProblemList,
): SpiffeBundleSettings | undefined {
  if (shape === undefined) return undefined;
  const { profile } = shape;
  const url = readUrl(shape.url, at, problems);
  if (profile === undefined && !at.isBroken('profile'))
    problems.error(
      'missing_key',
      at.place,
      'spiffeBundle has no `profile`',
      'Write profile: https_web or https_spiffe.',
    );
  const trustDomain = readTrustDomain(shape.trustDomain, at, problems);
  for (const name of profile === 'https_web' ? ['endpointId', 'bootstrap'] : profile === undefined ? [] : ['ca'])
    if (at.has(name))
      problems.error('contradiction', at.keyPlace(name), `${name} says nothing with profile ${profile}`, 'Remove it.');
  const ca = readRef(shape.ca, at, 'ca', problems);
  const bootstrap = readRef(shape.bootstrap, at, 'bootstrap', problems);
  const endpointId = readEndpointId(shape, at, problems);
  if (profile === 'https_spiffe' && shape.bootstrap === undefined && !at.has('bootstrap'))
    problems.error(
      'missing_key',
      at.place,
      'profile https_spiffe needs `bootstrap`',
      'Whose certificates are believed at the first time? Give the CAs of its trust domain.',
    );
  if (url === undefined || profile === undefined || trustDomain === undefined) return undefined;
  if (profile === 'https_web') return { kind: 'spiffeBundle', url, profile, trustDomain, ca: ca && textRef(ca) };
  if (endpointId === undefined || bootstrap === undefined) return undefined;
  return { kind: 'spiffeBundle', url, profile, trustDomain, endpointId, bootstrap: textRef(bootstrap) };
}

function readUrl(written: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (written === undefined || written === '') {
    if (!at.isBroken('url'))
      problems.error('missing_key', at.place, 'spiffeBundle has no `url`', bundleEndpointExample);
    return undefined;
  }
  const reading = parseFetchUrl(written);
  if ('url' in reading && reading.url.startsWith('https:')) return reading.url;
  const mistake =
    'url' in reading ? { problem: 'a bundle is served by https only', hint: bundleEndpointExample } : reading;
  reportMistake(problems, 'bad_url', at.down('url'), withoutPassword(written), mistake);
  return undefined;
}

function readEndpointId({ endpointId: id, profile }: Shape, at: Cursor, problems: ProblemList): string | undefined {
  if (profile !== 'https_spiffe') return undefined;
  if (id === undefined) {
    if (reportEmpty(at, 'endpointId', problems) === undefined && !at.has('endpointId'))
      problems.error(
        'missing_key',
        at.place,
        'profile https_spiffe needs `endpointId`',
        'The SPIFFE ID of the endpoint.',
      );
    return undefined;
  }
  const reading = parseSpiffeId(id);
  if ('id' in reading) return reading.id;
  reportMistake(problems, 'bad_spiffe', at.down('endpointId'), id, reading);
  return undefined;
}

/** Without its place: the same source stands in another line after a change of the file. */
function textRef({ place: _place, ...ref }: WrittenRef): MaterialText {
  return ref;
}
