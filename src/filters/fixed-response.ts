// A route without backends: its answer is the gateway's own, the same for every request that comes so far.
import type { FixedResponseConfig } from '../config/gateway-config.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterResult } from './filter.ts';

export class FixedResponseFilter implements Filter {
  readonly name = 'response';
  readonly #answer: Answer;

  constructor({ status, fields, body }: FixedResponseConfig) {
    this.#answer = new Answer(status, new FieldBlock(fields), body);
  }

  onRequest(): FilterResult {
    return this.#answer;
  }
}
