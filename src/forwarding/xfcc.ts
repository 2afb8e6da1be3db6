// X-Forwarded-Client-Cert in its text form: elements joined by `,`, each a list of `key=value` joined by `;`. Readers of it differ
// in what a backslash does and in whether they know it at all: so nothing inside quotes is a quote, a backslash pair or a key
// of its own here, and no name inside a certificate can add a field (Envoy #32945, incident 15). Pure text; which certificate is
// meant and whether it passed is decided elsewhere.
import { hexPair, rewriteEscapes } from '../asn1/name-text.ts';
import { Fault } from '../base/fault.ts';
import { fitting, maxFieldBytes } from './field-limits.ts';

export const xfccName = 'X-Forwarded-Client-Cert';

/** One element. Absent (undefined or an empty list) means that the key is not written; `uris: ['']` writes `URI=`. */
export type XfccElement = {
  /** URI SANs of the certificate that the gateway presented. */
  readonly by: readonly string[];
  /** SHA-256 of the leaf's DER, lower-case hexadecimal. */
  readonly hash: string;
  /** PEM. */
  readonly cert?: string;
  /** The leaf and what led from it to the anchor. */
  readonly chain?: readonly string[];
  /** RFC 4514 text, ASCII (see asciiName). Always quoted. */
  readonly subject?: string;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
};

/** The text of one element. Faults: malformed_cert for control bytes and text outside ASCII, identity_too_large. */
export function emitXfcc(element: XfccElement): string {
  const parts = element.by.map((uri) => `By=${value(uri)}`);
  parts.push(`Hash=${value(element.hash)}`);
  if (element.cert !== undefined) parts.push(`Cert="${encodeURIComponent(element.cert)}"`);
  if (element.chain !== undefined) parts.push(`Chain="${encodeURIComponent(element.chain.join(''))}"`);
  if (element.subject !== undefined) parts.push(`Subject="${quotableName(checkedName(element.subject))}"`);
  for (const uri of element.uris) parts.push(`URI=${value(uri)}`);
  for (const name of element.dns) parts.push(`DNS=${value(name)}`);
  return fitting(xfccName, parts.join(';'));
}

/** `"` and `\` stand in no URI and in no host name: what has them all the same is written as a URI would write them. */
function value(text: string): string {
  const encoded = checkedName(text).replaceAll('"', '%22').replaceAll('\\', '%5C');
  return /[,;= ]/.test(encoded) ? `"${encoded}"` : encoded;
}

/** A name that is printable ASCII. Faults: malformed_cert. */
export function checkedName(text: string): string {
  if (/[^\x20-\x7e]/.test(text)) {
    const detail = 'a name in the certificate has control characters or is not ASCII';
    throw new Fault('malformed_cert', 'client', { detail });
  }
  return text;
}

/**
 * RFC 4514 text that is the same name for readers that undo `\"` alone, or drop every backslash, or know none, or undo percent
 * signs: `\,` and its like stay as Envoy and OpenSSL write them; what could end the quotation, become another attribute or
 * look like another key is written as the hex pair that means the same (section 2.4).
 */
export function quotableName(name: string): string {
  const written = rewriteEscapes(name, (char, isLast) => {
    // Java's LdapName loses a space at the end that is a hex pair.
    const stays = ',+;<>'.includes(char) || (char === ' ' && isLast);
    return stays ? `\\${char}` : hexPair(char);
  });
  return written.replaceAll('%', '\\25').replaceAll('"', '\\22');
}

/** Elements that one header may have: a chain of proxies, not a list to get lost in. */
export const maxElements = 32;

/** An element as it was read; `cert` and `chain` are percent-encoded PEM. */
export type ReadXfccElement = Omit<XfccElement, 'chain'> & { readonly chain?: string };

/** The elements of a header; undefined where it is not well formed. Keys are read in any case, unknown ones ignored. */
export function parseXfcc(text: string): readonly ReadXfccElement[] | undefined {
  if (text.length > maxFieldBytes || /[^\x20-\x7e]/.test(text)) return undefined;
  const elements: ReadXfccElement[] = [];
  const reader = new PairReader(text);
  let pairs: [string, string][] = [];
  for (;;) {
    const pair = reader.readPair();
    if (pair === undefined) return undefined;
    pairs.push(pair);
    const separator = text.charAt(reader.at++);
    if (separator === ';') continue;
    const element = elementOf(pairs);
    if (element === undefined || elements.length === maxElements) return undefined;
    elements.push(element);
    pairs = [];
    if (separator === '') return elements;
  }
}

class PairReader {
  at = 0;
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Reads `key=value` and stands on the separator behind it, or at the end. */
  readPair(): [string, string] | undefined {
    const key = /^[A-Za-z]+=/.exec(this.#text.slice(this.at, this.at + 32))?.[0];
    if (key === undefined) return undefined;
    this.at += key.length;
    const read = this.#text.charAt(this.at) === '"' ? this.#readQuoted() : this.#readPlain();
    const next = this.#text.charAt(this.at);
    if (read === undefined || (next !== '' && next !== ';' && next !== ',')) return undefined;
    return [key.slice(0, -1).toLowerCase(), read];
  }

  #readPlain(): string {
    const start = this.at;
    while (this.at < this.#text.length && !',;"'.includes(this.#text.charAt(this.at))) this.at++;
    return this.#text.slice(start, this.at);
  }

  #readQuoted(): string | undefined {
    let out = '';
    for (let i = this.at + 1; i < this.#text.length; i++) {
      let char = this.#text.charAt(i);
      if (char === '"') {
        this.at = i + 1;
        return out;
      }
      // As Envoy reads it: any other backslash belongs to the name.
      if (char === '\\') {
        const next = this.#text.charAt(++i);
        char = next === '"' || next === '\\' ? next : char + next;
      }
      out += char;
    }
    return undefined;
  }
}

function elementOf(pairs: readonly [string, string][]): ReadXfccElement | undefined {
  const all = (key: string) => pairs.filter(([name]) => name === key).map(([, text]) => text);
  const once = (key: string) => all(key)[0];
  for (const key of ['hash', 'cert', 'chain', 'subject']) if (all(key).length > 1) return undefined;
  const [cert, chain, subject] = [once('cert'), once('chain'), once('subject')];
  return {
    by: all('by'),
    hash: once('hash') ?? '',
    ...(cert === undefined ? {} : { cert }),
    ...(chain === undefined ? {} : { chain }),
    ...(subject === undefined ? {} : { subject }),
    uris: all('uri'),
    dns: all('dns'),
  };
}
