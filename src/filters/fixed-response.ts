// An answer of the gateway's own, the same for every request that comes so far: in the place of backends, or as a middleware.
import type { FixedResponseConfig } from '../config/fixed-response.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterResult } from './filter.ts';

export class FixedResponseFilter implements Filter {
  readonly name: string;
  readonly #answer: Answer;

  constructor(name: string, { status, fields, body }: FixedResponseConfig) {
    this.name = name;
    this.#answer = new Answer(status, new FieldBlock(fields), body);
  }

  onRequest(): FilterResult {
    return this.#answer;
  }
}
