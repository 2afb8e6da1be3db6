// For which of our certificates OCSP responses are to be stapled, whom to ask about them and who has to sign: found out from
// what a configuration names. A certificate that names no responder needs none, many CAs have given OCSP up; one that promises
// its clients a response (RFC 7633) must be able to keep the promise.
import { escapeForLog } from '../base/log-text.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { parseCertificates } from '../certs/material.ts';
import { type CertificatePointers, readPointers } from '../certs/revocation-pointers.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import { findSystemIssuer } from '../trust/trust-bundle.ts';
import { parseResponderUrl } from './responder-url.ts';

/** A server certificate of ours. */
export type OwnCertificate = {
  /** Leaf first. */
  readonly chainPem: string;
  /** Who issued it, where its file says so, be it a root that is not sent. */
  readonly issuerPem: string | undefined;
  /** Of the leaf, hexadecimal. */
  readonly sha256: string;
  readonly subject: string;
  /** It promises its clients a response (RFC 7633). */
  readonly mustStaple: boolean;
};

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

export type StaplePlan = {
  /** The responses that can be had; none where stapling is off. */
  readonly targets: readonly StapleTarget[];
  readonly problems: readonly Problem[];
};

/**
 * `certificates`: those that are served, the same one twice or not. `caPems`: every CA that the configuration holds, among which
 * an issuer may be; read only where it is needed.
 */
export function planStapling(
  { enabled, place }: { readonly enabled: boolean; readonly place: Place },
  certificates: readonly OwnCertificate[],
  caPems: () => readonly string[],
): StaplePlan {
  const distinct = new Map(certificates.map((certificate) => [certificate.sha256, certificate]));
  const problems: Problem[] = [];
  const add = (severity: Problem['severity'], code: string, message: string, hint: string): void =>
    void problems.push({ severity, code, place, message, hint });
  let read: readonly CertificateFacts[] | undefined;
  const cas = (): readonly CertificateFacts[] => (read ??= readAll([...new Set(caPems())].join('\n')));
  const targets: StapleTarget[] = [];
  for (const certificate of distinct.values()) {
    const who = `the certificate "${escapeForLog(certificate.subject, 120)}" is must-staple (RFC 7633)`;
    if (!enabled) {
      if (!certificate.mustStaple) continue;
      const message = `${who}, and gateway.tls.ocspStapling is off: strict clients refuse it`;
      add('error', 'must_staple_off', message, 'Set gateway.tls.ocspStapling.enabled: true.');
      continue;
    }
    const found = findStapleTarget(certificate, cas);
    if ('url' in found) targets.push(found);
    else if (found.mustStaple) {
      const hint = 'Add the chain of its issuer to the file, or have a certificate issued without must-staple.';
      add('error', 'must_staple_impossible', `${who}, but ${found.why}: no response can be had for it`, hint);
    }
  }
  if (enabled && distinct.size > 0 && targets.length === 0) {
    const message = 'ocspStapling is on, but there is no certificate for which a response could be had';
    const hint = 'Its CA names no OCSP responder, or the certificate of the issuer is missing in the file.';
    add('warning', 'nothing_to_staple', message, hint);
  }
  return { targets, problems };
}

/** `cas`: certificates among which its issuer may be, besides its own file and the system's roots. */
export function findStapleTarget(
  { chainPem, issuerPem = '' }: Pick<OwnCertificate, 'chainPem' | 'issuerPem'>,
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
export function promisesResponse(leaf: CertificateFacts): boolean {
  return findPointers(leaf)?.mustStaple === true;
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
