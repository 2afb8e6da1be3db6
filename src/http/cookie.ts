// Cookies of a request (RFC 6265 section 4.2).
import type { Fields } from './field.ts';

/** The first cookie of that name over all Cookie fields, without its quotes. */
export function findCookie(fields: Fields, name: string): string | undefined {
  for (let i = 0; i < fields.length; i += 1) {
    if (fields.names[i]?.lower !== 'cookie') continue;
    for (const pair of (fields.values[i] ?? '').split(';')) {
      const equals = pair.indexOf('=');
      if (equals === -1 || pair.slice(0, equals).trim() !== name) continue;
      const value = pair.slice(equals + 1).trim();
      return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
    }
  }
  return undefined;
}
