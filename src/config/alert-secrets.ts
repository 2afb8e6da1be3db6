// What webhooks are signed with, wherever it was written.

/** The one in force, and the one before. */
const maxSecrets = 2;
const minSecretLength = 16;
const minSecretBytes = 16;

export const secretHint = 'openssl rand -base64 32 makes one.';

/** What is wrong with secrets, as the end of a sentence; they stand in none of it. */
export function findSecretMistake(secrets: readonly string[]): string | undefined {
  if (secrets.length === 0) return 'is empty';
  if (secrets.length > maxSecrets) return `has more than ${maxSecrets}: the one in force, and the one before`;
  for (const one of secrets) {
    if (!/^[\x21-\x7e]+$/.test(one)) return 'is not one word of visible ASCII';
    if (one.length < minSecretLength) return `is shorter than ${minSecretLength} characters`;
    const [, coded] = /^whsec_(.*)$/.exec(one) ?? [];
    if (
      coded !== undefined &&
      (!/^[A-Za-z0-9+/]+=*$/.test(coded) || Buffer.from(coded, 'base64').length < minSecretBytes)
    )
      return 'begins with whsec_, and what follows is not base64 of 16 bytes or more';
  }
  return undefined;
}

/** The key of the HMAC: what follows `whsec_` is base64 (Standard Webhooks), everything else is taken as it is. */
export function keyOfSecret(secret: string): Buffer {
  const [, coded] = /^whsec_(.*)$/.exec(secret) ?? [];
  return coded === undefined ? Buffer.from(secret) : Buffer.from(coded, 'base64');
}
