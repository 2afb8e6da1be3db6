// The same look with the tools that everybody has: openssl s_client and curl, ready to paste into a shell.
import { shellQuote } from '../base/shell.ts';
import type { Target } from './target.ts';

/** A file name that can never be read as an option. */
function fileName(path: string): string {
  return path.startsWith('-') ? `./${path}` : path;
}

/** `address`: the one that was used. */
export function opensslCommand(target: Target, address: string | undefined): string {
  const { port, serverName, wanted, files, min, max, ciphers, alpn, own } = target;
  const host = address ?? target.host;
  const words = ['openssl', 's_client', '-connect', `${host.includes(':') ? `[${host}]` : host}:${port}`];
  words.push(
    ...(serverName === undefined
      ? ['-noservername', '-verify_ip', wanted]
      : ['-servername', serverName, '-verify_hostname', wanted]),
  );
  if (files.ca !== undefined) words.push('-CAfile', fileName(files.ca));
  if (files.cert !== undefined && files.key !== undefined) {
    words.push('-cert', fileName(files.cert), '-key', fileName(files.key));
    if (own !== undefined && own.chain.length > 1) words.push('-cert_chain', fileName(files.cert));
  }
  if (min !== 'TLSv1.2') words.push('-min_protocol', min);
  if (max !== 'TLSv1.3') words.push('-max_protocol', max);
  const { old, modern } = splitCiphers(ciphers);
  if (old !== '') words.push('-cipher', old);
  if (modern !== '') words.push('-ciphersuites', modern);
  if (alpn.length > 0) words.push('-alpn', alpn.join(','));
  return [...words, '-showcerts'].map(shellQuote).join(' ');
}

/** The request as curl sends it, to the same address. */
export function curlCommand(target: Target, address: string | undefined): string {
  const { host, port, wanted, path, files, min, max, ciphers } = target;
  const bracketed = (name: string): string => (name.includes(':') ? `[${name}]` : name);
  const words = ['curl', '-v', '--path-as-is'];
  if (wanted !== host || (address !== undefined && address !== host))
    words.push('--connect-to', `${bracketed(wanted)}:${port}:${bracketed(address ?? host)}:${port}`);
  if (files.ca !== undefined) words.push('--cacert', fileName(files.ca));
  if (files.cert !== undefined && files.key !== undefined)
    words.push('--cert', curlFile(files.cert), '--key', fileName(files.key));
  if (min !== 'TLSv1.2') words.push(`--${min.toLowerCase().replace(/^tlsv1$/, 'tlsv1.0')}`);
  if (max !== 'TLSv1.3') words.push('--tls-max', max === 'TLSv1' ? '1.0' : max.slice(4));
  const { old, modern } = splitCiphers(ciphers);
  if (old !== '') words.push('--ciphers', old);
  if (modern !== '') words.push('--tls13-ciphers', modern);
  return [...words, `https://${bracketed(wanted)}:${port}${path}`].map(shellQuote).join(' ');
}

/** OpenSSL and curl take the names of TLS 1.3 apart from the older ones; Node takes them in one list. */
function splitCiphers(ciphers = ''): { readonly old: string; readonly modern: string } {
  const names = ciphers.split(':').filter((name) => name !== '');
  const isModern = (name: string): boolean => name.startsWith('TLS_');
  return { old: names.filter((name) => !isModern(name)).join(':'), modern: names.filter(isModern).join(':') };
}

/** In `--cert` a colon would start the passphrase. */
function curlFile(path: string): string {
  return fileName(path).replace(/[\\:]/g, String.raw`\$&`);
}
