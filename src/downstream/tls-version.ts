// Names of protocol versions as people and OpenSSL write them.

/** 'TLSv1.3', … for a version as it stands on the wire; one that nobody knows in hexadecimal, `0x7f1c`. */
export function tlsVersionName(version: number): string {
  if (version === 0x0300) return 'SSLv3';
  if (version === 0x0301) return 'TLSv1';
  if (version > 0x0301 && version <= 0x0304) return `TLSv1.${version - 0x0301}`;
  return `0x${version.toString(16).padStart(4, '0')}`;
}
