// The shape of what a certificate must be besides well issued: name rules, pins, revocation, SPIFFE. The same on both sides
// where both have it. What the values mean is read by read-san-rules.ts, read-pins.ts, read-crl.ts, read-ocsp.ts, read-spiffe.ts.
import { z } from 'zod';
import { closedMap, duration, flag, list, oneOf, oneOrMore, text } from './atoms.ts';

const sanTypes = ['DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME'] as const;

/** An unknown key in a rule could be a condition: it is an error, since a rule without it would admit more. */
export const sanRuleShape = closedMap({
  type: oneOf(sanTypes, true, 'Names are those of the subject alternative name; a common name or subject never counts.')
    .optional()
    .describe('Kind of name that the rule looks at. No default.'),
  exact: text.optional().describe('The whole name.'),
  prefix: text.optional().describe('What the name starts with.'),
  suffix: text.optional().describe('What the name ends in; for DNS with the dot in front, as in ".internal.corp".'),
  contains: text.optional().describe('What the name holds somewhere.'),
  regex: text
    .optional()
    .describe(
      'The whole name has to match; names of more than 512 characters do not. A subset that runs in bounded time.',
    ),
  ignoreCase: flag.optional().describe('Default false. DNS names are compared without case always.'),
  oid: text.optional().describe('Dotted object identifier; for OTHER_NAME only, and required there.'),
  spiffe: text.optional().describe('Instead of type and matcher: one SPIFFE ID, spiffe://domain/path.'),
  trustDomain: text.optional().describe('Instead of type and matcher: every SPIFFE ID of this trust domain.'),
});
export type SanRuleShape = z.output<typeof sanRuleShape>;

export const identityKeys = {
  allowedSANs: list(sanRuleShape)
    .optional()
    .describe('Rules over the names of the certificate; one that holds suffices. Default: any name. Never empty.'),
  allowedFingerprints: oneOrMore(text)
    .optional()
    .describe('Certificates that are accepted: SHA-256 in hexadecimal. Default: any. Never empty.'),
  allowedSPKI: oneOrMore(text)
    .optional()
    .describe('Keys that are accepted: SHA-256 of the SubjectPublicKeyInfo in base64. Default: any. Never empty.'),
};
export type IdentityShape = z.output<z.ZodObject<typeof identityKeys>>;

const onProblem = oneOf(['deny', 'allow'], true).optional();

export const crlShape = closedMap({
  sources: oneOrMore(text)
    .optional()
    .describe(
      'Required: path of a file or folder, PEM text, base64 of PEM or DER, or http(s) URL; or a list of these.',
    ),
  onMissing: onProblem.describe('A certificate whose issuer has no CRL here. Default deny.'),
  onStale: onProblem.describe('A CRL whose nextUpdate has passed. Default deny.'),
  scope: oneOf(['chain', 'leaf'], true)
    .optional()
    .describe('chain: every certificate below the anchor; leaf: the leaf alone. Default chain.'),
  refresh: duration
    .optional()
    .describe('Longest time between two fetches of a URL, 1m to 168h; earlier where nextUpdate is nearer. Default 1h.'),
});
export type CrlShape = z.output<typeof crlShape>;

export const ocspShape = closedMap({
  mode: oneOf(['off', 'soft', 'hard'], true)
    .optional()
    .describe('Required. hard: what is not known to be good is refused. soft: only what is known to be revoked is.'),
  responder: text
    .optional()
    .describe('http(s) URL of the responder. Default: the one in the certificate (allowedHosts).'),
  allowedHosts: oneOrMore(text)
    .optional()
    .describe('Hosts of responders that certificates may name. Default: none, so only `responder` is asked.'),
  timeout: duration.optional().describe('For one question; 100ms to 10s, below tls.handshakeTimeout. Default 2s.'),
  refresh: duration
    .optional()
    .describe(
      'Longest time that an answer is relied on, 10s to 168h; shorter where its nextUpdate is nearer. Default 10m.',
    ),
});
export type OcspShape = z.output<typeof ocspShape>;

export const spiffeShape = closedMap({
  trustDomains: oneOrMore(text)
    .optional()
    .describe('Required: the certificate must be an X509-SVID of one of these trust domains.'),
  bundles: z
    .record(z.string(), text, { error: () => 'expected a map of trust domains and CA certificates' })
    .optional()
    .describe('Per trust domain its CA certificates (S), in place of clientCA. Default: clientCA for each.'),
});
export type SpiffeShape = z.output<typeof spiffeShape>;

export const routeClientCertShape = closedMap({
  required: flag.optional().describe('Default true. false: anonymous clients may call too.'),
  allow: list(sanRuleShape)
    .optional()
    .describe('Rules as in allowedSANs; one that holds suffices. Default: every authenticated client. Never empty.'),
});
export type RouteClientCertShape = z.output<typeof routeClientCertShape>;

/** `defaults` of a policy; those of the gateway have more. Who may call a route is the one thing of `security` that has a default. */
export const routeDefaultsKeys = {
  security: closedMap({
    clientCert: closedMap({
      required: flag.optional().describe('Default true. false: anonymous clients may call.'),
    })
      .optional()
      .describe('For routes that write no security.clientCert of their own.'),
  }).optional(),
};
export const routeDefaultsShape = closedMap(routeDefaultsKeys);
export type RouteDefaultsShape = z.output<typeof routeDefaultsShape>;
