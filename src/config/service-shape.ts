// What may be written at one of `gateway.services`, in the words of a service page: a source, an address, a TLS mode, our certificate, their
// CA, the server name.
import type { z } from 'zod';
import { flag, integer, list, map, oneOf, text } from './atoms.ts';
import { crlExample, crlShape } from './crl.ts';
import { healthCheckShape } from './health-check.ts';
import { identityKeys } from './identity-rules.ts';
import { block, key } from './key.ts';
import { loadBalancingKeys } from './load-balancing.ts';
import { sendProxyProtocolKey } from './proxy-protocol.ts';
import { retryKeys } from './retry.ts';
import { tlsVersionKeys } from './tls-parameters.ts';
import { upstreamTimeoutsKeys } from './upstream-settings.ts';

const addressShape = map({
  address: key(text, { says: 'host:port.' }),
  weight: key(integer(0, 1_000_000), { says: 'Share of the requests.', default: 0 }),
  backup: key(flag, { says: 'Gets requests only while no other address is healthy.', default: false }),
});

/** What may be said of TLS to a service. */
export const serviceTlsKeys = {
  mode: key(oneOf(['off', 'tls', 'mtls'], true), {
    says: 'off: plain text. tls: we verify the backend. mtls: and it verifies us. Required.',
    unset: 'required',
    restricts: true,
    page: 'own. `off`: plain text. `tls`: we verify the backend. `mtls`: and it verifies us.',
  }),
  certificateId: key(text, {
    says: 'Id of gateway.certificates that we present; required with mtls.',
    page: 'own. Id of `gateway.certificates`: what we present. Required with `mtls`.',
  }),
  caBundle: key(text, {
    says: 'Id of gateway.caBundles that verifies the backend, or system. Required.',
    unset: 'required but with `off`',
    page: 'own. Id of `gateway.caBundles` that verifies the backend; `system`: the CAs of the system, never without saying so.',
  }),
  serverName: key(text, {
    says: 'Name for SNI and verification. Default: the host of the address.',
    unset: 'host of the address',
    page: 'own. Name for SNI and verification; not an IP address.',
  }),
  insecureSkipVerify: key(text, {
    says: 'Why the certificate of the backend is NOT verified. Never in production.',
    page: 'own. Why the certificate of the backend is not verified, in words: `true` is not enough. Loud warning.',
  }),
  nameCheck: key(oneOf(['san', 'commonName'], true), {
    says: 'As security.tls.nameCheck of routes.',
    default: 'san',
    page: 'own. As on routes.',
  }),
  ...tlsVersionKeys,
  ...identityKeys,
  crl: key(crlShape, {
    says: 'Certificate revocation lists for the backend. Default: those of the CA bundle.',
    unset: 'those of the CA bundle',
    page: 'own. As on routes.',
    example: crlExample,
    table: 'crl',
  }),
};

export const serviceShape = map({
  name: key(text, {
    says: 'Unique name; required.',
    unset: 'required',
    page: 'own. Unique; letters, digits, `.`, `-`, `_`.',
  }),
  source: key(oneOf(['dns', 'static'], true), {
    says: 'dns: one name, all its addresses. static: a list. Default {default}.',
    default: 'dns',
    page: 'own. `dns`: one name, all its addresses, looked up again as they expire. `static`: a list of addresses with weights.',
  }),
  address: key(text, {
    says: 'host:port, for dns.',
    unset: 'required for `dns`',
    page: 'own. `host:port`, with `source: dns`.',
  }),
  addresses: key(list(addressShape), {
    says: 'Addresses with weights, for static.',
    unset: 'required for `static`',
    page: 'own. `[{address, weight, backup}]`, with `source: static`.',
  }),
  protocol: key(oneOf(['auto', 'http1', 'http2'], true), {
    says: 'HTTP/2 where the backend offers it (auto), never, or always. Default {default}.',
    default: 'auto',
    page: 'own. `auto`: HTTP/2 where the backend agrees to it by ALPN; `http1`; `http2`: or the connection is refused.',
  }),
  tls: block(serviceTlsKeys, {
    says: 'TLS to the backends.',
    table: 'servicestls',
    restricts: true,
    example: 'For example tls: {mode: mtls, certificateId: ID, caBundle: ID}.',
  }),
  ...loadBalancingKeys,
  sendProxyProtocol: sendProxyProtocolKey,
  healthCheck: key(healthCheckShape, {
    says: 'Active health check over the same TLS identity as requests.',
    unset: 'none',
    page: 'own. As on routes.',
  }),
  timeouts: block(upstreamTimeoutsKeys, { page: 'own. As on routes.' }),
  retry: block(retryKeys, { page: 'own. As on routes.' }),
});
/** What was written of one service. */
export type ServiceShape = z.output<typeof serviceShape>;
