// Whether two distinguished names are the same one (RFC 5280 section 7.1), as a text that is equal for equal names only. It is
// OpenSSL's canonical encoding, attribute for attribute, since OpenSSL decides at the handshake who issued whom: a name that
// it takes for a CA's and that we did not would have no CRL, no OCSP responder and no intermediate. Decision 0022.
import { type DerCursor, type DerElement, derTag } from '../asn1/der.ts';
import { eachAttribute, readText } from '../asn1/distinguished-name.ts';

/**
 * The string types that OpenSSL folds; of the others it takes NumericString, BIT STRING and SEQUENCE in a name at all, and
 * compares them byte for byte.
 */
const folded: ReadonlySet<number> = new Set([
  derTag.utf8String,
  derTag.printableString,
  derTag.teletexString,
  derTag.ia5String,
  derTag.universalString,
  derTag.bmpString,
]);

/** The key of a Name whose SEQUENCE was read from `cursor`'s buffer; '' for an empty name. Throws Fault('malformed_cert'). */
export function readNameKey(cursor: DerCursor, name: DerElement, what: string): string {
  let key = '';
  let rdn: string[] = [];
  // A relative name of several attributes is a set: their order says nothing.
  const close = (): void => {
    if (rdn.length > 0) key += `/${rdn.sort().join('+')}`;
    rdn = [];
  };
  for (const { oid, value, isFirst } of eachAttribute(cursor, name, what)) {
    if (isFirst) close();
    const { der } = cursor;
    const plain = folded.has(value.tag) ? readText(der, value, what) : undefined;
    const text = plain === undefined ? der.toString('latin1', value.start, value.end) : foldText(plain);
    // The length keeps the parts apart, whatever characters a name is made of.
    const type = der.toString('hex', oid.content, oid.end);
    rdn.push(`${type}${plain === undefined ? '#' : '='}${text.length}:${text}`);
  }
  close();
  return key;
}

/** Case of ASCII letters; no space at either end, one for any run of spaces. Letters beyond ASCII stay as they are. */
export function foldText(text: string): string {
  const spaced = text.replace(/^[\t-\r ]+|[\t-\r ]+$/g, '').replace(/[\t-\r ]+/g, ' ');
  return spaced.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
