// Lists of cipher suites as OpenSSL takes them, in our words: names one by one, and only those that can be served well.
import { getCiphers } from 'node:tls';

export type CipherSuites = { readonly usable: string[]; readonly dropped: readonly string[] };

/** undefined where the list has operators (`HIGH:!aNULL`), or where nothing of it would be left. */
export function tlsCipherSuites(text: string): CipherSuites | undefined {
  const names = text.split(/[:, ]+/).filter((name) => name !== '');
  if (names.some((name) => !/^[A-Z0-9_-]+$/.test(name) || !/\d/.test(name) || /^(?:HIGH|AES\d*|SHA\d*)$/.test(name)))
    return undefined;
  const known = new Set(getCiphers());
  const isUsable = (name: string): boolean =>
    known.has(name.toLowerCase()) && !/NULL|EXP|anon|ADH|AECDH|RC4|3DES|DES-CBC|MD5|PSK|SRP/i.test(name);
  const usable = names.filter(isUsable);
  if (usable.length === 0) return undefined;
  // In OpenSSL’s lists the suites of TLS 1.3 do not stand: they are there always.
  const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];
  const first = usable.some((name) => name.startsWith('TLS_')) ? [] : tls13;
  return { usable: [...first, ...usable], dropped: names.filter((name) => !isUsable(name)) };
}
