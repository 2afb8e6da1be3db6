// Every certificate and CA bundle of a configuration as a list for people: where it comes from, until when it holds, when its source is
// asked next, and what went wrong last. No private key; of what a source delivers no more than anybody sees in a handshake.
import { X509Certificate } from 'node:crypto';
import type { Ref } from '../config/ref.ts';
import { sourceKey } from '../config/source-config.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { LoadedPair } from '../loading/material-loader.ts';
import type { SourceState } from '../sources/feed.ts';

export type ListedCertificate = {
  /** Its id, the trust domain, or the subject of what has neither. */
  readonly name: string;
  readonly kind: 'certificate' | 'bundle';
  /** `file`, `inline`, `store`, `p12`, or the kind of its source. */
  readonly source: string;
  /** Of several CAs how many there are; '' where nothing is known. */
  readonly subject: string;
  /** Hexadecimal; '' of several CAs. */
  readonly serial: string;
  /** Milliseconds since the epoch, of several CAs the first; null: nothing was delivered yet, or nobody was asked. */
  readonly notAfter: number | null;
  /** When its source is asked next; null: there is none, or nobody asks. */
  readonly nextRenewal: number | null;
  /** Why there is nothing newer; null where all is well. */
  readonly lastError: { readonly at: number; readonly code: string; readonly message: string } | null;
};

type Facts = Pick<ListedCertificate, 'subject' | 'serial' | 'notAfter'>;

/** States by the key of the source; none where nobody asks them. */
export type SourceStates = ReadonlyMap<string, SourceState>;

export function listCertificates(
  { config, named, policies, routes }: LoadedConfig,
  states: SourceStates,
): ListedCertificate[] {
  const listed: ListedCertificate[] = [];
  const seen = new Set<string>();
  const add = (name: string, kind: ListedCertificate['kind'], ref: Ref | undefined, facts: Facts): void => {
    const about = ref !== undefined && 'sourced' in ref ? ofSource(ref.sourced, states) : { ...facts, ...noSource };
    const key = about.serial === '' ? `${kind} ${name}` : `${about.serial} ${about.subject}`;
    if (seen.has(key)) return;
    seen.add(key);
    listed.push({ name, kind, source: ref === undefined ? 'file' : sourceOf(ref), ...about });
  };
  for (const { id, pair } of config.named.certificates)
    add(id, 'certificate', pair.cert, factsOf(named.certificates.find((one) => one.id === id)?.pair));
  for (const { id, cas } of config.named.caBundles)
    add(id, 'bundle', cas[0], factsOfCas(named.caBundles.find((one) => one.id === id)?.caPem ?? []));
  const all = [config.tls.gateway, ...config.tls.policies];
  const inline = [config.tls.certificates, ...all.map(({ certificates }) => certificates)].flat();
  for (const { cert } of inline) if ('sourced' in cert) add(cert.label, 'certificate', cert, nothing);
  for (const { clientAuth } of all)
    for (const { trustDomain, cas } of clientAuth?.spiffe?.bundles ?? [])
      for (const ref of cas) if ('sourced' in ref) add(trustDomain, 'bundle', ref, nothing);
  const used = [
    ...policies.flatMap(({ certificates }) => certificates),
    ...routes.flatMap(({ tls }) => tls.clientPair ?? []),
  ];
  for (const pair of used)
    if (pair.sha256 !== '' && !isDelivered(pair, states)) add(pair.subject, 'certificate', undefined, factsOf(pair));
  return listed;
}

const nothing: Facts = { subject: '', serial: '', notAfter: null };
const noSource = { nextRenewal: null, lastError: null };

function sourceOf(ref: Ref): string {
  if ('sourced' in ref) return ref.sourced.kind;
  if ('pkcs12' in ref) return 'p12';
  if (ref.place.stored !== undefined) return 'store';
  return 'path' in ref ? 'file' : 'inline';
}

function ofSource(
  config: Parameters<typeof sourceKey>[0],
  states: SourceStates,
): Omit<ListedCertificate, 'name' | 'kind' | 'source'> {
  const state = states.get(sourceKey(config));
  if (state === undefined) return { ...nothing, ...noSource };
  const { current, nextAt, problem } = state;
  return {
    ...(current === undefined
      ? nothing
      : { subject: current.subject, serial: current.serial, notAfter: current.notAfter }),
    nextRenewal: nextAt ?? null,
    lastError: problem === undefined ? null : { at: problem.at, code: problem.code, message: problem.message },
  };
}

/** It stands in the list by its source, be it with another serial by now. */
function isDelivered({ subject }: LoadedPair, states: SourceStates): boolean {
  return (
    subject === 'CN=Countersign stand-in' || [...states.values()].some(({ current }) => current?.subject === subject)
  );
}

function factsOf(pair: LoadedPair | undefined): Facts {
  return pair === undefined ? nothing : { subject: pair.subject, serial: pair.serial, notAfter: pair.notAfter };
}

function factsOfCas(caPem: readonly string[]): Facts {
  const certificates = caPem.map((pem) => new X509Certificate(pem));
  const [first] = certificates;
  if (first === undefined) return nothing;
  const notAfter = Math.min(...certificates.map(({ validTo }) => Date.parse(validTo)));
  if (certificates.length > 1) return { subject: `${certificates.length} CAs`, serial: '', notAfter };
  return {
    subject: first.subject.split('\n').toReversed().join(','),
    serial: first.serialNumber.toLowerCase(),
    notAfter,
  };
}
