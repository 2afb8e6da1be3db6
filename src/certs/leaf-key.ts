// Keys that are made here for certificates that a CA is asked for. They never travel: what travels is a request signed by them.
import { generateKeyPair, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export const keyTypes = ['ec-p256', 'ec-p384', 'rsa-2048', 'rsa-3072', 'rsa-4096'] as const;
export type KeyType = (typeof keyTypes)[number];

const generate = promisify(generateKeyPair) as (kind: string, options: object) => Promise<{ privateKey: KeyObject }>;

/** A private key of its own for each certificate: a renewal never takes the former one again. */
export async function makeLeafKey(type: KeyType): Promise<KeyObject> {
  const [kind, size] = type.split('-');
  if (kind === 'rsa') return (await generate('rsa', { modulusLength: Number(size) })).privateKey;
  return (await generate('ec', { namedCurve: size === 'p384' ? 'P-384' : 'P-256' })).privateKey;
}
