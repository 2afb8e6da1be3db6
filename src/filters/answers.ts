// The filter that answers in the place of a backend whose answer is an error.
import { STATUS_CODES } from '../base/node-http.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterResponse, type FilterResult } from './filter.ts';
import type { FilterMaterial } from './material.ts';

type Config<K> = Extract<FilterConfig, { readonly kind: K }>;

/** What a status means nothing without, so that it stays: the way to log in, when to come back, what else is served. */
const needed = ['WWW-Authenticate', 'Retry-After', 'Allow'];

export class ErrorInterceptorFilter implements Filter {
  readonly name: string;
  readonly alsoOwnAnswers = true;
  readonly #answers: ReadonlyMap<number, Answer>;

  /** Throws where the text of a file is not there: nothing of the backend's is to be seen in its place. */
  constructor({ name, errors }: Config<'errorInterceptor'>, { pages = {} }: FilterMaterial) {
    this.name = name;
    this.#answers = new Map(
      errors.map(({ status, body, file, contentType }) => {
        const text = body ?? (file === undefined ? `${status} ${STATUS_CODES[status] ?? ''}\n` : pages[file.path]);
        if (text === undefined) throw new RangeError(`the file for status ${status} was not read`);
        const fields = new FieldBlock([
          ['Content-Type', contentType],
          ['Cache-Control', 'no-store'],
        ]);
        return [status, new Answer(status, fields, text)];
      }),
    );
  }

  onRequest(): FilterResult {
    return 'pass';
  }

  onResponse({ status, isOwn, fields }: FilterResponse): Answer | void {
    const answer = this.#answers.get(status);
    if (answer === undefined || isOwn) return answer;
    const asked = needed.flatMap((name): [string, string][] => {
      const value = fields.find(name.toLowerCase());
      return value === undefined ? [] : [[name, value]];
    });
    if (asked.length === 0) return answer;
    return new Answer(status, new FieldBlock([...answer.fields.pairs, ...asked]), answer.body);
  }
}
