// The trie of path segments below a route table, and how it is searched. A node keeps its routes by host pattern, those for
// the very path apart from those for everything below it. Order: see route-table.ts.
import { hostOfAuthority } from './host-of-authority.ts';
import { type Conditions, Doubt, type RequestFacts } from './conditions.ts';
import type { PathPattern, SegmentRegex } from './path-pattern.ts';
import { allowedMethods, takesMethod } from './takes-method.ts';

/** What is looked for. One is used for all look-ups of a table: nothing of it is kept. */
export class Lookup {
  method = '';
  host = '';
  path = '';
  facts: RequestFacts | undefined;
  /** The path is a reading in which case is lost. */
  folded = false;
  /** Something that was looked at on the way cannot be judged: the result must not be used. */
  doubt: Doubt | undefined;
}

export type Entry<R> = {
  readonly found: { readonly kind: 'route'; readonly route: R };
  readonly priority: number;
  readonly methods: readonly string[];
  readonly conditions: Conditions | undefined;
  /** How many there are. */
  readonly asks: number;
};

/** Routes with the same path and host patterns. */
export class Slot<R> {
  readonly entries: Entry<R>[] = [];
  /** The slot of the same patterns in the trie of readings; spellings that differ by case alone share one. */
  alike: Slot<R> = this;
  readonly node: Node<R>;
  /** For the very path of its node. */
  readonly whole: boolean;
  #asks = false;

  constructor(node: Node<R>, whole: boolean) {
    this.node = node;
    this.whole = whole;
  }

  add(entry: Entry<R>): void {
    this.entries.push(entry);
    this.entries.sort((a, b) => a.priority - b.priority || b.asks - a.asks);
    this.#asks ||= entry.conditions !== undefined;
  }

  /** Of the first route whose conditions hold; Infinity where there is none. */
  priorityFor(lookup: Lookup): number {
    if (!this.#asks) return this.entries[0]?.priority ?? Infinity;
    return this.entries.find((entry) => admits(entry, lookup))?.priority ?? Infinity;
  }

  /** The route for the method, among those whose conditions hold. */
  find(lookup: Lookup): Entry<R> | undefined {
    for (const entry of this.entries)
      if (takesMethod(entry.methods, lookup.method) && (!this.#asks || admits(entry, lookup))) return entry;
    return undefined;
  }

  allowed(lookup: Lookup): string {
    return allowedMethods(this.entries.filter((entry) => admits(entry, lookup)).flatMap(({ methods }) => methods));
  }
}

function admits({ conditions }: Entry<unknown>, lookup: Lookup): boolean {
  if (conditions === undefined) return true;
  // Who tells nothing of the request meets no condition.
  if (lookup.facts === undefined) return false;
  const unmet = conditions.findUnmet(lookup.method, lookup.facts);
  if (!(unmet instanceof Doubt)) return unmet === undefined;
  lookup.doubt ??= unmet;
  return false;
}

/** Routes at one place, by host pattern. */
class HostSlots<R> {
  readonly #node: Node<R>;
  readonly #whole: boolean;
  readonly #exact = new Map<string, Slot<R>>();
  /** By parent name: `{sub}.example.com` under `example.com`. */
  readonly #label = new Map<string, Slot<R>>();
  /** By suffix without its first dot. */
  readonly #wild = new Map<string, Slot<R>>();
  #any: Slot<R> | undefined;

  constructor(node: Node<R>, whole: boolean) {
    this.#node = node;
    this.#whole = whole;
  }

  at(host: string | undefined): Slot<R> {
    if (host === undefined) return (this.#any ??= new Slot<R>(this.#node, this.#whole));
    const pattern = parseHostPattern(host);
    const slots = pattern.kind === 'exact' ? this.#exact : pattern.kind === 'label' ? this.#label : this.#wild;
    let slot = slots.get(pattern.name);
    if (slot === undefined) slots.set(pattern.name, (slot = new Slot<R>(this.#node, this.#whole)));
    return slot;
  }

  /** The best slot for a host, among those whose priority is below `limit`. */
  find(lookup: Lookup, limit: number): Slot<R> | undefined {
    const { host } = lookup;
    let best = better(this.#exact.get(host), undefined, lookup, limit);
    let lowest = best === undefined ? limit : best.priorityFor(lookup);
    if (this.#label.size > 0 || this.#wild.size > 0) {
      for (let dot = host.indexOf('.'), first = true; dot >= 0; dot = host.indexOf('.', dot + 1), first = false) {
        const suffix = host.slice(dot + 1);
        const label = first ? this.#label.get(suffix) : undefined;
        const found = better(this.#wild.get(suffix), better(label, undefined, lookup, lowest), lookup, lowest);
        if (found !== undefined) lowest = (best = found).priorityFor(lookup);
      }
    }
    return better(this.#any, best, lookup, lowest);
  }
}

/** `slot` where its priority is below `limit`, and below that of `best`; else `best`. */
function better<R>(
  slot: Slot<R> | undefined,
  best: Slot<R> | undefined,
  lookup: Lookup,
  limit: number,
): Slot<R> | undefined {
  if (slot === undefined) return best;
  const lowest = best === undefined ? limit : Math.min(limit, best.priorityFor(lookup));
  return slot.priorityFor(lookup) < lowest ? slot : best;
}

/** A host pattern of a route: `name` is the canonical host itself, or what follows `*.` or `{sub}.`. */
export function parseHostPattern(host: string): { readonly kind: 'exact' | 'label' | 'wild'; readonly name: string } {
  if (host.startsWith('*.')) return { kind: 'wild', name: canonical(host.slice(2)) };
  const brace = host.startsWith('{') ? host.indexOf('}.') : -1;
  return brace > 0
    ? { kind: 'label', name: canonical(host.slice(brace + 2)) }
    : { kind: 'exact', name: canonical(host) };
}

/** The spelling that hostOfAuthority gives to requests, brackets of IPv6 addresses off; what is none stays and never matches. */
function canonical(host: string): string {
  return hostOfAuthority(host) ?? host;
}

export class Node<R> {
  readonly children = new Map<string, Node<R>>();
  /** In order of appearance. */
  readonly expressions: { readonly regex: SegmentRegex; readonly node: Node<R> }[] = [];
  param: Node<R> | undefined;
  /** Lowest priority among the routes here and below: what need not be searched is not. */
  lowest = Infinity;
  whole: HostSlots<R> | undefined;
  readonly below: HostSlots<R> = new HostSlots<R>(this, false);

  child(segment: string): Node<R> {
    let child = this.children.get(segment);
    if (child === undefined) this.children.set(segment, (child = new Node<R>()));
    return child;
  }

  behind(regex: SegmentRegex): Node<R> {
    const known = this.expressions.find((one) => one.regex.source === regex.source);
    if (known !== undefined) return known.node;
    const node = new Node<R>();
    this.expressions.push({ regex, node });
    return node;
  }
}

/** The slots at the end of a pattern, made where they are not there; each node on the way learns of the priority. */
export function slotsFor<R>(
  root: Node<R>,
  { segments, whole }: PathPattern,
  hosts: readonly string[],
  priority: number,
  folded: boolean,
): Slot<R>[] {
  let node = root;
  node.lowest = Math.min(node.lowest, priority);
  for (const segment of segments) {
    if (segment.kind === 'param') node = node.param ??= new Node<R>();
    else if (segment.kind === 'regex') node = node.behind(segment);
    else node = node.child(folded ? segment.reading : segment.text);
    node.lowest = Math.min(node.lowest, priority);
  }
  const slots = whole ? (node.whole ??= new HostSlots<R>(node, true)) : node.below;
  return hosts.length === 0 ? [slots.at(undefined)] : hosts.map((host) => slots.at(host));
}

/**
 * The best slot at or below `node`, for the path from `at` (behind the slash; beyond the end when it is used up), if it
 * beats `best`. Deeper is more specific, so what is found first stands unless something has a lower priority.
 */
export function search<R>(
  node: Node<R>,
  lookup: Lookup,
  at: number,
  best: Slot<R> | undefined,
  limit: number,
): Slot<R> | undefined {
  const { path } = lookup;
  let found = best;
  let lowest = limit;
  if (at <= path.length && (node.children.size > 0 || node.param !== undefined || node.expressions.length > 0)) {
    const slash = path.indexOf('/', at);
    const end = slash < 0 ? path.length : slash;
    const segment = path.slice(at, end);
    const child = node.children.get(segment);
    if (child !== undefined && child.lowest < lowest) {
      found = search(child, lookup, end + 1, found, lowest);
      if (found !== best) lowest = found?.priorityFor(lookup) ?? limit;
    }
    // What is no text is a whole, non-empty segment.
    if (end > at) {
      for (const { regex, node: behind } of node.expressions) {
        if (behind.lowest >= lowest || !matches(regex, segment, lookup)) continue;
        found = search(behind, lookup, end + 1, found, lowest);
        if (found !== best) lowest = found?.priorityFor(lookup) ?? limit;
      }
      if (node.param !== undefined && node.param.lowest < lowest) {
        found = search(node.param, lookup, end + 1, found, lowest);
        if (found !== best) lowest = found?.priorityFor(lookup) ?? limit;
      }
    }
  }
  if (node.whole !== undefined && (at > path.length || path.length === 1)) {
    const slot = node.whole.find(lookup, lowest);
    if (slot !== undefined) lowest = (found = slot).priorityFor(lookup);
  }
  return node.below.find(lookup, lowest) ?? found;
}

function matches(regex: SegmentRegex, segment: string, lookup: Lookup): boolean {
  const result = regex.test(segment, lookup.folded);
  if (result !== 'too_long') return result;
  lookup.doubt ??= new Doubt('a segment of the path is longer than an expression is tried on');
  return false;
}
