// Which of a policy's certificates are offered for a server name: those that cover it, one of each key type, so that
// OpenSSL can pick what the client is able to verify. Where none covers it, the first certificate and its twins.
import { canonicalHostName } from '../base/host.ts';

export type ChoosableCertificate = {
  /** DNS names of the certificate (`*.suffix` covers one label); others are passed over. */
  readonly names: readonly string[];
  /** Certificates of one key type exclude each other in one TLS context: 'rsa', 'ec', 'ed25519', … */
  readonly keyType: string;
};

export class CertificateChoice {
  /** Every distinct selection, as indexes into the certificates; the first is the fallback. */
  readonly selections: readonly (readonly number[])[];
  readonly #byName = new Map<string, number>();

  constructor(certificates: readonly ChoosableCertificate[]) {
    const selections = new Map<string, number>();
    const list: number[][] = [];
    const intern = (indexes: number[]): number => {
      const key = indexes.join();
      const known = selections.get(key);
      if (known !== undefined) return known;
      selections.set(key, list.length);
      return list.push(indexes) - 1;
    };
    const byName = indexNames(certificates);
    intern(firstOfEachType(twins(certificates), certificates));
    for (const [name, direct] of byName) {
      const dot = name.indexOf('.');
      // A wildcard certificate stands beside an exact one of another key type.
      const wild = name.startsWith('*.') ? [] : (byName.get(`*${name.slice(dot)}`) ?? []);
      this.#byName.set(name, intern(firstOfEachType([...direct, ...wild], certificates)));
    }
    this.selections = list;
  }

  /** Index into `selections` for a canonical name; 0, the fallback, where no certificate covers it. */
  find(serverName: string | undefined): number {
    if (serverName === undefined || this.selections.length === 1) return 0;
    return this.#byName.get(serverName) ?? this.#byName.get(`*${serverName.slice(serverName.indexOf('.'))}`) ?? 0;
  }
}

function indexNames(certificates: readonly ChoosableCertificate[]): Map<string, number[]> {
  const byName = new Map<string, number[]>();
  certificates.forEach((certificate, index) => {
    for (const name of certificate.names) {
      const wildcard = name.startsWith('*.');
      const host = canonicalHostName(wildcard ? name.slice(2) : name);
      if (host === undefined) continue;
      const key = wildcard ? `*.${host}` : host;
      const found = byName.get(key);
      if (found === undefined) byName.set(key, [index]);
      else found.push(index);
    }
  });
  return byName;
}

/** The first certificate and those that carry all of its names. */
function twins(certificates: readonly ChoosableCertificate[]): number[] {
  const first = certificates[0];
  if (first === undefined) return [];
  const isTwin = (other: ChoosableCertificate): boolean =>
    first.names.length > 0 && first.names.every((name) => other.names.includes(name));
  return certificates.flatMap((certificate, index) => (index === 0 || isTwin(certificate) ? [index] : []));
}

function firstOfEachType(indexes: readonly number[], certificates: readonly ChoosableCertificate[]): number[] {
  const types = new Map<string, number>();
  for (const index of indexes) {
    const type = certificates[index]?.keyType ?? '';
    if (!types.has(type)) types.set(type, index);
  }
  return [...types.values()];
}
