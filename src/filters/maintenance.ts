// A route under maintenance answers every request itself, with the status and message of its configuration.
import { Fault } from '../base/fault.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterResult } from './filter.ts';

export class MaintenanceFilter implements Filter {
  readonly name = 'maintenance';
  readonly #answer: Answer;

  constructor({ statusCode, message }: { readonly statusCode: number; readonly message: string }) {
    const fields: [string, string][] = [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ];
    if (statusCode === 503) fields.push(['Retry-After', '5']);
    this.#answer = new Answer(statusCode, new FieldBlock(fields), `${message}\n`, new Fault('maintenance', 'gateway'));
  }

  onRequest(): FilterResult {
    return this.#answer;
  }
}
