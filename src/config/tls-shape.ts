// The shape of everything under `tls:`: Goma's keys, ours, and what is not supported yet. Descriptions go into the
// JSON Schema; docs/configuration.md says more.
import type { z } from 'zod';
import { duration, flag, integer, list, map, oneOf, oneOrMore, text } from './atoms.ts';
import { ignored, refused } from './support.ts';

const later = 'Remove it; it comes with a later version.';

export const certificatePairShape = map({
  cert: text.optional().describe('Certificate, its chain included: path, PEM text, or base64 of PEM text.'),
  key: text.optional().describe('Private key of the certificate: path, PEM text, or base64 of PEM text.'),
});
export type CertificatePairShape = z.output<typeof certificatePairShape>;

export const tlsVersion = oneOf(['TLSv1.2', 'TLSv1.3'], true);

export const clientAuthShape = map({
  clientCA: oneOrMore(text)
    .optional()
    .describe(
      'CA certificates that client certificates must chain to: path, PEM text, base64 of PEM text, or a list of these.',
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
  allowedSANs: refused('admit clients whose names are not in the list', later, 'written'),
  allowedFingerprints: refused('admit certificates that are not pinned', later, 'written'),
  allowedSPKI: refused('admit keys that are not pinned', later, 'written'),
  spiffe: refused('admit identities of other trust domains', later, 'written'),
  crl: refused('admit revoked certificates', later, 'written'),
  ocsp: refused('admit revoked certificates', later),
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

export const policyShape = map({
  name: text.optional().describe('Unique name; stands in logs and metrics.'),
  hosts: list(text).optional().describe('Server names: exact, or *.example.com for one label or more below it.'),
  certificates: list(certificatePairShape)
    .optional()
    .describe('Certificates of this policy. Omitted: chosen among the shared ones by name.'),
  clientAuth: clientAuthShape.optional().describe('Client certificates. Omitted: none is asked for.'),
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
  clientAuth: clientAuthShape.optional().describe('Client certificates for every host that no policy names.'),
  ...cryptoKeys,
  handshakeTimeout: duration.optional().describe('Time for a TLS handshake. Default 10s.'),
  handshakesPerSecond: integer(0, 1_000_000)
    .optional()
    .describe('New handshakes per second and worker; 0 = unlimited.'),
  defaultPolicy: text
    .optional()
    .describe('Policy for absent or unknown server names: gateway, a policy, or none (refuse).'),
  sessionResumption: map({
    enabled: flag.optional().describe('Default true.'),
    lifetime: duration.optional().describe('Default 1h.'),
    keys: text.optional().describe('Ticket keys shared by several nodes: path, PEM text, or base64.'),
  })
    .optional()
    .describe('TLS session resumption; sessions never outlive a change of their policy.'),
  ocspStapling: refused('serve certificates without the OCSP response that was promised', later),
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
    .describe('CA certificates that verify the backend: path, PEM text, or base64. Omitted: those of the system.'),
  clientCert: text.optional().describe('Client certificate that the gateway presents: path, PEM text, or base64.'),
  clientKey: text.optional().describe('Private key of clientCert: path, PEM text, or base64.'),
  serverName: text.optional().describe('Name for SNI and verification instead of the host of the endpoint.'),
  ...versionKeys,
  allowedSANs: refused('trust backends whose names are not in the list', later, 'written'),
  crl: refused('trust revoked certificates of backends', later, 'written'),
  http2: oneOf(['auto', 'on', 'off'], true)
    .optional()
    .describe('HTTP/2 to the backend; this version speaks HTTP/1.1 only, so `on` is refused.'),
});
export type BackendTlsShape = z.output<typeof backendTlsShape>;

export const routeTlsShape = map({
  certificate: certificatePairShape.optional().describe('Certificate for the hosts of this route.'),
  certificates: list(certificatePairShape).optional().describe('Certificates for the hosts of this route.'),
  provider: ignored(
    'certificates are not fetched; the route uses those of gateway.tls',
    'Give the certificate as files.',
  ),
});
export type RouteTlsShape = z.output<typeof routeTlsShape>;
