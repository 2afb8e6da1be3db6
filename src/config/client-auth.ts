// `clientAuth` of the gateway and of a policy: whose client certificates are accepted, and whether one is required.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ClientAuthConfig, SanRuleConfig, SpiffeConfig } from './gateway-config.ts';
import type { Ref } from './ref.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, durationBetween, flag, integer, list, oneOf, oneOrMore, text } from './atoms.ts';
import { type BundledCAs, readBundles } from './ca-bundle-refs.ts';
import { crlExample, crlShape, readCrl } from './crl.ts';
import { identityKeys, readIdentityRules } from './identity-rules.ts';
import { closedBlock, key, writtenDefault } from './key.ts';
import { ocspShape, readOcsp } from './ocsp.ts';
import { readRefAt, reportEmpty, reportNobody } from './reading.ts';
import type { NamedMaterial } from './named-material.ts';
import { readSpiffe, spiffeShape } from './spiffe.ts';
import { quote } from '../yaml/tree.ts';

const keyFloor = 'The floor can be raised, never lowered: smaller keys can be broken.';

const minKeyBitsKeys = {
  rsa: key(integer(2048, 16_384, keyFloor), {
    says: 'Smallest RSA key in bits. Default {default}.',
    default: 2048,
    restricts: true,
    page: 'own. Smallest RSA key in bits, up to {max}. It can be raised; a lower floor is an error.',
  }),
  ec: key(integer(256, 521, keyFloor), {
    says: 'Smallest key on an elliptic curve in bits. Default {default}.',
    default: 256,
    restricts: true,
    page: 'own. The same for keys on elliptic curves, up to {max}.',
  }),
};

export const clientAuthExample = 'For example clientAuth: {clientCA: FILE, required: true}; or clientAuth: off.';

/** Goma's block of two keys and ours: whatever else is written there narrows down who is accepted. */
export const clientAuthShape = closedMap({
  clientCA: key(oneOrMore(text), {
    says: 'CA certificates that client certificates must chain to: path, PEM text, base64 of PEM or DER, or a list of these.',
    page: '`S` or a list of `S`. Required as soon as certificates are asked for: `required: true` without it is an error, and so is any key below that narrows down who is accepted. Only where `spiffe` has a bundle for each of its trust domains it may be left out.',
  }),
  caBundles: key(list(text), {
    says: 'Ids of gateway.caBundles, beside clientCA or in its place.',
    page: 'own. Ids of `gateway.caBundles`, beside `clientCA` or in its place. Their `crl` counts where none is written here.',
    oursAlone: true,
  }),
  required: key(flag, {
    says: 'true: a client without a certificate is refused. Default: false under gateway.tls (as in Goma), true under policies.',
    unset: '`false` under `gateway.tls`, `true` under `policies`',
    page: "`true`: no certificate, no connection. `false`: a certificate that is sent must pass. Under `gateway.tls` the default is Goma's, so leaving it out beside `clientCA` is a warning.",
  }),
  onFailure: key(oneOf(['close', 'explain']), {
    says: 'close: the handshake fails. explain: the first request is answered with the reason, then the connection is closed.',
    default: 'close',
    page: 'own. `close`: a client without a certificate gets the alert `certificate_required` (`handshake_failure` with TLS 1.2) where one is required, one whose certificate does not pass a bare close. `explain`: the first request is answered with the reason, then the connection is closed; no session is resumed.',
  }),
  maxDepth: key(integer(0, 16), {
    says: "Longest chain, counted in certificates above the leaf with the anchor, as Envoy's max_verify_depth; nginx's ssl_verify_depth is one less. Default {default}.",
    default: 4,
    page: "own. Longest chain, counted in certificates above the leaf, the anchor among them, {min} to {max}: `1` (and `0`, as in Envoy) is a client issued by the anchor itself, `2` has one intermediate. Envoy's `max_verify_depth` counts the same, nginx's `ssl_verify_depth` one less.",
  }),
  ...identityKeys,
  partialChain: key(flag, {
    says: 'Whether an intermediate in clientCA is an anchor. Default: only where clientCA holds no root at all.',
    unset: 'only where `clientCA` holds no root at all',
    page: 'own. Whether an intermediate in `clientCA` is an anchor by itself.',
  }),
  minKeyBits: closedBlock(minKeyBitsKeys, {
    says: `Smallest keys that are accepted. Default {rsa: ${writtenDefault(minKeyBitsKeys.rsa)}, ec: ${writtenDefault(minKeyBitsKeys.ec)}}; they can be raised, never lowered.`,
    restricts: true,
    example: 'For example minKeyBits: {rsa: 3072, ec: 256}.',
  }),
  spiffe: key(spiffeShape, {
    says: 'SPIFFE identities, each trust domain with CAs of its own. Default: not asked for.',
    page: 'own.',
    oursAlone: true,
    example: 'For example spiffe: {trustDomains: [example.org]}.',
    table: 'spiffe',
  }),
  crl: key(crlShape, {
    says: 'Certificate revocation lists. Default: none is looked at.',
    page: 'own.',
    example: crlExample,
    table: 'crl',
  }),
  ocsp: key(ocspShape, {
    says: 'Questions to OCSP responders. Default: none is asked.',
    page: 'own.',
    example: 'For example ocsp: {mode: hard, responder: "http://ocsp.example.com"}.',
    table: 'ocsp',
  }),
  distrustGrace: key(durationBetween('0s', '1m'), {
    says: 'For requests in flight when their connection is not trusted any more; {min} to {max}. Default {default}.',
    default: '500ms',
    page: 'own. What a request in flight is given when its connection is not trusted any more, `{min}` (cut at once) to `{max}`.',
  }),
});
type ClientAuthShape = z.output<typeof clientAuthShape>;

/** What stands outside `clientAuth`. */
export type ClientAuthSurroundings = { readonly handshakeTimeoutMs: number; readonly named: NamedMaterial };

/** Keys that say nothing about who is let in; with any other beside them a block without CA is a mistake, not Goma's nothing. */
const harmless: readonly string[] = ['required', 'onFailure', 'maxDepth', 'distrustGrace'];

/** What the file says in so many words (gateway-config.ts). `at`: around `clientAuth`. */
export function readClientAuthSaid(shape: ClientAuthShape | undefined, at: Cursor): 'off' | 'optional' | undefined {
  if (at.saysOff('clientAuth')) return 'off';
  return shape?.required === false ? 'optional' : undefined;
}

/** Goma's default: `required: false`. Written without a CA and without `required: true` it means nothing, as in Goma. */
export function readGatewayClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  { handshakeTimeoutMs, named }: ClientAuthSurroundings,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  const here = at.down('clientAuth');
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
  if (shape.required !== true && here.keys.every((name) => harmless.includes(name) || name.startsWith('x-'))) {
    problems.warn(
      'client_auth_without_ca',
      at.keyPlace('clientAuth'),
      'clientAuth names no clientCA: no client certificate is asked for',
      'Add clientCA, or remove the block.',
    );
    return undefined;
  }
  if (shape.required === undefined && [shape.clientCA, shape.caBundles, shape.spiffe].some((cas) => cas !== undefined))
    problems.warn(
      'client_auth_optional',
      here.keyPlace(['clientCA', 'caBundles', 'spiffe'].find((name) => here.has(name)) ?? ''),
      'required is not set and defaults to false here: clients without a certificate are let in',
      'Write `required: true` to refuse them, or `required: false` to say that it is meant.',
    );
  return readClientAuth(shape, shape.required ?? false, here, { handshakeTimeoutMs, named }, problems);
}

/** Our own key, so our own default: a policy that asks for certificates requires them unless it says otherwise. */
export function readPolicyClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  around: ClientAuthSurroundings,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
  return readClientAuth(shape, shape.required ?? true, at.down('clientAuth'), around, problems);
}

function readClientAuth(
  shape: ClientAuthShape,
  required: boolean,
  at: Cursor,
  { handshakeTimeoutMs, named }: ClientAuthSurroundings,
  problems: ProblemList,
): ClientAuthConfig {
  const ownCrl = shape.crl !== undefined;
  const spiffe = readSpiffe(shape.spiffe, at, { named, hasCrl: ownCrl }, problems);
  for (const name of ['partialChain', 'minKeyBits', 'distrustGrace']) reportEmpty(at, name, problems);
  const rules = readIdentityRules(shape, at, problems);
  reportForeignRules(rules.allowedSANs ?? [], spiffe, problems);
  const bundled = readBundled(shape.caBundles, at, named, problems);
  return {
    clientCAs: readClientCAs(shape, bundled, spiffe, at, problems),
    required,
    onFailure: shape.onFailure,
    maxDepth: shape.maxDepth,
    ...rules,
    partialChain: shape.partialChain,
    minKeyBits: shape.minKeyBits,
    spiffe,
    crl: readCrl(shape.crl, at, problems) ?? bundled?.crl,
    ocsp: readOcsp(shape.ocsp, at, handshakeTimeoutMs, problems),
    distrustGraceMs: shape.distrustGrace,
    place: at.place,
  };
}

/** Undefined where none is named, or one is not there. */
function readBundled(
  ids: readonly string[] | undefined,
  at: Cursor,
  named: NamedMaterial,
  problems: ProblemList,
): BundledCAs | undefined {
  if (reportNobody(ids, at, 'caBundles', problems) || ids === undefined) return undefined;
  return readBundles(ids, at.down('caBundles'), named, problems);
}

/** Both have to hold: a rule for a trust domain that `spiffe` does not list is satisfied by nobody. */
function reportForeignRules(rules: readonly SanRuleConfig[], spiffe: SpiffeConfig | undefined, problems: ProblemList) {
  if (spiffe === undefined || spiffe.trustDomains.length === 0) return;
  for (const rule of rules) {
    if (rule.kind !== 'spiffe' && rule.kind !== 'trustDomain') continue;
    const domain = rule.kind === 'spiffe' ? (rule.id.split('/')[2] ?? '') : rule.domain;
    if (!spiffe.trustDomains.includes(domain))
      problems.warn(
        'dead_rule',
        rule.place,
        `nobody satisfies this rule: ${quote(domain)} is not among spiffe.trustDomains, and both have to hold`,
        'Add it to trustDomains, or remove the rule.',
      );
  }
}

/** None is needed where each trust domain brings its own. */
function readClientCAs(
  shape: ClientAuthShape,
  bundled: BundledCAs | undefined,
  spiffe: SpiffeConfig | undefined,
  at: Cursor,
  problems: ProblemList,
): Ref[] {
  const list = at.down('clientCA');
  const refs = (shape.clientCA ?? []).map((value, i) => readRefAt(value, list.down(i), 'clientCA', problems));
  const isGiven = (shape.clientCA !== undefined && shape.clientCA.length > 0) || at.isBroken('clientCA');
  // A bundle that is not there was reported, and so was a list of none.
  if (isGiven || shape.caBundles !== undefined)
    return [...refs.filter((ref) => ref !== undefined), ...(bundled?.cas ?? [])];
  const place = at.has('clientCA') ? at.keyPlace('clientCA') : at.keyPlace('required');
  const bare = spiffe?.trustDomains.filter((domain) => !spiffe.bundles.some((one) => one.trustDomain === domain)) ?? [];
  if (spiffe === undefined || spiffe.trustDomains.length === 0 || at.has('clientCA'))
    problems.error(
      'client_auth_without_ca',
      place,
      'client certificates are asked for, but no clientCA says whose',
      'Give clientCA: the CA certificates that client certificates must chain to.',
    );
  else if (bare.length > 0)
    problems.error(
      'client_auth_without_ca',
      at.down('spiffe').keyPlace('trustDomains'),
      `no CA says who belongs to ${bare.map(quote).join(', ')}: there is neither a bundle nor a clientCA`,
      'Add the CA certificates of the trust domain to bundles, or give clientCA for all of them.',
    );
  return [];
}
