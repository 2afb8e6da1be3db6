// Keys that narrow down whom we trust, written where they have no effect: a key of ours in the wrong place, or the word that
// Envoy or nginx has for it. Ignored with a warning they would leave the door open that they were to close.
import { findNearest } from './nearest.ts';

/** The places that a key of ours has. `required`, `mode`, `enabled` and the like stand in many, so they tell nothing. */
const places: ReadonlyMap<string, string> = new Map(
  Object.entries({
    clientAuth: 'in gateway.tls, or in a policy of gateway.tls.policies; what a route asks for is security.clientCert',
    clientCA: 'in clientAuth',
    clientCert:
      'in security of a route (who may call it), or in security.tls of a route (what the gateway shows to backends)',
    rootCAs: 'in security.tls of a route',
    allowedSANs: 'in clientAuth, or in security.tls of a route; a route lists its callers in security.clientCert.allow',
    allowedFingerprints: 'in clientAuth, or in security.tls of a route',
    allowedSPKI: 'in clientAuth, or in security.tls of a route',
    spiffe: 'in clientAuth',
    trustDomains: 'in clientAuth.spiffe',
    minKeyBits: 'in clientAuth',
    maxDepth: 'in clientAuth',
    partialChain: 'in clientAuth',
    distrustGrace: 'in clientAuth',
    crl: 'in clientAuth, or in security.tls of a route',
    onMissing: 'in crl',
    onStale: 'in crl',
    ocsp: 'in clientAuth; backends are checked by crl',
    forwardClientCert: 'in gateway, or in security of a route',
    policies: 'in gateway.tls',
    defaultPolicy: 'in gateway.tls',
  }),
);

/** What others call it, in their spelling, and what to write here. */
const words: ReadonlyMap<string, string> = new Map(
  Object.entries({
    require_client_certificate: 'clientAuth: {required: true}',
    trusted_ca: 'clientAuth: {clientCA: FILE}',
    validation_context: 'clientAuth',
    match_typed_subject_alt_names: 'allowedSANs: [{type: DNS, exact: NAME}]',
    match_subject_alt_names: 'allowedSANs: [{type: DNS, exact: NAME}]',
    verify_subject_alt_name: 'allowedSANs: [{type: DNS, exact: NAME}]',
    san_type: 'type',
    matcher: 'exact, prefix, suffix, contains or regex, beside type',
    safe_regex: 'regex',
    ignore_case: 'ignoreCase',
    verify_certificate_hash: 'allowedFingerprints',
    verify_certificate_spki: 'allowedSPKI',
    max_verify_depth: 'maxDepth',
    only_verify_leaf_cert_crl: 'crl: {scope: leaf}',
    forward_client_cert_details: 'forwardClientCert: {mode: …}',
    set_current_client_cert_details: 'forwardClientCert: {xfcc: …}',
    ssl_client_certificate: 'clientAuth: {clientCA: FILE}',
    ssl_verify_client: 'clientAuth: {required: true}, or required: false for `optional`',
    ssl_verify_depth: 'clientAuth: {maxDepth: NUMBER}',
    ssl_crl: 'clientAuth: {crl: {sources: FILE}}',
    ssl_ocsp: 'clientAuth: {ocsp: {mode: hard, responder: URL}}',
    proxy_ssl_verify: 'security.tls: verification is on unless insecureSkipVerify says otherwise',
    proxy_ssl_trusted_certificate: 'security.tls: {rootCAs: FILE}',
    proxy_ssl_name: 'security.tls: {serverName: NAME}',
    proxy_ssl_crl: 'security.tls: {crl: {sources: FILE}}',
  }),
);

const ours: ReadonlyMap<string, readonly [name: string, place: string]> = new Map(
  [...places].map(([name, place]) => [name.toLowerCase(), [name, place]]),
);

/** A sentence for the hint where an unknown key is a word of trust; undefined for all others. Case does not matter. */
export function hintForMisplaced(key: string): string | undefined {
  const own = ours.get(key.toLowerCase().replaceAll(/[_-]/g, ''));
  if (own !== undefined) return sayPlace(own);
  const word = words.get(key.toLowerCase());
  return word === undefined ? undefined : `Here it is ${word}.`;
}

/** The same for what is nearly such a word; short ones are near to too much. */
export function hintForNearlyMisplaced(key: string): string | undefined {
  const near = key.length < 8 ? undefined : findNearest(key, places.keys());
  const own = near === undefined ? undefined : ours.get(near.toLowerCase());
  return own === undefined ? undefined : sayPlace(own);
}

function sayPlace([name, place]: readonly [name: string, place: string]): string {
  return `${name} belongs ${place}.`;
}
