// What we know of one certificate, read once from its DER. Everything that decides or is forwarded comes from here.

export type SanType = 'DNS' | 'URI' | 'EMAIL' | 'IP' | 'OTHER_NAME';

/** One subject alternative name (RFC 5280 section 4.2.1.6). `value` is text; IP in canonical text form; OTHER_NAME its UTF-8 text. */
export type San = { readonly type: SanType; readonly value: string; readonly oid?: string };

export type CertificateFacts = {
  readonly der: Buffer;
  /** RFC 2253 / RFC 4514 text, most specific RDN first, control characters escaped. '' for an empty name. */
  readonly subject: string;
  readonly issuer: string;
  /** Equal for names that are the same by RFC 5280 section 7.1 (name-key.ts); '' for an empty name. Compare these, show those. */
  readonly subjectKey: string;
  readonly issuerKey: string;
  /** Lower-case hexadecimal, no separators. */
  readonly serial: string;
  /** SHA-256 of the DER, lower-case hexadecimal. */
  readonly sha256: string;
  /** SHA-256 of the SubjectPublicKeyInfo, base64. */
  readonly spkiSha256: string;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  readonly sans: readonly San[];
  /** Extended key usages as dotted OIDs; undefined where the extension is absent. */
  readonly extendedKeyUsage: readonly string[] | undefined;
  readonly isCa: boolean;
  readonly subjectKeyId: string | undefined;
  readonly authorityKeyId: string | undefined;
  /** 'RSA 2048', 'EC P-256', 'Ed25519', … */
  readonly key: string;
};
