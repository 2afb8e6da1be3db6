// Reads and checks the files that a configuration names, each once however many routes name it, and keeps every problem
// with the place in the configuration where the file was named.
import type { CertificatePair, Ref } from '../config/gateway-config.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import { type CheckedPair, checkClientPair, checkServerPair, type PairOptions } from '../trust/certificate-pair.ts';
import { encodePem } from '../asn1/der-writer.ts';
import { loadPem, loadProblem, materialName } from '../certs/material.ts';
import type { MaterialProblem } from '../base/material-problem.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import type { LoadedPair } from './loaded.ts';

/** A pair that can be used, with the facts that other checks want. */
export type UsablePair = { readonly loaded: LoadedPair; readonly checked: CheckedPair };

export class MaterialLoader {
  readonly problems: Problem[] = [];
  /** Every file that was asked for, whether it could be read or not: what to watch. */
  readonly paths = new Set<string>();
  readonly #now: number;
  readonly #tolerateExpired: boolean;
  readonly #texts = new Map<string, Promise<string | undefined>>();
  readonly #pairs = new Map<string, Promise<UsablePair | undefined>>();
  readonly #bundles = new Map<string, Promise<TrustBundle | undefined>>();
  /** Every bundle so far: an issuer that is an anchor somewhere here is no missing intermediate. */
  readonly #anchors: TrustBundle[] = [];

  /** `now`: milliseconds since the epoch, for validity. */
  constructor(now: number, tolerateExpired = false) {
    this.#now = now;
    this.#tolerateExpired = tolerateExpired;
  }

  add(place: Place, { severity, code, message, hint }: MaterialProblem): void {
    this.problems.push({ severity, code, place, message, hint });
  }

  /** A server certificate with its key; undefined where it cannot be used (the problems say why). */
  async serverPair(pair: CertificatePair): Promise<UsablePair | undefined> {
    return this.#once(this.#pairs, `server ${keyOf(pair.cert)} ${keyOf(pair.key)}`, async () =>
      this.#readPair(pair, checkServerPair),
    );
  }

  /** What the gateway shows to a backend. */
  async clientPair(pair: CertificatePair): Promise<UsablePair | undefined> {
    return this.#once(this.#pairs, `client ${keyOf(pair.cert)} ${keyOf(pair.key)}`, async () =>
      this.#readPair(pair, checkClientPair),
    );
  }

  /** The anchors of one or several files taken together; undefined where any of them is not wholly good. */
  async bundle(refs: readonly Ref[]): Promise<TrustBundle | undefined> {
    return this.#once(this.#bundles, refs.map(keyOf).join('\n'), async () => {
      const bundles: TrustBundle[] = [];
      for (const ref of refs) {
        const text = await this.#text(ref);
        if (text === undefined) return undefined;
        const { bundle, problems } = TrustBundle.parse(text, { name: materialName(ref), now: this.#now });
        for (const problem of problems) this.add(ref.place, problem);
        // One unusable file makes no smaller set of anchors: it makes none.
        if (bundle === undefined) return undefined;
        bundles.push(bundle);
        this.#anchors.push(bundle);
      }
      const [first, ...more] = bundles;
      return first === undefined ? undefined : TrustBundle.join(first, ...more);
    });
  }

  async #readPair(
    pair: CertificatePair,
    check: (cert: string, key: string, options: PairOptions) => CheckedPair,
  ): Promise<UsablePair | undefined> {
    const [cert, key] = [await this.#text(pair.cert), await this.#text(pair.key)];
    if (cert === undefined || key === undefined) return undefined;
    const names = { certName: materialName(pair.cert), keyName: materialName(pair.key) };
    const checked = check(cert, key, {
      now: this.#now,
      tolerateExpired: this.#tolerateExpired,
      anchors: this.#anchors,
      ...names,
    });
    for (const problem of checked.problems) {
      this.add(problem.about === 'key' ? pair.key.place : pair.cert.place, problem);
    }
    const { leaf, chainPem, keyPem, issuer } = checked;
    if (leaf === undefined || chainPem === undefined || keyPem === undefined) return undefined;
    const sans = (...types: string[]) => leaf.sans.filter((san) => types.includes(san.type)).map((san) => san.value);
    const loaded: LoadedPair = {
      chainPem,
      issuerPem: issuer && encodePem('CERTIFICATE', issuer.der),
      keyPem,
      names: sans('DNS', 'IP'),
      uris: sans('URI'),
      sha256: leaf.sha256,
      subject: leaf.subject,
      notBefore: leaf.notBefore,
      notAfter: leaf.notAfter,
    };
    return { loaded, checked };
  }

  async #text(ref: Ref): Promise<string | undefined> {
    if ('path' in ref) this.paths.add(ref.path);
    return this.#once(this.#texts, keyOf(ref), async () => {
      const loaded = await loadPem(ref);
      if (loaded.ok) return loaded.pem;
      this.add(ref.place, loadProblem(loaded));
      return undefined;
    });
  }

  async #once<T>(memory: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
    let made = memory.get(key);
    if (made === undefined) memory.set(key, (made = make()));
    return made;
  }
}

function keyOf(ref: Ref): string {
  return 'path' in ref ? `path ${ref.path}` : `pem ${ref.pem}`;
}
