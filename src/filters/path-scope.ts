// `paths` of a filter: which requests of its route it is about. A filter that guards is about a request as soon as any server
// could read one of the paths in it (http/path-readings.ts), so that no spelling gets around it.
import type { PathEntry } from '../config/filter-type.ts';
import { isPlainPath, readPath } from '../http/path-readings.ts';

/** A longer path is looked at by no regular expression (config/safe-regex.ts): it counts as meant. */
const maxMatched = 512;

export class PathScope {
  readonly #exact = new Set<string>();
  readonly #prefixes: readonly string[];
  readonly #patterns: readonly RegExp[];
  readonly #guards: boolean;

  /** `guards`: whoever gets around it gets more. */
  constructor(entries: readonly PathEntry[], guards: boolean) {
    for (const entry of entries) if (entry.kind === 'exact') this.#exact.add(entry.path);
    this.#prefixes = entries.flatMap((entry) => (entry.kind === 'prefix' ? [entry.path] : []));
    this.#patterns = entries.flatMap((entry) => (entry.kind === 'regex' ? [new RegExp(entry.pattern, 'i')] : []));
    this.#guards = guards;
  }

  /** `path`: normalised. */
  has(path: string): boolean {
    if (this.#fits(path) || this.#fits(decoded(path))) return true;
    if (!this.#guards || isPlainPath(path)) return false;
    const readings = readPath(path);
    // Readings have no slash at their end, whether the path has one or not; `paths` may.
    return readings === undefined || readings.folded.some((text) => this.#fits(text) || this.#fits(`${text}/`));
  }

  #fits(path: string): boolean {
    const lower = path.toLowerCase();
    if (this.#exact.has(lower) || this.#exact.has(trimmed(lower))) return true;
    if (this.#prefixes.some((prefix) => lower.startsWith(prefix) || `${lower}/` === prefix)) return true;
    if (this.#patterns.length === 0) return false;
    return path.length > maxMatched || this.#patterns.some((pattern) => pattern.test(path));
  }
}

function trimmed(path: string): string {
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** As Goma compares: decoded. What is no UTF-8 stays as it is. */
function decoded(path: string): string {
  if (!path.includes('%')) return path;
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
