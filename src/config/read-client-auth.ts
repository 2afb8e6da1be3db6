// `clientAuth` of the gateway and of a policy: whose client certificates are accepted, and whether one is required.
import type { Cursor } from '../yaml/cursor.ts';
import type { ClientAuthConfig, Ref, SanRuleConfig, SpiffeConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readCrl } from './read-crl.ts';
import { readOcsp } from './read-ocsp.ts';
import { readIdentityRules } from './read-pins.ts';
import { readSpiffe } from './read-spiffe.ts';
import { readBetween, readRefAt, reportEmpty } from './reading.ts';
import type { ClientAuthShape } from './tls-shape.ts';
import { quote } from '../yaml/tree.ts';

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
  handshakeTimeoutMs: number,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  const here = at.down('clientAuth');
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
  if (shape.required !== true && here.keys.every((key) => harmless.includes(key) || key.startsWith('x-'))) {
    problems.warn(
      'client_auth_without_ca',
      at.keyPlace('clientAuth'),
      'clientAuth names no clientCA: no client certificate is asked for',
      'Add clientCA, or remove the block.',
    );
    return undefined;
  }
  if (shape.required === undefined && (shape.clientCA !== undefined || shape.spiffe !== undefined))
    problems.warn(
      'client_auth_optional',
      here.keyPlace(shape.clientCA === undefined ? 'spiffe' : 'clientCA'),
      'required is not set and defaults to false here: clients without a certificate are let in',
      'Write `required: true` to refuse them, or `required: false` to say that it is meant.',
    );
  return readClientAuth(shape, shape.required ?? false, here, handshakeTimeoutMs, problems);
}

/** Our own key, so our own default: a policy that asks for certificates requires them unless it says otherwise. */
export function readPolicyClientAuth(
  shape: ClientAuthShape | undefined,
  at: Cursor,
  handshakeTimeoutMs: number,
  problems: ProblemList,
): ClientAuthConfig | undefined {
  if (shape === undefined) return reportEmpty(at, 'clientAuth', problems);
  return readClientAuth(shape, shape.required ?? true, at.down('clientAuth'), handshakeTimeoutMs, problems);
}

function readClientAuth(
  shape: ClientAuthShape,
  required: boolean,
  at: Cursor,
  handshakeTimeoutMs: number,
  problems: ProblemList,
): ClientAuthConfig {
  const spiffe = readSpiffe(shape.spiffe, at, problems);
  for (const key of ['partialChain', 'minKeyBits', 'distrustGrace'] as const) reportEmpty(at, key, problems);
  const rules = readIdentityRules(shape, at, problems);
  reportForeignRules(rules.allowedSANs ?? [], spiffe, problems);
  return {
    clientCAs: readClientCAs(shape, spiffe, at, problems),
    required,
    onFailure: shape.onFailure ?? 'close',
    maxDepth: shape.maxDepth ?? 4,
    ...rules,
    partialChain: shape.partialChain,
    minKeyBits: { rsa: shape.minKeyBits?.rsa ?? 2048, ec: shape.minKeyBits?.ec ?? 256 },
    spiffe,
    crl: readCrl(shape.crl, at, problems),
    ocsp: readOcsp(shape.ocsp, at, handshakeTimeoutMs, problems),
    distrustGraceMs: readBetween(shape.distrustGrace, 500, ['0s', '1m'], at, 'distrustGrace', problems),
    place: at.place,
  };
}

/** Both have to hold: a rule for a trust domain that `spiffe` does not list is satisfied by nobody. */
function reportForeignRules(rules: readonly SanRuleConfig[], spiffe: SpiffeConfig | undefined, problems: ProblemList) {
  if (spiffe === undefined || spiffe.trustDomains.length === 0) return;
  for (const rule of rules) {
    if (rule.kind === 'san') continue;
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
  spiffe: SpiffeConfig | undefined,
  at: Cursor,
  problems: ProblemList,
): Ref[] {
  const list = at.down('clientCA');
  const refs = (shape.clientCA ?? []).map((value, i) => readRefAt(value, list.down(i), 'clientCA', problems));
  if ((shape.clientCA !== undefined && shape.clientCA.length > 0) || at.isBroken('clientCA'))
    return refs.filter((ref) => ref !== undefined);
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
