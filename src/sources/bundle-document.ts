// A SPIFFE bundle as an endpoint serves it (standard SPIFFE Trust Domain and Bundle, section 4): a JWK Set whose elements of use
// `x509-svid` carry the certificates of CAs. Throws RangeError for what is none.
import { encodePem } from '../asn1/der-writer.ts';
import { bytesOfBase64 } from '../asn1/pem-text.ts';

export type BundleDocument = {
  /** PEM of the CAs; none where the trust domain has taken all of them back. */
  readonly anchors: readonly string[];
  /** Never goes back; undefined: not told. */
  readonly sequence: bigint | undefined;
  /** How often to ask; undefined: not told. */
  readonly refreshMs: number | undefined;
};

const maxKeys = 1_000;
const minRefreshMs = 10_000;
const maxRefreshMs = 86_400_000;

type Reviver = (name: string, member: unknown, context: { readonly source?: string }) => unknown;

/** With the text of numbers, as ECMAScript 2026 hands it on. */
const parseJson = JSON.parse as (text: string, revive: Reviver) => unknown;

export function readBundleDocument(text: string): BundleDocument {
  let value: unknown;
  try {
    // Integers of any width: a sequence of 64 bits is none for a double.
    value = parseJson(text, (name, member, { source }) =>
      name === 'spiffe_sequence' && typeof member === 'number' && /^\d{1,39}$/.test(source ?? '')
        ? BigInt(source ?? '')
        : member,
    );
  } catch {
    throw new RangeError('it is no JSON');
  }
  const document = objectOf(value, 'the document');
  const { keys, spiffe_sequence: sequence, spiffe_refresh_hint: hint } = document;
  if (!Array.isArray(keys)) throw new RangeError('it has no list of keys');
  if (keys.length > maxKeys) throw new RangeError(`it has more than ${maxKeys} keys`);
  if (sequence !== undefined && typeof sequence !== 'bigint') throw new RangeError('its sequence is no whole number');
  if (hint !== undefined && (typeof hint !== 'number' || !Number.isInteger(hint) || hint < 0))
    throw new RangeError('its refresh hint is no number of seconds');
  return {
    anchors: keys.flatMap((key: unknown) => anchorOf(objectOf(key, 'a key')) ?? []),
    sequence,
    refreshMs: hint === undefined ? undefined : Math.min(maxRefreshMs, Math.max(minRefreshMs, hint * 1000)),
  };
}

type Members = Readonly<Record<string, unknown>>;

function objectOf(value: unknown, what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new RangeError(`${what} is no object`);
  return value as Members;
}

/** Undefined for what is meant for something else. */
function anchorOf({ use, x5c }: Members): string | undefined {
  if (use !== 'x509-svid') return undefined;
  const [certificate, more] = Array.isArray(x5c) ? (x5c as unknown[]) : [];
  const der = typeof certificate === 'string' ? bytesOfBase64(certificate) : undefined;
  if (der === undefined || more !== undefined)
    throw new RangeError('a key of use x509-svid has not one certificate in x5c');
  return encodePem('CERTIFICATE', der);
}
