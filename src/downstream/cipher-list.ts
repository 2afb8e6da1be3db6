// Cipher suites and key-exchange groups of a policy as OpenSSL wants them. Names are OpenSSL's or IANA's; an unknown one is
// an error here, because OpenSSL and Node silently leave out what they do not know and serve with the rest.
import { getCiphers } from 'node:tls';

/** ECDHE and AEAD only; AES-128 first as it is the cheapest of equally good ones. */
export const defaultCipherSuites: readonly string[] = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-CHACHA20-POLY1305',
  'ECDHE-RSA-CHACHA20-POLY1305',
];

/** The post-quantum hybrid first (N20), then what every client has. */
export const defaultCurves: readonly string[] = ['X25519MLKEM768', 'X25519', 'P-256', 'P-384'];

const tls13 = /^TLS_(?:AES|CHACHA20)_/;

/** IANA's name of a TLS 1.2 suite in OpenSSL's spelling: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is ECDHE-RSA-AES128-GCM-SHA256. */
function opensslName(name: string): string {
  const parts = /^TLS_((?:EC)?DHE)_(RSA|ECDSA)_WITH_(.+)$/.exec(name);
  if (parts === null) return name;
  const cipher = (parts[3] as string)
    .replace(/^AES_(128|256)_CBC_/, 'AES$1-')
    .replace(/^AES_(128|256)_/, 'AES$1-')
    .replace(/^(CHACHA20_POLY1305)_SHA256$/, '$1')
    .replaceAll('_', '-');
  return `${parts[1]}-${parts[2]}-${cipher}`;
}

/** OpenSSL's names; empty = default. Throws a RangeError that names the suite that nobody knows. */
export function resolveCipherSuites(names: readonly string[]): readonly string[] {
  if (names.length === 0) return defaultCipherSuites;
  const known = new Set(getCiphers());
  return names.map((name) => {
    const found = tls13.test(name) ? name : opensslName(name);
    if (!known.has(found.toLowerCase())) throw new RangeError(`unknown cipher suite ${JSON.stringify(name)}`);
    return found;
  });
}

/** Groups in order of preference; empty = default. Throws a RangeError for anything but a plain list of names. */
export function resolveCurves(names: readonly string[]): readonly string[] {
  if (names.length === 0) return defaultCurves;
  for (const name of names) {
    if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) throw new RangeError(`unknown curve ${JSON.stringify(name)}`);
  }
  return names;
}
