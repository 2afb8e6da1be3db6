// `tls.options` as policies: what a handshake asks for. `RequestClientCert` and `RequireAnyClientCert` verify nothing, so they have no
// counterpart.
import { tlsCipherSuites } from '../import/cipher-names.ts';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';

export type TlsOptions = {
  /** clientAuth, minVersion, cipherSuites, … of a policy. */
  readonly keys: DraftMap;
  readonly asks: boolean;
  readonly sniStrict: boolean;
  readonly resumes: boolean;
};

export const noOptions: TlsOptions = { keys: {}, asks: false, sniStrict: false, resumes: true };

export function readTlsOptions(options: SourceMap): TlsOptions {
  const { report } = options.reading;
  const keys: DraftMap = {};
  const auth = options.map('clientauth');
  const clientAuth = auth === undefined ? undefined : readClientAuth(auth);
  if (clientAuth !== undefined) keys.clientAuth = clientAuth;
  readVersion(options, 'minversion', 'minVersion', keys);
  readVersion(options, 'maxversion', 'maxVersion', keys);
  const ciphers = options.get('ciphersuites');
  if (ciphers !== undefined) {
    const suites = tlsCipherSuites(ciphers.items.map(({ text = '' }) => opensslName(text)).join(':'));
    if (suites === undefined) report.changed(ciphers, 'cipherSuites', 'the suites of the gateway');
    else {
      keys.cipherSuites = suites.usable;
      if (suites.dropped.length > 0) report.changed(ciphers, 'cipherSuites', `without ${suites.dropped.join(', ')}`);
      else report.taken(ciphers, 'cipherSuites', 'cipherSuites');
    }
  }
  const curves = options.get('curvepreferences');
  if (curves !== undefined) {
    keys.curves = curves.items.map(({ text = '' }) =>
      text
        .replace(/^CurveP(\d+)$/, 'P-$1')
        .replace('secp', 'P-')
        .replace(/r1$/, ''),
    );
    report.taken(curves, 'curvePreferences', 'curves');
  }
  for (const name of ['preferservicerciphersuites', 'preferserverciphersuites', 'alpnprotocols']) {
    const value = options.get(name);
    if (value !== undefined) report.left(value, value.shown, 'the gateway chooses these well by itself');
  }
  const strict = options.get('snistrict');
  const tickets = options.get('disablesessiontickets');
  if (tickets !== undefined) report.taken(tickets, tickets.shown, 'sessionResumption');
  return {
    keys,
    asks: clientAuth !== undefined,
    sniStrict: isTrue(strict),
    resumes: !isTrue(tickets),
  };
}

export function isTrue(value: SourceValue | undefined): boolean {
  return value?.text?.toLowerCase() === 'true';
}

function readClientAuth(auth: SourceMap): DraftMap | undefined {
  const { report } = auth.reading;
  const optional = auth.get('optional');
  const cas = auth.get('cafiles') ?? auth.get('files');
  const files = cas?.items.flatMap(({ text }) => text ?? []) ?? [];
  const kind = auth.get('clientauthtype');
  const type = kind?.text?.toLowerCase() ?? '';
  if (type === 'noclientcert') {
    if (kind !== undefined) report.taken(kind, 'clientAuthType', 'no clientAuth');
    return undefined;
  }
  const [only] = files;
  if (only === undefined) {
    report.refuse('no_client_ca', kind ?? auth, 'clientAuth', 'there are no caFiles: nobody could be verified');
    return undefined;
  }
  if (cas !== undefined) report.taken(cas, cas.shown, 'clientAuth.clientCA');
  // Go takes every certificate of the file as an anchor, intermediates too.
  const clientAuth: DraftMap = { clientCA: files.length === 1 ? only : files, required: true, partialChain: true };
  const isRequired = !isTrue(optional) && type !== 'verifyclientcertifgiven';
  clientAuth.required = isRequired;
  if (kind !== undefined && (type === 'requestclientcert' || type === 'requireanyclientcert')) {
    const says = 'Traefik verifies no certificate then; here one that does not pass is refused';
    report.loses('unverified_clients', kind, 'clientAuthType', says, clientAuth);
    clientAuth.required = type === 'requireanyclientcert';
  } else if (kind !== undefined) report.taken(kind, 'clientAuthType', `clientAuth.required: ${String(isRequired)}`);
  else if (optional !== undefined) report.taken(optional, optional.shown, `clientAuth.required: ${String(isRequired)}`);
  return clientAuth;
}

function readVersion(options: SourceMap, name: string, key: string, keys: DraftMap): void {
  const value = options.get(name);
  if (value === undefined) return;
  const { report } = options.reading;
  const version = { versiontls12: 'TLSv1.2', versiontls13: 'TLSv1.3' }[value.text?.toLowerCase() ?? ''];
  if (version === undefined) {
    report.changed(value, value.shown, 'TLS before 1.2 is not spoken');
    return;
  }
  keys[key] = version;
  report.taken(value, value.shown, key);
}

/** IANA’s names of Go in OpenSSL’s, which is what is compared with what can be served. */
function opensslName(name: string): string {
  const match = /^TLS_((?:EC)?DHE)_(RSA|ECDSA)_WITH_(.+)$/.exec(name);
  if (match === null) return name;
  const cipher = (match[3] ?? '')
    .replace(/^(AES)_(128|256)_CBC_/, '$1$2-')
    .replace(/^(AES)_(128|256)_/, '$1$2-')
    .replace(/^(CHACHA20_POLY1305)(?:_SHA256)?$/, '$1')
    .replaceAll('_', '-');
  return `${match[1]}-${match[2]}-${cipher}`;
}
