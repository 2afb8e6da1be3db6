// The shape of everything under `tls:`: Goma's keys, ours, and what is not supported yet. Descriptions go into the
// JSON Schema; docs/configuration.md says more.
import type { z } from 'zod';
import { closedMap, duration, flag, integer, list, map, offOr, oneOf, oneOrMore, text } from './atoms.ts';
import { crlShape, identityKeys, ocspShape, routeDefaultsShape, spiffeShape } from './identity-shape.ts';
import { ignored } from './support.ts';

const certificatePairShape = map({
  cert: text.optional().describe('Certificate, its chain included: path, PEM text, or base64 of PEM or DER.'),
  key: text.optional().describe('Private key of the certificate: path, PEM text, or base64 of PEM or DER.'),
});
export type CertificatePairShape = z.output<typeof certificatePairShape>;

const tlsVersion = oneOf(['TLSv1.2', 'TLSv1.3'], true);

const keyFloor = 'The floor can be raised, never lowered: smaller keys can be broken.';

/** Goma's block of two keys and ours: whatever else is written there narrows down who is accepted. */
const clientAuthShape = closedMap({
  clientCA: oneOrMore(text)
    .optional()
    .describe(
      'CA certificates that client certificates must chain to: path, PEM text, base64 of PEM or DER, or a list of these.',
    ),
  required: flag
    .optional()
    .describe(
      'true: a client without a certificate is refused. Default: false under gateway.tls (as in Goma), true under policies.',
    ),
  onFailure: oneOf(['close', 'explain'])
    .optional()
    .describe(
      'close: the handshake fails. explain: the first request is answered with the reason, then the connection is closed.',
    ),
  maxDepth: integer(1, 16).optional().describe('Longest chain, counted in certificates above the leaf. Default 4.'),
  ...identityKeys,
  partialChain: flag
    .optional()
    .describe('Whether an intermediate in clientCA is an anchor. Default: only where clientCA holds no root at all.'),
  minKeyBits: closedMap({
    rsa: integer(2048, 16_384, keyFloor).optional().describe('Smallest RSA key in bits. Default 2048.'),
    ec: integer(256, 521, keyFloor).optional().describe('Smallest key on an elliptic curve in bits. Default 256.'),
  })
    .optional()
    .describe('Smallest keys that are accepted. Default {rsa: 2048, ec: 256}; they can be raised, never lowered.'),
  spiffe: spiffeShape
    .optional()
    .describe('SPIFFE identities, each trust domain with CAs of its own. Default: not asked for.'),
  crl: crlShape.optional().describe('Certificate revocation lists. Default: none is looked at.'),
  ocsp: ocspShape.optional().describe('Questions to OCSP responders. Default: none is asked.'),
  distrustGrace: duration
    .optional()
    .describe('For requests in flight when their connection is not trusted any more; 0s to 1m. Default 500ms.'),
});
export type ClientAuthShape = z.output<typeof clientAuthShape>;

const versionKeys = {
  minVersion: tlsVersion.optional().describe('Lowest TLS version. Default TLSv1.2.'),
  maxVersion: tlsVersion.optional().describe('Highest TLS version. Default TLSv1.3.'),
};
const cryptoKeys = {
  ...versionKeys,
  cipherSuites: list(text).optional().describe('Cipher suites, OpenSSL or IANA names. Default: modern, ECDHE only.'),
  curves: list(text).optional().describe('Key exchange groups in order of preference. Default: X25519MLKEM768 first.'),
};

const policyShape = map({
  name: text.optional().describe('Unique name; stands in logs and metrics.'),
  hosts: list(text).optional().describe('Server names: exact, or *.example.com for one label or more below it.'),
  certificates: list(certificatePairShape)
    .optional()
    .describe('Certificates of this policy. Omitted: chosen among the shared ones by name.'),
  clientAuth: offOr(clientAuthShape).optional().describe('Client certificates. Omitted, or `off`: none is asked for.'),
  defaults: routeDefaultsShape.optional().describe('For routes under this policy, in place of gateway.defaults.'),
  ...cryptoKeys,
});
export type PolicyShape = z.output<typeof policyShape>;

export const gatewayTlsShape = map({
  certsDir: text.optional().describe('Folder with *.crt, *.cert or *.pem and *.key files of the same base name.'),
  certificates: list(certificatePairShape).optional().describe('Certificates, chosen by server name.'),
  keys: list(certificatePairShape)
    .optional()
    .describe('Deprecated name of certificates; replaces them where both are given.'),
  default: certificatePairShape.optional().describe('Certificate where none matches the server name.'),
  clientAuth: offOr(clientAuthShape)
    .optional()
    .describe('Client certificates for every host that no policy names; `off`: none is asked for.'),
  ...cryptoKeys,
  handshakeTimeout: duration.optional().describe('Time for a TLS handshake. Default 10s.'),
  handshakesPerSecond: integer(0, 1_000_000)
    .optional()
    .describe('New handshakes per second and worker; 0 = unlimited.'),
  maxPendingHandshakes: integer(16, 1_000_000)
    .optional()
    .describe(
      'Connections per worker whose handshake is not finished; the oldest that waits for its client gives way. Default 2048.',
    ),
  maxPendingHandshakesPerAddress: integer(0, 1_000_000)
    .optional()
    .describe('The same for one IPv4 address or IPv6 /64; 0 = no limit of its own. Default 0.'),
  defaultPolicy: text
    .optional()
    .describe('Policy for absent or unknown server names: gateway, a policy, or none (refuse).'),
  sessionResumption: map({
    enabled: flag.optional().describe('Default true.'),
    lifetime: duration.optional().describe('Default 1h.'),
    keys: text.optional().describe('Ticket keys shared by several nodes: path, PEM text, or base64 of PEM or DER.'),
    rotation: duration
      .optional()
      .describe('Ticket keys change at each multiple of this on the clock; 1m to 168h. Default 12h.'),
  })
    .optional()
    .describe('TLS session resumption; sessions never outlive a change of their policy.'),
  ocspStapling: map({ enabled: flag.optional().describe('Default false.') })
    .optional()
    .describe('OCSP responses for our own certificates: fetched, and sent with the handshake.'),
  policies: list(policyShape)
    .optional()
    .describe(
      'Trust policies per server name. A policy replaces the settings of the gateway, it never merges with them.',
    ),
});
export type GatewayTlsShape = z.output<typeof gatewayTlsShape>;

export const backendTlsShape = map({
  insecureSkipVerify: flag
    .optional()
    .describe('true: the certificate of the backend is not verified. Never in production.'),
  SkipVerification: flag.optional().describe('Deprecated name of insecureSkipVerify.'),
  rootCAs: text
    .optional()
    .describe(
      'CA certificates that verify the backend: path, PEM text, or base64 of PEM or DER. Omitted: those of the system.',
    ),
  clientCert: text
    .optional()
    .describe('Client certificate that the gateway presents: path, PEM text, or base64 of PEM or DER.'),
  clientKey: text.optional().describe('Private key of clientCert: path, PEM text, or base64 of PEM or DER.'),
  serverName: text.optional().describe('Name for SNI and verification instead of the host of the endpoint.'),
  ...versionKeys,
  ...identityKeys,
  crl: crlShape.optional().describe('Certificate revocation lists for backends. Default: none is looked at.'),
  http2: oneOf(['auto', 'on', 'off'], true)
    .optional()
    .describe('HTTP/2 to the backend; this version speaks HTTP/1.1 only, so `on` is refused.'),
});

export const routeTlsShape = map({
  certificate: certificatePairShape.optional().describe('Certificate for the hosts of this route.'),
  certificates: list(certificatePairShape).optional().describe('Certificates for the hosts of this route.'),
  provider: ignored(
    'certificates are not fetched; the route uses those of gateway.tls',
    'Give the certificate as files.',
  ),
});
