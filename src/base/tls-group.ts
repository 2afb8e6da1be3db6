// Names of key exchange groups (IANA: TLS Supported Groups), as our configuration spells them.

const groups: ReadonlyMap<number, string> = new Map([
  [23, 'P-256'],
  [24, 'P-384'],
  [25, 'P-521'],
  [26, 'brainpoolP256r1'],
  [27, 'brainpoolP384r1'],
  [28, 'brainpoolP512r1'],
  [29, 'X25519'],
  [30, 'X448'],
  [256, 'ffdhe2048'],
  [257, 'ffdhe3072'],
  [258, 'ffdhe4096'],
  [512, 'MLKEM512'],
  [513, 'MLKEM768'],
  [514, 'MLKEM1024'],
  [4587, 'SecP256r1MLKEM768'],
  [4588, 'X25519MLKEM768'],
  [4589, 'SecP384r1MLKEM1024'],
]);

const opensslNames: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'P-256'],
  ['secp384r1', 'P-384'],
  ['secp521r1', 'P-521'],
]);

export function groupName(id: number): string {
  return groups.get(id) ?? `group ${id}`;
}

/** Of a name that OpenSSL gives; undefined for one that is not in the table. */
export function findGroupName(openssl: string): string | undefined {
  const name = opensslNames.get(openssl) ?? openssl;
  return [...groups.values()].find((known) => known === name);
}
