// From the codes of failed TLS handshakes (alerts, OpenSSL's and Node's errors, errno) to our verdict codes. The spelling
// of OpenSSL's codes changes between Node versions (N26), so they are compared without their prefix:
// ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE and ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE are both `alert bad_certificate`.
import type { VerificationResult } from './certificate-checks.ts';

export type HandshakeSituation = {
  readonly leg: 1 | 2;
  /** OpenSSL's part that the error comes from (`asn1 encoding routines`), as Node's errors say in `library`. */
  readonly library?: string | undefined;
  /** True where the peer's certificate was seen: version and cipher were agreed by then. */
  readonly sawPeerCertificate: boolean;
  /** How sentences call the peer; default 'the client' on the client side, 'the backend' on the backend side. */
  readonly peer?: string;
};

type AlertMeaning = {
  /** What the far side said. */
  readonly says: string;
  /** Set where it answers our certificate; `missing`: servers send it for the lack of one (too). */
  readonly certificate?: 'refused' | 'missing';
};

/** Alerts, by their RFC 8446 section 6 names. */
const alerts: ReadonlyMap<string, AlertMeaning> = new Map<string, AlertMeaning>([
  ['certificate_required', { says: 'it requires a certificate', certificate: 'missing' }],
  ['handshake_failure', { says: 'it found no common ground', certificate: 'missing' }],
  ['bad_certificate', { says: 'it could not use our certificate', certificate: 'missing' }],
  [
    'unsupported_certificate',
    { says: 'it does not accept certificates of the kind of ours (purpose or key)', certificate: 'refused' },
  ],
  ['certificate_revoked', { says: 'it holds our certificate for revoked', certificate: 'refused' }],
  ['certificate_expired', { says: 'it holds our certificate for expired', certificate: 'refused' }],
  ['certificate_unknown', { says: 'it does not accept our certificate', certificate: 'missing' }],
  ['unknown_ca', { says: 'it does not know the CA of our certificate', certificate: 'refused' }],
  ['access_denied', { says: 'our certificate is valid but not allowed there', certificate: 'refused' }],
  ['decrypt_error', { says: 'it could not verify our signature', certificate: 'refused' }],
  ['no_certificate', { says: 'it has no certificate to send', certificate: 'refused' }],
  ['unrecognized_name', { says: 'it does not know the server name that was asked for' }],
  ['internal_error', { says: 'it failed by itself' }],
]);

const protocolAlerts: ReadonlySet<string> = new Set([
  'protocol_version',
  'insufficient_security',
  'no_application_protocol',
  'inappropriate_fallback',
]);

/** Errors of our own side of the handshake, without `ERR_SSL_`. */
const local: ReadonlyMap<string, VerificationResult> = new Map<string, VerificationResult>([
  ['PEER_DID_NOT_RETURN_A_CERTIFICATE', { code: 'no_client_cert', detail: 'the client sent no certificate' }],
  ['HTTP_REQUEST', { code: 'not_tls', detail: 'plain HTTP on a TLS port' }],
  ['HTTPS_PROXY_REQUEST', { code: 'not_tls', detail: 'a plain CONNECT request on a TLS port' }],
  ['WRONG_VERSION_NUMBER', { code: 'not_tls', detail: 'the first bytes are not TLS' }],
  ['PACKET_LENGTH_TOO_LONG', { code: 'not_tls', detail: 'the first bytes are not TLS' }],
  ['EE_KEY_TOO_SMALL', { code: 'weak_key', detail: 'the key of the certificate is too small' }],
  ['CA_KEY_TOO_SMALL', { code: 'weak_key', detail: 'the key of a CA in the chain is too small' }],
  ['CA_MD_TOO_WEAK', { code: 'weak_key', detail: 'a certificate of the chain is signed with a weak hash' }],
  [
    'WRONG_CURVE',
    {
      code: 'protocol_mismatch',
      detail: 'the key of the certificate is on a curve that was not offered, which TLS 1.2 needs',
      remedy:
        'Add the curve of that key to `curves`, or have the certificate issued for a key on one of them; TLS 1.3 has no such rule.',
    },
  ],
  [
    'UNEXPECTED_EOF_WHILE_READING',
    { code: 'refused_by_peer', detail: 'the peer closed the connection in the handshake' },
  ],
]);

const mismatches =
  /^(?:UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|NO_PROTOCOLS_AVAILABLE|NO_CIPHERS_AVAILABLE|VERSION_TOO_LOW|VERSION_TOO_HIGH|WRONG_SSL_VERSION|INAPPROPRIATE_FALLBACK|NO_SUITABLE_\w+|NO_SHARED_\w+|NO_APPLICATION_PROTOCOL|BAD_LEGACY_VERSION|UNSUPPORTED_SSL_VERSION|DH_KEY_TOO_SMALL|BAD_KEY_SHARE|UNKNOWN_PROTOCOL|LEGACY_SIGALG_DISALLOWED_OR_UNSUPPORTED|UNSUPPORTED_ELLIPTIC_CURVE|UNSAFE_LEGACY_RENEGOTIATION_DISABLED|NO_RENEGOTIATION)$/;

/** RFC 7301 section 3.2. */
const noApplicationProtocol: VerificationResult = {
  code: 'protocol_mismatch',
  detail: 'no application protocol in common (ALPN)',
  remedy: 'Have the client offer one of the protocols that are spoken here in ALPN, or no ALPN at all.',
};

const system: ReadonlyMap<string, VerificationResult> = new Map<string, VerificationResult>([
  ['ECONNRESET', { code: 'refused_by_peer', detail: 'the peer reset the connection in the handshake' }],
  ['EPIPE', { code: 'refused_by_peer', detail: 'the peer closed the connection in the handshake' }],
  ['ECONNABORTED', { code: 'refused_by_peer', detail: 'the connection was aborted in the handshake' }],
  [
    'ERR_STREAM_PREMATURE_CLOSE',
    { code: 'refused_by_peer', detail: 'the peer closed the connection in the handshake' },
  ],
  ['ETIMEDOUT', { code: 'timeout', detail: 'the peer stopped answering in the handshake' }],
  ['ERR_TLS_HANDSHAKE_TIMEOUT', { code: 'timeout', detail: 'the handshake was not finished in time' }],
]);

/** What an alert of the far side says about the certificate that we sent or did not send; undefined for everything else. */
export function findCertificateAlert(raw: string): AlertMeaning['certificate'] {
  const alert = findAlert(raw);
  return alert === undefined ? undefined : alerts.get(alert)?.certificate;
}

/** The RFC 8446 name of the alert behind one of OpenSSL's codes; undefined where it is none. */
export function findAlert(raw: string): string | undefined {
  // Those of extensions are spelt without `ALERT` in every version of OpenSSL.
  const plain =
    /^ERR_SSL_TLSV1_(UNRECOGNIZED_NAME|UNSUPPORTED_EXTENSION|CERTIFICATE_UNOBTAINABLE|BAD_CERTIFICATE_\w+)$/.exec(raw);
  if (plain?.[1] !== undefined) return plain[1].toLowerCase();
  return /^ERR_SSL_(?:SSLV3|SSL\/TLS|TLSV1|TLSV13|TLS)_ALERT_([A-Z0-9_]+)$/.exec(raw)?.[1]?.toLowerCase();
}

/** The result on a transport or TLS error; undefined where `raw` is none (a certificate verification code, say). */
export function verifyHandshakeError(raw: string, situation: HandshakeSituation): VerificationResult | undefined {
  const known = system.get(raw);
  if (known !== undefined) return known;
  if (!raw.startsWith('ERR_SSL_')) return undefined;
  const alert = findAlert(raw);
  if (alert !== undefined) return verifyAlert(alert, situation);
  const reason = raw.slice('ERR_SSL_'.length);
  if (mismatches.test(reason)) {
    if (reason === 'NO_APPLICATION_PROTOCOL') return noApplicationProtocol;
    return { code: 'protocol_mismatch', detail: `no TLS version, cipher or group in common (${reason.toLowerCase()})` };
  }
  return local.get(reason) ?? verifyBroken(reason, situation);
}

/** Parts of OpenSSL that read what was sent. */
const readers: ReadonlySet<string> = new Set([
  'asn1 encoding routines',
  'X509 V3 routines',
  'x509 certificate routines',
  'DECODER routines',
  'object identifier routines',
]);

/** Parts of OpenSSL that work with keys: to read one, and to verify the signature that proves it. */
const ciphers: ReadonlySet<string> = new Set([
  'rsa routines',
  'elliptic curve routines',
  'dsa routines',
  'digital envelope routines',
  'Provider routines',
]);

const aboutSignatures =
  /SIGNATURE|OCTET_INVALID|PADDING|BLOCK_TYPE|DATA_(?:TOO|GREATER)|SALT_LENGTH|SLEN_|DIGEST|HASH_MISMATCH/;
const aboutCertificates =
  /^(?:CERT_LENGTH_MISMATCH|BAD_CERTIFICATE|BAD_ECC_CERT|WRONG_CERTIFICATE_TYPE|UNKNOWN_PKEY_TYPE|UNABLE_TO_FIND_PUBLIC_KEY_PARAMETERS|X509_LIB)$/;

/** Everything else that OpenSSL stumbles over in what the peer sent. There are hundreds of reasons; where they come from tells enough. */
function verifyBroken(reason: string, { leg, library = '', ...names }: HandshakeSituation): VerificationResult {
  const peer = names.peer ?? (leg === 1 ? 'the client' : 'the backend');
  const said = reason.toLowerCase().replaceAll('_', ' ');
  const isSignature = aboutSignatures.test(reason);
  if (isSignature && (ciphers.has(library) || /^(?:WRONG|BAD)_SIGNATURE/.test(reason))) {
    return {
      code: 'unproven_key',
      detail: `${peer} did not prove that it has the key of the certificate it sent: the signature over the handshake does not verify (${said})`,
    };
  }
  if (readers.has(library) || ciphers.has(library) || aboutCertificates.test(reason)) {
    return { code: 'malformed_cert', detail: `the certificate that ${peer} sent cannot be read (${said})` };
  }
  return { code: 'malformed_handshake', detail: `${peer} broke the rules of TLS in the handshake (${said})` };
}

function verifyAlert(alert: string, { leg, sawPeerCertificate, ...names }: HandshakeSituation): VerificationResult {
  const peer = names.peer ?? (leg === 1 ? 'the client' : 'the backend');
  if (leg === 2 && alert === 'certificate_required') {
    return { code: 'no_client_cert', detail: `${peer} requires a client certificate` };
  }
  if (alert === 'handshake_failure') {
    // TLS 1.2 has one alert for two things; once the backend's certificate was seen, versions and ciphers were agreed.
    if (leg === 2 && sawPeerCertificate) {
      return { code: 'no_client_cert', detail: `${peer} broke off after its certificate: it requires one of ours` };
    }
    return { code: 'protocol_mismatch', detail: `${peer} found no TLS version, cipher or group in common` };
  }
  if (protocolAlerts.has(alert)) return { code: 'protocol_mismatch', detail: `${peer} sent the alert ${alert}` };
  const meaning = alerts.get(alert)?.says;

  return {
    code: 'refused_by_peer',
    detail: `${peer} sent the alert ${alert}${meaning === undefined ? '' : `: ${meaning}`}`,
  };
}
