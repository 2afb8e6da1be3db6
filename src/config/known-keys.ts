// Walks a tree beside its shape. A key that nobody knows is an error with the nearest known one and the place where it belongs;
// with --lenient a warning, but never where it, or anything below it, is about trust (trust-words.ts): a block that slid by two
// columns must not open a gateway. Keys that are known but not supported get what ignoring them means (support.ts).
import { z } from 'zod';
import { closed, readApart } from './atoms.ts';
import { type Place, showPlace } from '../yaml/place.ts';
import { findForeignWord } from './foreign-words.ts';
import { declared } from './key.ts';
import { foldKey, type KeyPlaces, unwrapShape } from './key-places.ts';
import { findNearest } from '../yaml/nearest.ts';
import { maxProblems, type ProblemList } from '../yaml/problem-list.ts';
import { asksForSomething, type Support, support } from './support.ts';
import { isTrustWord, TrustWords } from './trust-words.ts';
import { quote, type TreeEntry, type TreeMap, type TreeNode } from '../yaml/tree.ts';

const lenientHint = 'With --lenient this is a warning.';

const extensionHint = 'Anchors and notes of such a name have their place at the top of the file.';

/** Shorter words are near to too much to say where they belong. */
const minGuessLength = 8;

/** Without these a gateway starts, and serves nothing of what stands below them. */
const carriesRoutes: ReadonlySet<string> = new Set(['gateway', 'routes', 'backends']);

export type KeyCheck = {
  /** Where the keys of the whole configuration have their place. */
  readonly places: KeyPlaces;
  /** False with --lenient. */
  readonly strict: boolean;
};

export function checkKeys(
  node: TreeNode | undefined,
  shape: z.ZodType,
  problems: ProblemList,
  { places, strict }: KeyCheck,
): void {
  if (node !== undefined) new KeyWalk(places, strict, problems).walk(node, shape, true);
}

type Fields = Readonly<Record<string, z.ZodType>>;

class KeyWalk {
  readonly #places: KeyPlaces;
  readonly #strict: boolean;
  readonly #problems: ProblemList;
  readonly #trust: TrustWords;
  #unknown = 0;

  constructor(places: KeyPlaces, strict: boolean, problems: ProblemList) {
    this.#places = places;
    this.#strict = strict;
    this.#problems = problems;
    this.#trust = new TrustWords(places);
  }

  walk(node: TreeNode, shape: z.ZodType, atTop = false): void {
    const inner = unwrapShape(shape);
    if (node.kind === 'map' && inner instanceof z.ZodObject) this.#map(node, inner, atTop);
    if (node.kind === 'list' && inner instanceof z.ZodArray) {
      const element = inner.element;
      if (element instanceof z.ZodType) for (const item of node.items) this.walk(item, element);
    }
    if (node.kind === 'map' && inner instanceof z.ZodRecord && inner.valueType instanceof z.ZodType)
      for (const { value } of node.entries.values()) this.walk(value, inner.valueType);
  }

  #map(node: TreeMap, shape: z.ZodObject, atTop: boolean): void {
    const known = shape.shape as Fields;
    for (const [key, entry] of node.entries) {
      const field = Object.hasOwn(known, key) ? known[key] : undefined;
      if (field === undefined) {
        if (!isExtension(key, Object.keys(known), atTop)) this.#reportUnknown(key, entry, known, closed.has(shape));
        continue;
      }
      const what = support.get(field);
      if (readApart.has(field)) continue;
      if (what !== undefined || unwrapShape(field) instanceof z.ZodUnknown) this.#reportLost(key, entry.value);
      if (what === undefined) this.walk(entry.value, field);
      else if (asksForSomething(entry.value)) this.#reportUnsupported(key, entry.keyPlace, what);
    }
  }

  /** A key of ours that slid below one without effect. */
  #reportLost(around: string, value: TreeNode): void {
    const lost = this.#trust.findOurs(value);
    if (lost === undefined) return;
    const hint = sayPlaces(lost.word, this.#places.find(lost.word, value)).trim();
    const message = `the key ${quote(lost.word)} has no effect below ${around}; ignoring it would let more through than is meant`;
    this.#problems.error('misplaced_key', lost.place, message, hint);
  }

  #reportUnsupported(key: string, place: Place, { severity, consequence, hint }: Support): void {
    if (severity === 'warning')
      this.#problems.warn('unsupported_key', place, `${key} is not supported: ${consequence}`, hint);
    else
      this.#problems.error(
        'unsupported_key',
        place,
        `${key} is not supported by this version; ignoring it would ${consequence}`,
        hint,
      );
  }

  #reportUnknown(key: string, { keyPlace, value }: TreeEntry, known: Fields, isClosed: boolean): void {
    const message = `the key ${quote(key)} is not known here and has no effect`;
    // Beyond this no problem is shown; to say what is near to each costs.
    if (++this.#unknown > maxProblems) return this.#problems.error('unknown_key', keyPlace, message);
    const meant = this.#findMeant(key, value, Object.keys(known));
    const hint = meant?.hint ?? `Known here: ${namesOf(known)}.`;
    const why = this.#aboutTrust(key, value, meant, known);
    if (why !== undefined) this.#problems.error('unknown_key', keyPlace, `${message}; ${why}`, hint);
    else if (isClosed) this.#problems.error('unknown_key', keyPlace, message, hint);
    else if (this.#strict) this.#problems.error('unknown_key', keyPlace, message, `${hint} ${lenientHint}`);
    else this.#problems.warn('unknown_key', keyPlace, message, hint);
  }

  /** Why the key cannot be passed over; undefined where it can. */
  #aboutTrust(key: string, value: TreeNode, meant: Meant | undefined, known: Fields): string | undefined {
    const near = meant?.near;
    if (near !== undefined && (restricts(known[near]) || isTrustWord(near)))
      return `if ${near} is meant, ignoring it would open what it restricts`;
    if (near !== undefined && carriesRoutes.has(near) && findNearest(key, [near], 2) !== undefined)
      return `if ${near} is meant, nothing below it is served`;
    if (meant?.foreign === true || this.#trust.has(key)) return 'ignoring it would let more through than is meant';
    const below = this.#trust.findBelow(value);
    return (
      below &&
      `below it, in ${below.place.stored === undefined ? `line ${below.place.line}` : showPlace(below.place)}, stands ${quote(below.word)}, which is about trust`
    );
  }

  #findMeant(key: string, value: TreeNode, known: readonly string[]): Meant | undefined {
    const noted = key.startsWith('x-') ? known.find((one) => foldKey(one) === foldKey(key.slice(2))) : undefined;
    if (noted !== undefined) return { near: noted, hint: `Write ${noted}, or comment it out. ${extensionHint}` };
    const spelt = known.find((one) => foldKey(one) === foldKey(key));
    if (spelt !== undefined) return { near: spelt, hint: `Did you mean ${spelt}?` };
    const places = this.#places.find(key, value);
    const nearest = findNearest(key, known, 1);
    if (nearest !== undefined) return { near: nearest, hint: `Did you mean ${nearest}?${sayPlaces(key, places)}` };
    const foreign = findForeignWord(key);
    if (foreign !== undefined) return { foreign: true, hint: `Here it is ${foreign}.` };
    const short = findShorter(key, known);
    if (short !== undefined) return { near: short, hint: `Did you mean ${short}?` };
    if (places.length > 0) return { hint: sayPlaces(key, places).trim() };
    const near = findNearest(key, known);
    if (near !== undefined) return { near, hint: `Did you mean ${near}?` };
    const guess = key.length < minGuessLength ? undefined : findNearest(key, this.#places.names);
    const around = guess === undefined ? [] : this.#places.find(guess, value);
    return guess === undefined || around.length === 0 ? undefined : { hint: sayPlaces(guess, around).trim() };
  }
}

/** `key` for `clientKey`, and the other way round: the same word with and without what stands before it. */
function findShorter(key: string, known: readonly string[]): string | undefined {
  const ends = (long: string, short: string): boolean =>
    short.length > 2 && long.length > short.length && long.endsWith(short[0]?.toUpperCase() + short.slice(1));
  const found = known.filter((one) => ends(key, one) || ends(one, key));
  return found.length === 1 ? found[0] : undefined;
}

/** What a key was probably meant to be: a key that is known here, or what another product calls so. */
type Meant = { readonly near?: string; readonly foreign?: true; readonly hint: string };

function restricts(field: z.ZodType | undefined): boolean {
  return field !== undefined && declared.get(field)?.restricts === true;
}

/** Those that do something, and are not an old name of another. */
function namesOf(known: Fields): string {
  const names = Object.entries(known).filter(
    ([, field]) => !support.has(field) && declared.get(field)?.untold !== true,
  );
  return names.map(([name]) => name).join(', ');
}

/** ` tls has its place at gateway.tls.`, the likeliest place first; '' where there is none. */
function sayPlaces(key: string, [first, ...others]: readonly string[]): string {
  if (first === undefined) return '';
  const also = others.length === 0 ? '' : ` (or ${others.join(', ')})`;
  return ` ${key} has its place at ${first === key ? 'the top of the file' : first}${also}.`;
}

/**
 * Keys with `x-` in front hold anchors and notes, as in Compose files. At the top of a file they are free; further in, what
 * would be a key of ours without the `x-` is not taken for a note: somebody may believe that it works.
 */
function isExtension(key: string, known: readonly string[], atTop: boolean): boolean {
  if (!key.startsWith('x-')) return false;
  return atTop || !known.some((one) => foldKey(one) === foldKey(key.slice(2)));
}
