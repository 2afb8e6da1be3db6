// Material that is a part of something: of a PKCS #12 file, or of what a source delivers. One file is opened once, and of one source
// the same delivery is taken for all parts of a load: a certificate never meets the key of the one before.
import { materialError, type MaterialProblem, materialWarning } from '../base/material-problem.ts';
import { readPkcs12 } from '../certs/pkcs12.ts';
import { loadProblem, type MaterialBytes, materialName, type StoredRef } from '../certs/material.ts';
import { mintCa } from '../certs/test-ca.ts';
import type { Pkcs12Ref, SourcedRef } from '../config/ref.ts';
import { sourceKey } from '../config/source-config.ts';
import type { Delivered } from '../sources/delivered.ts';
import type { Deliveries } from '../sources/publisher.ts';

/** Of the file, in bytes. */
const maxPkcs12Bytes = 1024 * 1024;

export type Parts = { readonly chain: string; readonly key: string; readonly anchors: string };

/** What is there, and what is to be said of it; undefined where there is nothing to use. */
export type Composed = {
  readonly parts: Parts | undefined;
  readonly problems: readonly MaterialProblem[];
  /** Nobody was asked, or nothing was delivered yet: made for this load alone, and nobody's. */
  readonly isStandIn?: true;
};

export class ComposedMaterial {
  readonly #read: (ref: StoredRef, maxBytes: number) => Promise<MaterialBytes>;
  /** Undefined: nobody is asked, and something stands in for whatever would be delivered. */
  readonly #deliveries: Deliveries | undefined;
  readonly #known = new Map<string, Promise<Composed>>();
  /** What this load was built with, by the key of the source. */
  readonly delivered = new Map<string, Delivered>();
  /** What something stands in for, though somebody was asked: by the key of the source. */
  readonly pending = new Set<string>();

  constructor(read: (ref: StoredRef, maxBytes: number) => Promise<MaterialBytes>, deliveries: Deliveries | undefined) {
    this.#read = read;
    this.#deliveries = deliveries;
  }

  /** Never rejects. The same answer for all parts of one thing. */
  async find(ref: Pkcs12Ref | SourcedRef): Promise<Composed> {
    const key = 'pkcs12' in ref ? pkcs12Key(ref) : sourceKey(ref.sourced);
    let found = this.#known.get(key);
    if (found === undefined) this.#known.set(key, (found = 'pkcs12' in ref ? this.#open(ref) : this.#take(ref)));
    return found;
  }

  async #open({ pkcs12, password, label }: Pkcs12Ref): Promise<Composed> {
    let bytes: Buffer;
    if ('base64' in pkcs12) bytes = Buffer.from(pkcs12.base64, 'base64');
    else {
      const file = await this.#read(pkcs12, maxPkcs12Bytes);
      if (!file.ok) return { parts: undefined, problems: [loadProblem(file)] };
      bytes = file.bytes;
    }
    const outcome = await readPkcs12(bytes, password, 'base64' in pkcs12 ? label : materialName(pkcs12));
    if ('problem' in outcome) return { parts: undefined, problems: [outcome.problem] };
    return { parts: { chain: outcome.chainPem, key: outcome.keyPem, anchors: '' }, problems: [] };
  }

  async #take({ sourced }: SourcedRef): Promise<Composed> {
    if (this.#deliveries === undefined) return { parts: await standIn(), problems: [], isStandIn: true };
    const delivered = this.#deliveries.find(sourced);
    if (delivered !== undefined) {
      this.delivered.set(sourceKey(sourced), delivered);
      const { chainPem, keyPem } = delivered;
      return { parts: { chain: chainPem, key: keyPem, anchors: chainPem }, problems: [] };
    }
    const why = this.#deliveries.findProblem(sourced);
    const message = `${sourced.label}: nothing was delivered in time${why === undefined ? '' : ` (${why.message.replace(`${sourced.label}: `, '')})`}`;
    if (this.#deliveries.mayStandIn(sourced)) {
      this.pending.add(sourceKey(sourced));
      const hint = 'Until it delivers, a certificate made for this run stands in, which nobody can verify.';
      return { parts: await standIn(), problems: [materialWarning('source_pending', message, hint)], isStandIn: true };
    }
    return { parts: undefined, problems: [materialError('source_empty', message, why?.hint ?? 'Is it there?')] };
  }
}

export function pkcs12Key({ pkcs12, password }: Pkcs12Ref): string {
  return JSON.stringify(['path' in pkcs12 ? pkcs12.path : pkcs12.base64, password]);
}

/** A certificate for any purpose of a CA that is thrown away: it opens nothing, and nobody else has one of that CA. */
async function standIn(): Promise<Parts> {
  const ca = await mintCa({ cn: 'Countersign stand-in CA' });
  const { certPem, keyPem } = await ca.issue({ kind: 'none', cn: 'Countersign stand-in', sans: ['stand-in.invalid'] });
  return { chain: certPem, key: keyPem, anchors: ca.certPem };
}
