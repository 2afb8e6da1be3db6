// What was read out of certificates and keys, by the digest of their text, so that a reload parses only what is new: with 10,000
// certificates that is seconds. A file is read at each load, whatever was known of it: its bytes decide. What does not hold for ever
// (dates, whether others know the issuer) is looked at anew each time, and what there is anything to say of is not kept.
import { hash, type KeyObject } from 'node:crypto';
import { fitsKey } from './chain.ts';
import type { CertificateFacts } from './facts.ts';
import { type ParsedCertificates, parseCertificates } from './material.ts';
import { type ParsedKey, parsePrivateKey } from './private-key.ts';

/** Holds what the last load had that read everything: no more, whatever was read before. */
export class MaterialMemory {
  #last: MaterialReading | undefined;

  /** For one load. */
  begin(): MaterialReading {
    return new MaterialReading(this.#last);
  }

  /** A load is over: from now on it is what the next one knows. */
  keep(reading: MaterialReading): void {
    reading.forget();
    this.#last = reading;
  }
}

/** By the digest of the text. */
type Parsed = {
  readonly certificates: Map<string, ParsedCertificates>;
  readonly keys: Map<string, ParsedKey>;
  /** By the digests of the certificate and of the key's text. */
  readonly fits: Map<string, boolean>;
};

/** What one load reads: as if it read everything itself. */
export class MaterialReading {
  readonly #read: Parsed = { certificates: new Map(), keys: new Map(), fits: new Map() };
  #before: Parsed | undefined;

  /** `before`: what another has read. */
  constructor(before?: MaterialReading) {
    this.#before = before === undefined ? undefined : before.#read;
  }

  /** As parseCertificates. */
  certificates(pem: string, name: string): ParsedCertificates {
    const key = digestOf(pem);
    const known = this.#read.certificates.get(key) ?? this.#before?.certificates.get(key);
    const parsed = known ?? parseCertificates(pem, name);
    if (parsed.problems.length === 0) this.#read.certificates.set(key, parsed);
    return { ...parsed, problems: [...parsed.problems] };
  }

  /** As parsePrivateKey. */
  privateKey(pem: string, name: string): ParsedKey {
    const key = digestOf(pem);
    const known = this.#read.keys.get(key) ?? this.#before?.keys.get(key);
    const parsed = known ?? parsePrivateKey(pem, name);
    if (parsed.problems.length === 0 && parsed.key !== undefined) this.#read.keys.set(key, parsed);
    return { ...parsed, problems: [...parsed.problems] };
  }

  /** As fitsKey, of this key: `keyPem` is the text that it was read from. */
  fitting(keyPem: string, key: KeyObject): (facts: CertificateFacts) => boolean {
    const digest = digestOf(keyPem);
    return (facts) => {
      const both = `${facts.sha256} ${digest}`;
      const fits = this.#read.fits.get(both) ?? this.#before?.fits.get(both) ?? fitsKey(facts, key);
      this.#read.fits.set(both, fits);
      return fits;
    };
  }

  /** What others read is not needed any more. */
  forget(): void {
    this.#before = undefined;
  }
}

function digestOf(text: string): string {
  return hash('sha256', text, 'base64');
}
