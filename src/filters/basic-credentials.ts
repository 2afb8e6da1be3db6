// The name and the password of an Authorization field (RFC 7617): UTF-8, split at the first colon.

export type BasicCredentials = { readonly name: string; readonly password: string };

const maxLength = 4096;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined where the field does not hold them, or holds more than them. */
export function readBasicCredentials(field: string): BasicCredentials | undefined {
  if (field.length > maxLength) return undefined;
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2}) *$/i.exec(field) ?? [];
  if (encoded === undefined) return undefined;
  let text: string;
  try {
    text = utf8.decode(Buffer.from(encoded, 'base64'));
  } catch {
    return undefined;
  }
  const colon = text.indexOf(':');
  // Section 2: neither may hold a control character.
  if (colon < 1 || colon === text.length - 1 || /[\u0000-\u001f\u007f]/.test(text)) return undefined;
  return { name: text.slice(0, colon).normalize('NFC'), password: text.slice(colon + 1).normalize('NFC') };
}
