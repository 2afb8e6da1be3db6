// For which of our certificates OCSP responses are to be stapled, whom to ask about them and who has to sign: found out from
// what was loaded. A certificate that names no responder needs none; many CAs have given OCSP up.
import { type CertificatePointers, readPointers } from '../certs/revocation-pointers.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { parseCertificates } from '../certs/material.ts';
import { findSystemIssuer } from '../trust/trust-bundle.ts';
import { parseResponderUrl } from '../ocsp/responder-url.ts';
import type { LoadedConfig } from './loaded.ts';
import type { LoadedPair } from './material-loader.ts';

export type StapleTarget = {
  /** Of the certificate, hexadecimal. */
  readonly sha256: string;
  readonly leaf: CertificateFacts;
  readonly issuer: CertificateFacts;
  readonly url: URL;
  /** The certificate promises its clients a response (RFC 7633). */
  readonly mustStaple: boolean;
};

export type StapleFinding =
  | StapleTarget
  /** `why`: the rest of a sentence that begins with the certificate. */
  | { readonly why: string; readonly mustStaple: boolean };

/** The responses that can be had for these certificates; none where stapling is off. */
export function findStapleTargets(loaded: Pick<LoadedConfig, 'config' | 'policies' | 'routes'>): StapleTarget[] {
  if (!loaded.config.tls.ocspStapling.enabled) return [];
  const cas = casOf(loaded);
  const targets = new Map<string, StapleTarget>();
  for (const pair of loaded.policies.flatMap(({ certificates }) => certificates)) {
    if (targets.has(pair.sha256)) continue;
    const found = findStapleTarget(pair, cas);
    if ('url' in found) targets.set(pair.sha256, found);
  }
  return [...targets.values()];
}

/** Every CA that the configuration holds, read when it is asked for first. */
export function casOf({
  policies,
  routes,
}: Pick<LoadedConfig, 'policies' | 'routes'>): () => readonly CertificateFacts[] {
  let cas: readonly CertificateFacts[] | undefined;
  return () => {
    if (cas !== undefined) return cas;
    const clients = policies.flatMap(({ anchors, trustDomains }) => [
      ...(anchors ?? []),
      ...trustDomains.flatMap(({ caPem }) => caPem),
    ]);
    const backends = routes.flatMap(({ tls }) => tls.rootCAs ?? []);
    return (cas = readAll([...new Set([...clients, ...backends])].join('\n')));
  };
}

/** `cas`: certificates among which its issuer may be, besides its own file and the system's roots. */
export function findStapleTarget(
  { chainPem, issuerPem = '' }: Pick<LoadedPair, 'chainPem' | 'issuerPem'>,
  cas: () => readonly CertificateFacts[],
): StapleFinding {
  const [leaf, ...above] = readAll(chainPem + issuerPem);
  if (leaf === undefined) return { why: 'cannot be read', mustStaple: false };
  const pointers = findPointers(leaf);
  if (pointers === undefined) return { why: 'has extensions that cannot be read', mustStaple: false };
  const { ocspUrls, mustStaple } = pointers;
  const url = ocspUrls.map(parseResponderUrl).find((one) => one !== undefined);
  if (url === undefined) return { why: 'names no OCSP responder', mustStaple };
  const issuer =
    above.find((one) => isIssuedBy(leaf, one)) ?? cas().find((one) => isIssuedBy(leaf, one)) ?? findVerifiedRoot(leaf);
  if (issuer === undefined) return { why: 'comes without the certificate of its issuer', mustStaple };
  return { sha256: leaf.sha256, leaf, issuer, url, mustStaple };
}

/** True where the certificate promises its clients a response. Cheap: looks for nobody who could give one. */
export function isMustStaple({ chainPem }: Pick<LoadedPair, 'chainPem'>): boolean {
  const [leaf] = readAll(chainPem);
  return leaf !== undefined && findPointers(leaf)?.mustStaple === true;
}

function findPointers(leaf: CertificateFacts): CertificatePointers | undefined {
  try {
    return readPointers(leaf);
  } catch {
    // It was readable as far as identity goes; whoever asks is told what it is not good for.
    return undefined;
  }
}

function findVerifiedRoot(leaf: CertificateFacts): CertificateFacts | undefined {
  const root = findSystemIssuer(leaf);
  return root !== undefined && isIssuedBy(leaf, root) ? root : undefined;
}

function readAll(pem: string): readonly CertificateFacts[] {
  return pem === '' ? [] : parseCertificates(pem, 'certificate').certificates;
}
