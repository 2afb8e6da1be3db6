// A route under maintenance answers every request itself, with the status and message of its configuration.
import { Fault } from '../base/fault.ts';
import { FieldBlock } from '../http/field.ts';
import { Answer, type Filter, type FilterResult } from './filter.ts';

export class MaintenanceFilter implements Filter {
  readonly name = 'maintenance';
  readonly #status: number;
  readonly #fields: FieldBlock;
  readonly #body: string;

  constructor({ statusCode, message }: { readonly statusCode: number; readonly message: string }) {
    const fields: [string, string][] = [
      ['Content-Type', 'text/plain; charset=utf-8'],
      ['Cache-Control', 'no-store'],
    ];
    if (statusCode === 503) fields.push(['Retry-After', '5']);
    this.#status = statusCode;
    this.#fields = new FieldBlock(fields);
    this.#body = `${message}\n`;
  }

  onRequest(): FilterResult {
    // One fault for all would keep alive, by its stack, what was at hand when its configuration was compiled: secrets of tickets too.
    return new Answer(this.#status, this.#fields, this.#body, new Fault('maintenance', 'gateway'));
  }
}
