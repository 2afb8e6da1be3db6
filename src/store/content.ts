// What a revision holds: which object stands under which name. Its digest depends on nothing else, so that two revisions of
// the same content have the same, and a gateway can be asked whether it runs what is stored.
import { type Digest, digestOf } from './digest.ts';
import { type ObjectName, objectKey } from './object.ts';

/** Mutable: changes are made one after another, the digest is taken in between. */
export class Content {
  readonly #digests = new Map<string, Digest>();
  /** Sorted; made anew only where names came or went, which most changes do not. */
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

  /** In the order of the names by UTF-16 code units, which no collation of a database changes. */
  *entries(): Generator<ObjectName & { readonly digest: Digest }, void, undefined> {
    for (const key of this.#sorted()) {
      const at = key.indexOf('\0');
      yield { kind: key.slice(0, at), id: key.slice(at + 1), digest: this.#digests.get(key) as Digest };
    }
  }

  digest(): Digest {
    let text = '';
    // No name holds a line break or NUL, so this can be read in one way only.
    for (const key of this.#sorted()) text += `${key}\0${this.#digests.get(key)}\n`;
    return digestOf('content', text);
  }

  #sorted(): readonly string[] {
    return (this.#keys ??= [...this.#digests.keys()].sort());
  }
}
