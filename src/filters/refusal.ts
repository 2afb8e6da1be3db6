// What a filter throws where more than its code is to be told: a status of the configuration, fields that go with it.
import { Fault, type FaultCode, type FaultOptions, type FaultSource } from '../base/fault.ts';
import { FieldBlock } from '../http/field.ts';

export type RefusalOptions = FaultOptions & {
  /** Of the answer, where it is not that of the code. */
  readonly status?: number;
  /** Besides those of every problem document: WWW-Authenticate, Retry-After, … */
  readonly fields?: FieldBlock;
};

export class Refusal extends Fault {
  readonly fields: FieldBlock;
  readonly #status: number | undefined;

  constructor(code: FaultCode, source: FaultSource, options: RefusalOptions = {}) {
    super(code, source, options);
    this.fields = options.fields ?? FieldBlock.empty;
    this.#status = options.status;
  }

  override get status(): number {
    return this.#status ?? super.status;
  }
}
