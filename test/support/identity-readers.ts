// What a backend does with the fields that it gets, written from docs/forwarded-identity.md and the RFCs alone: reads them
// back to the values that they stand for. Throws on what is not well formed.
import assert from 'node:assert/strict';

/** One attribute of a distinguished name; a type without a short name has the hex of its DER as value. */
export type Attribute = readonly [type: string, value: string];

/** RFC 4514 text to its RDNs, in the order of the text. */
export function readDistinguishedName(text: string): Attribute[][] {
  if (text === '') return [];
  const rdns: Attribute[][] = [[]];
  let at = 0;
  for (;;) {
    const equals = text.indexOf('=', at);
    const type = text.slice(at, equals);
    assert.match(type, /^(?:[A-Za-z]+|\d+(?:\.\d+)+)$/, text);
    const bytes: number[] = [];
    for (at = equals + 1; at < text.length && text[at] !== ',' && text[at] !== '+'; at++) {
      const char = text[at] ?? '';
      assert.ok(!'"<>;'.includes(char), `bare ${char} in ${text}`);
      if (char !== '\\') bytes.push(char.charCodeAt(0));
      else if (/^[0-9A-F]{2}$/.test(text.slice(at + 1, at + 3))) {
        bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
        at += 2;
      } else {
        assert.match(text[at + 1] ?? '', /^[ "#+,;<=>\\]$/, text);
        bytes.push(text.charCodeAt(++at));
      }
    }
    rdns.at(-1)?.push([type, Buffer.from(bytes).toString('utf8')]);
    if (at >= text.length) return rdns;
    if (text[at] === ',') rdns.push([]);
    at++;
  }
}

/** The list of subject alternative names of a custom field. */
export function readSanList(text: string): { type: string; value: string; oid?: string }[] {
  return text.split(',').map((item) => {
    const [type = '', ...rest] = item.split(':');
    assert.match(type, /^(?:DNS|URI|EMAIL|IP|OTHER_NAME)$/, text);
    const oid = type === 'OTHER_NAME' ? rest.shift() : undefined;
    const value = decodeURIComponent(rest.join(':'));
    return oid === undefined ? { type, value } : { type, value, oid };
  });
}

/** A list of byte sequences (RFC 9651 sections 3.1 and 3.3.5). */
export function readByteSequences(text: string): Buffer[] {
  return text.split(',').map((item) => {
    const base64 = /^[ \t]*:([A-Za-z0-9+/]*={0,2}):[ \t]*$/.exec(item)?.[1];
    assert.ok(base64 !== undefined && base64.length % 4 === 0, text);
    return Buffer.from(base64, 'base64');
  });
}

/** Certificates of URL-encoded PEM. */
export function readEscapedPem(text: string): Buffer[] {
  const pem = decodeURIComponent(text);
  const blocks = [...pem.matchAll(/-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=\n]+)-----END CERTIFICATE-----\n/g)];
  assert.equal(blocks.map(([block]) => block).join(''), pem);
  return blocks.map(([, body = '']) => Buffer.from(body, 'base64'));
}
