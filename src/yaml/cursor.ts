// A position in the tree of one file: where a value or a key stands, for messages about values that were already read.
import type { Place } from './place.ts';
import type { TreeNode } from './tree.ts';

/** What YAML 1.1 takes for true and for false. */
export const saysOn = /^(?:true|yes|on|y)$/i;
export const saysOff = /^(?:false|no|off|n)$/i;

export class Cursor {
  readonly #node: TreeNode | undefined;
  /** Where the value stands; where it is absent, the nearest value around it. */
  readonly place: Place;

  constructor(node: TreeNode | undefined, around: Place) {
    this.#node = node;
    this.place = node?.place ?? around;
  }

  /** What stands here; undefined where nothing does. */
  get tree(): TreeNode | undefined {
    return this.#node;
  }

  /** The position of a key's value or of a list's item. */
  down(...path: readonly (string | number)[]): Cursor {
    const [step, ...rest] = path;
    return step === undefined ? this : new Cursor(this.#child(step), this.place).down(...rest);
  }

  /** Where the key itself stands; where it is absent, this value. */
  keyPlace(key: string): Place {
    const node = this.#node;
    return (node?.kind === 'map' ? node.entries.get(key)?.keyPlace : undefined) ?? this.place;
  }

  /** The keys of a map in order, those without a value too; none where this is no map. */
  get keys(): readonly string[] {
    return this.#node?.kind === 'map' ? [...this.#node.entries.keys()] : [];
  }

  /** True where the key is written, be it without a value. */
  has(key: string): boolean {
    return this.#node?.kind === 'map' && this.#node.entries.has(key);
  }

  /** True where the key is written with a value that could be read. */
  holds(key: string): boolean {
    const value = this.#node?.kind === 'map' ? this.#node.entries.get(key)?.value : undefined;
    return value !== undefined && !(value.kind === 'scalar' && value.isNull);
  }

  /** True where the key is written without a value. */
  isEmpty(key: string): boolean {
    const value = this.#node?.kind === 'map' ? this.#node.entries.get(key)?.value : undefined;
    return value?.kind === 'scalar' && value.isNull && !value.broken;
  }

  /** True where the key is switched off in so many words: `off`, `false`, `no`. */
  saysOff(key: string): boolean {
    const value = this.#node?.kind === 'map' ? this.#node.entries.get(key)?.value : undefined;
    return value?.kind === 'scalar' && !value.isNull && saysOff.test(value.text);
  }

  /** True where the key's value, or an item of it, was reported as wrong already. */
  isBroken(key: string): boolean {
    const value = this.#node?.kind === 'map' ? this.#node.entries.get(key)?.value : undefined;
    return value?.kind === 'list' ? value.wasCut === true : value?.kind === 'scalar' && value.broken;
  }

  /** False where the value came from the environment, so that it must not be shown. */
  get showable(): boolean {
    return this.#node?.kind !== 'scalar' || !this.#node.substituted;
  }

  /** Of a value from the environment: what stands in the file instead of it. */
  get source(): string | undefined {
    return this.#node?.kind === 'scalar' && this.#node.substituted ? (this.#node.source ?? '${…}') : undefined;
  }

  /** Under what id the source of the configuration keeps the value, where it does not stand here. */
  get materialId(): string | undefined {
    return this.#node?.kind === 'scalar' ? this.#node.materialId : undefined;
  }

  #child(step: string | number): TreeNode | undefined {
    const node = this.#node;
    // One value may stand for a list of one.
    if (node?.kind === 'scalar' && step === 0) return node;
    if (node?.kind === 'map') return node.entries.get(String(step))?.value;
    return node?.kind === 'list' && typeof step === 'number' ? node.items[step] : undefined;
  }
}
