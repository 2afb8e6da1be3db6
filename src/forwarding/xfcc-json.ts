// X-Forwarded-Client-Cert as a JSON array of elements, as Envoy writes it with `format: JSON` (since 1.38): lists where a key can
// stand more than once, PEM as it is, no key for what there is none of. Everything outside ASCII is escaped.
import { safeJson } from '../base/safe-json.ts';
import { fitting, maxFieldBytes } from './field-limits.ts';
import { checkedName, maxElements, type XfccElement, xfccName } from './xfcc.ts';

/** The object of one element. Faults: malformed_cert for control bytes and text outside ASCII, identity_too_large. */
export function emitXfccJson({ by, hash, cert, chain, subject, uris, dns }: XfccElement): string {
  const list = (names: readonly string[]) => {
    const found = names.filter((name) => name !== '').map(checkedName);
    return found.length === 0 ? undefined : found;
  };
  const named = subject === undefined ? undefined : checkedName(subject);
  const element = { by: list(by), hash, cert, chain, subject: named, uri: list(uris), dns: list(dns) };
  return fitting(xfccName, JSON.stringify(element));
}

const lists = ['by', 'chain', 'uri', 'dns'];
const texts = ['hash', 'cert', 'subject', 'issuer'];

/**
 * The elements of a header, each as the text of an object in which no key stands twice; undefined where it is not well formed.
 * Unknown keys pass.
 */
export function parseXfccJson(text: string): readonly string[] | undefined {
  if (text.length > maxFieldBytes || !text.startsWith('[') || /[^\x20-\x7e]/.test(text)) return undefined;
  const elements = parsed(text);
  if (!Array.isArray(elements) || elements.length === 0 || elements.length > maxElements) return undefined;
  return elements.every(isElement) ? elements.map((element) => safeJson(element)) : undefined;
}

function isElement(given: unknown): boolean {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return false;
  return Object.entries(given).every(([key, value]: [string, unknown]) => {
    if (lists.includes(key)) return Array.isArray(value) && value.every((one) => typeof one === 'string');
    return !texts.includes(key) || typeof value === 'string';
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
