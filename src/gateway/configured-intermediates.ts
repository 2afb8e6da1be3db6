// The intermediates that a configuration shows: those in our own chains and in the bundles of all sides. A peer that was issued by
// one of them and does not send it is told what is missing, instead of that somebody unknown issued it.
import type { Slices } from '../base/slices.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { parseCertificates } from '../certs/material.ts';
import type { LoadedRules } from '../loading/loaded.ts';
import type { Intermediates } from '../trust/intermediates.ts';

/** Texts looked at, and their length: large bundles are of roots, and this runs while requests wait. */
const maxTexts = 64;
const maxTextLength = 32_768;

/** In slices; of a usual configuration it is done when it returns. */
export async function learnConfigured(
  { policies, routes }: LoadedRules,
  known: Intermediates,
  slices: Slices,
): Promise<void> {
  const texts = new Set<string>();
  for (const { certificates, anchors, trustDomains } of policies) {
    for (const { chainPem } of certificates) texts.add(chainPem);
    for (const pem of [...(anchors ?? []), ...trustDomains.flatMap(({ caPem }) => caPem)]) texts.add(pem);
    if (texts.size > maxTexts) break;
  }
  for (const { tls } of routes) {
    if (texts.size > maxTexts) break;
    for (const pem of [tls.rootCAs, tls.clientPair?.chainPem]) if (pem !== undefined) texts.add(pem);
  }
  for (const text of texts) {
    if (text.length > maxTextLength) continue;
    // Not told to the other workers: they have the same configuration.
    for (const ca of parseCertificates(text, '').certificates) if (ca.isCa && !isSelfIssued(ca)) known.add(ca);
    const pause = slices.pause();
    if (pause !== undefined) await pause;
  }
}
