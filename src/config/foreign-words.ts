// What others call the keys that narrow down whom we trust, in their spelling, and what to write here.

const words: ReadonlyMap<string, string> = new Map(
  Object.entries({
    // Envoy
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
    allow_requests_without_proxy_protocol: 'proxyProtocol: {others: direct}',
    lb_policy: 'loadBalancing: roundRobin, weighted, leastRequest or hash',
    hash_policy: 'loadBalancing: hash, with hashOn: [{source: …, name: …}]',
    // nginx
    least_conn: 'loadBalancing: leastRequest',
    ip_hash: 'loadBalancing: hash, with hashOn: [{source: address}]',
    proxy_next_upstream: 'retry: {attempts: NUMBER, on: [connect]}',
    ssl_preread: 'gateway.entryPoints.passThrough.forwards: [{port: …, sni: [NAMES], target: "host:port"}]',
    proxy_protocol: 'gateway.entryPoints.webSecure: {proxyProtocol: {from: ADDRESSES}}',
    set_real_ip_from:
      'gateway.proxy: {trustedProxies: [ADDRESSES]}, or proxyProtocol: {from: ADDRESSES} of an entry point',
    limit_conn: 'gateway.clientLimits: {connections: NUMBER}',
    limit_req: 'a middleware of type rateLimit',
    auth_basic: 'a middleware of type basicAuth',
    auth_basic_user_file: 'a middleware of type basicAuth, rule: {usersFile: FILE}',
    auth_request: 'a middleware of type forwardAuth, rule: {authUrl: URL}',
    auth_jwt: 'a middleware of type jwtAuth',
    client_max_body_size: 'maxBodyBytes, or a middleware of type bodyLimit',
    ssl_certificate: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
    ssl_certificate_key: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
    ssl_client_certificate: 'clientAuth: {clientCA: FILE}',
    ssl_verify_client: 'clientAuth: {required: true}, or required: false for `optional`',
    ssl_verify_depth: 'clientAuth: {maxDepth: NUMBER}, one more than in nginx, which does not count the anchor',
    ssl_crl: 'clientAuth: {crl: {sources: FILE}}',
    ssl_ocsp: 'clientAuth: {ocsp: {mode: hard, responder: URL}}',
    proxy_ssl_verify: 'security.tls: verification is on unless insecureSkipVerify says otherwise',
    proxy_ssl_trusted_certificate: 'security.tls: {rootCAs: FILE}',
    proxy_ssl_name: 'security.tls: {serverName: NAME}',
    proxy_ssl_crl: 'security.tls: {crl: {sources: FILE}}',
    // Traefik, Caddy, and Goma before 0.7
    trustedips: 'proxyProtocol: {from: ADDRESSES}',
    connectionsperclient: 'gateway.clientLimits: {connections: NUMBER}',
    tlsoptions: 'gateway.tls',
    clientauthtype: 'clientAuth: {required: true}',
    cafiles: 'clientAuth: {clientCA: FILE}',
    client_authentication: 'clientAuth',
    ssl: 'gateway.tls',
    mtls: 'gateway.tls.clientAuth',
    tlscertfile: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
    tlskeyfile: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
    sslcertfile: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
    sslkeyfile: 'gateway.tls.certificates: [{cert: FILE, key: FILE}]',
  }),
);

/** What to write in place of another product's word; undefined for all others. Case does not matter. */
export function findForeignWord(key: string): string | undefined {
  return words.get(key.toLowerCase());
}
