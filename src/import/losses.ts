// What an import may lose that would open something: one code each, by which `--accept-losses` names it. Whatever is lost under such a
// code is an error until somebody says that it is known. Codes are words of the matter, not of one product: nginx's `auth_request` and
// Envoy's `ext_authz` are the same loss.

/** By code: what would be let through, reached or believed if the lines were merely left out. */
export const losses = {
  unknown_field: 'What the importer does not know may be a condition that somebody relies on.',
  match_condition: 'Requests or connections that a condition kept apart would be served by whatever stands around it.',
  chain_match: 'Connections that a condition on address, port or protocol kept apart would be served by another part.',
  unverified_clients: 'Clients were let in with certificates that nobody verified; here such a certificate is refused.',
  certificate_rule: 'A condition on the certificate of the client would be gone.',
  untyped_names: 'A rule over names of any type has to become rules over names of one type.',
  identity_rule: 'Who may call would no longer be decided by the identity of the client.',
  address_rule: 'Who may call would no longer be decided by the address of the client.',
  external_authorization: 'Requests would pass that an authorization service refuses.',
  password_login: 'Requests would pass without a password.',
  token_check: 'Requests would pass without a token, or with one that is not looked at.',
  browser_login: 'Requests would pass without a login.',
  request_filter: 'Requests would pass that a filter refuses or changes.',
  custom_code: 'Code that runs with every request or connection would be gone; what it decides, nobody knows.',
  rate_limit: 'Clients could send more than they may.',
  header_edit: 'Backends would get header fields as clients send them.',
  host_rewrite: 'Backends would get the Host that the client chose.',
  path_rewrite: 'Backends would be asked for another path.',
  raw_connections: 'What passes as a connection, not as requests, has no route here.',
  mixed_port: 'One port for plain HTTP and TLS.',
  proxy_header: 'Everybody could say by a PROXY header who he is.',
  backend_choice: 'Requests would go to other backends, or to none.',
  dynamic_resource: 'What another server says while the gateway runs is not in the file.',
  listener_left_out: 'Nobody answers on that address any more.',
  route_left_out: 'Requests of that route meet another route, or none.',
} as const satisfies Readonly<Record<string, string>>;

export type LossCode = keyof typeof losses;

export function isLossCode(code: string): code is LossCode {
  return Object.hasOwn(losses, code);
}
