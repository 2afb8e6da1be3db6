// Connection policies as ours: the first whose server names fit counts; one without is for all others.
import { createHash } from 'node:crypto';
import { tlsCipherSuites } from '../import/cipher-names.ts';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { readAllOf } from './matchers.ts';

export type Policy = {
  /** Empty: all other names. */
  readonly hosts: readonly string[];
  readonly keys: DraftMap;
  readonly source: SourceMap;
};

export function readPolicies(server: SourceMap): Policy[] {
  return server.maps('tls_connection_policies').map((policy) => {
    const { report } = policy.reading;
    const match = policy.map('match');
    for (const name of match?.names ?? []) {
      const value = match?.get(name);
      if (name === 'sni' || value === undefined) continue;
      value.map?.readAll();
      report.loses('chain_match', value, value.shown, 'policies are chosen by server name alone');
    }
    const hosts = match?.items('sni').flatMap(({ text }) => text?.toLowerCase() ?? []) ?? [];
    return { hosts, keys: readKeys(policy), source: policy };
  });
}

function readKeys(policy: SourceMap): DraftMap {
  const { report } = policy.reading;
  const keys: DraftMap = {};
  const auth = policy.mapOrEmpty('client_authentication');
  const clientAuth = auth === undefined ? undefined : readClientAuth(auth);
  if (clientAuth !== undefined) keys.clientAuth = clientAuth;
  for (const [theirs, ours] of [
    ['protocol_min', 'minVersion'],
    ['protocol_max', 'maxVersion'],
  ] as const) {
    const value = policy.get(theirs);
    const version = { 'tls1.2': 'TLSv1.2', 'tls1.3': 'TLSv1.3' }[value?.text ?? ''];
    if (value !== undefined && version === undefined)
      report.changed(value, value.shown, 'TLS before 1.2 is not spoken');
    if (version !== undefined) keys[ours] = version;
  }
  const suites = tlsCipherSuites(
    policy
      .items('cipher_suites')
      .flatMap(({ text }) => text ?? [])
      .map(opensslName)
      .join(':'),
  );
  if (suites !== undefined) keys.cipherSuites = suites.usable;
  const curves = policy.items('curves').flatMap(({ text }) => text ?? []);
  if (curves.length > 0)
    keys.curves = curves.map(
      (name) =>
        ({
          x25519: 'X25519',
          x25519mlkem768: 'X25519MLKEM768',
          secp256r1: 'P-256',
          secp384r1: 'P-384',
          secp521r1: 'P-521',
        })[name] ?? name,
    );
  const fallback = policy.get('fallback_sni') ?? policy.get('default_sni');
  if (fallback !== undefined)
    report.changed(
      fallback,
      fallback.shown,
      'a client without server name gets the policy and certificate of defaultPolicy',
    );
  for (const name of [
    'certificate_selection',
    'alpn',
    'insecure_secrets_log',
    'drop',
    'fallback_sni',
    'default_sni',
    'cipher_suites',
    'curves',
  ]) {
    const value = policy.get(name);
    if (value?.map !== undefined) readAllOf(value.map);
    if (name === 'drop' && value?.text === 'true')
      report.loses(
        'chain_match',
        value,
        'drop',
        'connections are refused by defaultPolicy: none, or by a policy that nobody passes',
      );
  }
  return keys;
}

function opensslName(name: string): string {
  const match = /^TLS_((?:EC)?DHE)_(RSA|ECDSA)_WITH_(.+)$/.exec(name);
  if (match === null) return name;
  const cipher = (match[3] ?? '')
    .replace(/^(AES)_(128|256)_(?:CBC_)?/, '$1$2-')
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, '$1')
    .replaceAll('_', '-');
  return `${match[1]}-${match[2]}-${cipher}`;
}

function readClientAuth(auth: SourceMap): DraftMap | undefined {
  const { report } = auth.reading;
  const mode = auth.get('mode');
  const ca = auth.map('ca');
  const provider = ca?.text('provider');
  const inline = [
    ...auth.items('trusted_ca_certs'),
    ...(provider === 'inline' ? (ca?.items('trusted_ca_certs') ?? []) : []),
  ];
  const files = [
    ...auth.items('trusted_ca_certs_pem_files'),
    ...(provider === 'file' ? (ca?.items('pem_files') ?? []) : []),
  ];
  const cas = [...files, ...inline].flatMap(({ text }) => text ?? []);
  if (ca !== undefined && provider !== 'inline' && provider !== 'file') {
    readAllOf(ca);
    report.refuse(
      'ca_provider',
      ca,
      `ca ${provider ?? ''}`,
      'where the CA comes from has no counterpart: write clientAuth.clientCA',
    );
  }
  const leaves = auth.items('trusted_leaf_certs');
  const verifiers = auth.maps('verifiers');
  for (const verifier of verifiers) {
    readAllOf(verifier);
    report.loses(
      'certificate_rule',
      verifier,
      `verifier ${verifier.text('verifier') ?? ''}`,
      'write the rule in clientAuth: allowedFingerprints, allowedSANs',
    );
  }
  const written = mode?.text ?? '';
  const isNobody = written === '' && cas.length === 0 && leaves.length === 0;
  const verifies = written === 'require_and_verify' || written === 'verify_if_given' || (written === '' && !isNobody);
  const [only] = cas;
  if (only === undefined) {
    const what = mode?.shown ?? 'client_authentication';
    if (verifies)
      report.refuse(
        'no_client_ca',
        mode ?? auth,
        what,
        'there is no CA: nobody could be verified but by the CAs of the system',
      );
    else
      report.refuse(
        'unverified_clients',
        mode ?? auth,
        what,
        'Caddy takes every certificate and verifies none; give a CA',
      );
    for (const name of auth.names) auth.get(name);
    return undefined;
  }
  // Go takes every certificate that is given as an anchor, intermediates too.
  const clientAuth: DraftMap = {
    clientCA: cas.length === 1 ? only : cas,
    required: written !== 'verify_if_given' && written !== 'request',
    partialChain: true,
  };
  const pins = leaves.map(pinOf);
  if (pins.length > 0) clientAuth.allowedFingerprints = pins;
  if (leaves[0] !== undefined) report.taken(leaves[0], 'trusted_leaf_certs', 'clientAuth.allowedFingerprints');
  if (!verifies)
    report.loses(
      'unverified_clients',
      mode ?? auth,
      mode?.shown ?? 'client_authentication',
      'Caddy verifies no certificate then; here one that does not pass is refused',
      clientAuth,
    );
  else report.taken(mode ?? auth, mode?.shown ?? 'client_authentication', 'clientAuth');
  return clientAuth;
}

/** SHA-256 of the DER, which stands there in base64. */
function pinOf({ text = '' }: SourceValue): string {
  return createHash('sha256').update(Buffer.from(text, 'base64')).digest('hex');
}
