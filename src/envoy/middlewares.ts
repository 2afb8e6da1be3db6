// The middlewares that an import makes: each once, under a name that says what it is.
import type { DraftMap } from '../import/draft.ts';

export class Middlewares {
  readonly list: DraftMap[] = [];
  readonly #byContent = new Map<string, string>();

  /** Its name, be it a new one or one that does the same. */
  name(wanted: string, type: string, rule: DraftMap): string {
    const content = JSON.stringify([type, rule]);
    const known = this.#byContent.get(content);
    if (known !== undefined) return known;
    const taken = new Set(this.list.map((one) => one['name']));
    let name = wanted;
    for (let n = 2; taken.has(name); n++) name = `${wanted}-${n}`;
    this.#byContent.set(content, name);
    this.list.push({ name, type, rule });
    return name;
  }
}
