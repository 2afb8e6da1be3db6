// What a policy and a route's rule ask of a client, and what they would say of one certificate, as lines for a person.
import type { ClientAuthConfig, CrlConfig, OcspConfig } from '../config/gateway-config.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import { verifyPresented } from '../trust/verify-presented.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { quoteSubject } from '../trust/issuer-diagnosis.ts';
import { type VerificationResult, refuseUnreadable } from '../trust/certificate-checks.ts';
import { describeSanRules, describeSans } from '../trust/san-rule.ts';
import type { RouteRule } from '../trust/route-rule.ts';

/** Leaf first, then what is sent along. */
export type ClientChain = readonly [CertificateFacts, ...CertificateFacts[]];

/** What became of a certificate: let in, refused with the reason, not asked for, or not shown over plain HTTP. */
export type ClientVerdict = 'passes' | 'not asked' | 'plain' | VerificationResult;

/** The certificate that is asked about, and what the policy would say of it. */
export type ShownClient = { readonly chain: ClientChain; readonly verdict: ClientVerdict };

const maxSubjects = 10;
const maxRulesLength = 2000;

/** The policy and everything that it asks of clients; `config` is its clientAuth. */
export function describePolicy(policy: TrustPolicy, config: ClientAuthConfig | undefined): string[] {
  const { clientAuth, trust } = policy;
  if (clientAuth === undefined || trust === undefined || config === undefined) {
    return [`policy   ${policy.name} (no client certificate)`];
  }
  const { anchors } = trust.all;
  const subjects = anchors.slice(0, maxSubjects).map(quoteSubject).join(', ');
  const more = anchors.length > maxSubjects ? `, and ${anchors.length - maxSubjects} more` : '';
  const { rsa, ec } = trust.keyFloor;
  const asks = [
    `issued by ${subjects}${more}${trust.partialChain ? ' (intermediates are anchors)' : ''}`,
    `at most ${Math.max(clientAuth.maxDepth, 1)} certificates above it with the anchor, keys of at least RSA ${rsa} or EC ${ec} bits`,
  ];
  const { spiffe, allowedFingerprints, allowedSPKI, allowedSANs, crl, ocsp } = config;
  if (spiffe !== undefined) {
    const own = new Set(spiffe.bundles.map(({ trustDomain }) => trustDomain));
    const domains = spiffe.trustDomains.map((domain) => `${domain}${own.has(domain) ? ' (own bundle)' : ''}`);
    asks.push(`a SPIFFE ID of ${domains.join(', ')}`);
  }
  const pins = [
    ...(allowedFingerprints === undefined ? [] : [`one of ${allowedFingerprints.length} pinned certificates`]),
    ...(allowedSPKI === undefined ? [] : [`one of ${allowedSPKI.length} pinned keys`]),
  ];
  if (pins.length > 0) asks.push(pins.join(' or '));
  if (allowedSANs !== undefined) asks.push(`a name: ${describeSanRules(allowedSANs, maxRulesLength)}`);
  if (crl !== undefined) asks.push(describeCrl(crl));
  if (ocsp !== undefined) asks.push(describeOcsp(ocsp));
  const required = clientAuth.required ? 'required' : 'optional';
  return [`policy   ${policy.name} (client certificate ${required})`, ...asks.map((line) => `asks     ${line}`)];
}

function describeCrl({ sources, onMissing, onStale, scope }: CrlConfig): string {
  const whom = scope === 'leaf' ? 'the leaf' : 'the whole chain';
  return `not revoked by ${sources.length} CRL ${sources.length === 1 ? 'source' : 'sources'} (${whom}; without a CRL: ${onMissing}, with an old one: ${onStale})`;
}

function describeOcsp({ mode, responder }: OcspConfig): string {
  return `not revoked by OCSP (${mode}; ${responder ?? 'the responder that the certificate names'})`;
}

/** What the policy would say of the certificate at a handshake now. */
export function verifyChain(client: ClientChain, { trust, clientAuth }: TrustPolicy, now: number): ClientVerdict {
  if (trust === undefined || clientAuth === undefined) return 'not asked';
  try {
    const { revocations } = trust;
    return verifyPresented(client, { trust, maxDepth: clientAuth.maxDepth, revocations }, now) ?? 'passes';
  } catch (error) {
    return refuseUnreadable(error);
  }
}

/** `config`: what the policy asks, to say what was not looked at. */
export function describeVerdict(
  [leaf]: ClientChain,
  verdict: ClientVerdict,
  config: ClientAuthConfig | undefined,
): string {
  const who = `client   ${quoteSubject(leaf)}${leaf.sans.length === 0 ? '' : ` (${describeSans(leaf.sans)})`}`;
  if (verdict === 'plain') return `${who}: cannot be shown over plain HTTP`;
  if (verdict === 'not asked') return `${who}: not asked for, so anonymous`;
  const unseen = config?.ocsp === undefined ? '' : ' unless OCSP says that it is revoked, which is not asked here';
  return verdict === 'passes' ? `${who}: passes${unseen}` : `${who}: refused with ${verdict.code}: ${verdict.detail}`;
}

/** The route's rule, and what it says of the client: of the certificate where it passed, else of somebody anonymous. */
export function describeRule(
  rule: RouteRule,
  client: ShownClient | undefined,
): { readonly lines: readonly string[]; readonly denial: string | undefined } {
  const lines = [`rule     ${rule.description}`];
  // Refused before, or sent on to https before: the rule is not reached.
  if (client === undefined || typeof client.verdict === 'object') return { lines, denial: undefined };
  if (client.verdict === 'plain' && rule.required) return { lines, denial: undefined };
  const denial = rule.verify(client.verdict === 'passes' ? { leaf: client.chain[0] } : undefined);
  const code = client.verdict === 'passes' ? 'policy_denied' : 'no_client_cert';
  const result = denial === undefined ? 'rule     allows it' : `rule     403 ${code}: ${denial.detail}`;
  return { lines: [...lines, result], denial: denial?.detail };
}
