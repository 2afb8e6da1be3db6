// The matches of a pattern in a path, replaced by text and groups (config/replacement.ts). Both a value that is too long to be
// looked at and a result that is too long to be sent are refused: which of the two a rule meant for them nobody knows.
import { Fault } from '../base/fault.ts';
import type { ReplacementConfig } from '../config/replacement.ts';

/** What most servers take of a request line. */
const maxResult = 8_192;

export class Replacement {
  readonly #pattern: RegExp;
  readonly #parts: ReplacementConfig['parts'];
  readonly #maxInput: number;
  readonly #middleware: string;

  constructor({ pattern, parts, maxInput }: ReplacementConfig, middleware: string) {
    this.#pattern = new RegExp(pattern, 'g');
    this.#parts = parts;
    this.#maxInput = maxInput;
    this.#middleware = middleware;
  }

  /** Undefined where nothing matches. Faults: uri_too_long. */
  apply(value: string): string | undefined {
    if (value.length > this.#maxInput) throw this.#tooLong();
    let result = '';
    let end = 0;
    let isFound = false;
    for (const match of value.matchAll(this.#pattern)) {
      isFound = true;
      result += value.slice(end, match.index);
      for (const part of this.#parts) result += typeof part === 'string' ? part : (match[part] ?? '');
      if (result.length > maxResult) throw this.#tooLong();
      end = match.index + match[0].length;
    }
    return isFound ? result + value.slice(end) : undefined;
  }

  #tooLong(): Fault {
    return new Fault('uri_too_long', 'client', {
      detail: `too long for the pattern of middleware ${this.#middleware}`,
    });
  }
}
