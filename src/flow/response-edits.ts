// The head of a backend's answer while the filters of its route change it.
import { FieldEdits } from '../filters/field-edits.ts';
import { checkStatus, type FilterResponse } from '../filters/filter.ts';
import type { ResponseHead } from '../http/exchange.ts';

export class ResponseEdits implements FilterResponse {
  readonly fields: FieldEdits;
  readonly #received: ResponseHead;
  #status: number;

  constructor(received: ResponseHead) {
    this.fields = new FieldEdits(received.fields);
    this.#received = received;
    this.#status = received.status;
  }

  get status(): number {
    return this.#status;
  }

  set status(status: number) {
    checkStatus(status);
    this.#status = status;
  }

  get head(): ResponseHead {
    const { status, reason, bodyLength, announcedLength } = this.#received;
    const same = this.#status === status;
    return {
      status: this.#status,
      reason: same ? reason : '',
      fields: this.fields.current,
      bodyLength,
      announcedLength,
    };
  }
}
