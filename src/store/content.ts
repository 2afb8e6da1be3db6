// What a revision holds: which object stands under which name. Its digest depends on nothing else, so that two revisions of
// the same content have the same, and a gateway can be asked whether it runs what is stored.
import { type Digest, digestOf } from './digest.ts';
import { type ObjectName, objectKey } from './object.ts';

/** Mutable: changes are made one after another, the digest is taken in between. */
export class Content {
  readonly #digests = new Map<string, Digest>();
  /** Sorted by UTF-16 code units, which no collation of a database changes; made anew only where names came or went, which most changes do not. */
  #keys: string[] | undefined;

  get size(): number {
    return this.#digests.size;
  }

  find(name: ObjectName): Digest | undefined {
    return this.#digests.get(objectKey(name));
  }

  put(name: ObjectName, object: Digest): void {
    const key = objectKey(name);
    if (!this.#digests.has(key)) this.#keys = undefined;
    this.#digests.set(key, object);
  }

  remove(name: ObjectName): void {
    if (this.#digests.delete(objectKey(name))) this.#keys = undefined;
  }

  digest(): Digest {
    let text = '';
    // A key is JSON on one line, so this can be read in one way only, whatever somebody wrote into a name.
    for (const key of this.#sorted()) text += `${key} ${this.#digests.get(key)}\n`;
    return digestOf('content', text);
  }

  #sorted(): readonly string[] {
    return (this.#keys ??= [...this.#digests.keys()].sort());
  }
}
