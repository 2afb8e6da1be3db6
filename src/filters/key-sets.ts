// The sets of keys of one worker: those with the same URL and settings are one, over all middlewares and over reloads. Held
// weakly: what no middleware names any more goes.
import { RemoteKeys, type RemoteKeysOptions } from './remote-keys.ts';

export class KeySets {
  readonly #known = new Map<string, WeakRef<RemoteKeys>>();

  find(options: RemoteKeysOptions): RemoteKeys {
    const name = JSON.stringify([options.url, options.refreshMs, options.maxAgeMs, options.cas]);
    const known = this.#known.get(name)?.deref();
    if (known !== undefined) return known;
    for (const [other, ref] of this.#known) if (ref.deref() === undefined) this.#known.delete(other);
    const made = new RemoteKeys(options);
    this.#known.set(name, new WeakRef(made));
    return made;
  }
}
