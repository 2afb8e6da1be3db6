// The middlewares of a draft: one for each rule that is asked for, however many routes ask for it.
import type { DraftMap } from './draft.ts';

export class DraftMiddlewares {
  readonly list: DraftMap[] = [];
  readonly #names = new Map<string, string>();

  /** Its name. `wanted`: what it is called where nothing else is called so. */
  add(type: string, rule: DraftMap, wanted = type, paths: readonly string[] = []): string {
    const key = JSON.stringify([type, rule, paths]);
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const taken = new Set(this.#names.values());
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`;
    this.#names.set(key, name);
    this.list.push({ name, type, ...(paths.length > 0 && { paths: [...paths] }), rule });
    return name;
  }
}
