// The head of an answer while the filters of its route change it: of a backend's, or the fields of one of the gateway's own.
import { FieldEdits } from '../filters/field-edits.ts';
import { type BodyEncoder, checkStatus, type FilterResponse } from '../filters/filter.ts';
import { chunkedBody, type ResponseHead } from '../http/exchange.ts';
import { FieldBlock, FieldNames, Fields } from '../http/field.ts';

export class ResponseEdits implements FilterResponse {
  readonly isOwn = false;
  readonly fields: FieldEdits;
  /** What a filter wants the body to pass through. */
  makeEncoder: (() => BodyEncoder) | undefined;
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

  get bodyLength(): number {
    return this.#received.bodyLength;
  }

  encode(make: () => BodyEncoder): void {
    if (this.makeEncoder !== undefined) throw new TypeError('the body is encoded already');
    this.makeEncoder = make;
  }

  get head(): ResponseHead {
    const { status, reason } = this.#received;
    const same = this.#status === status;
    const isEncoded = this.makeEncoder !== undefined;
    const bodyLength = isEncoded ? chunkedBody : this.#received.bodyLength;
    const announcedLength = isEncoded ? -1 : this.#received.announcedLength;
    return {
      status: this.#status,
      reason: same ? reason : '',
      fields: this.fields.current,
      bodyLength,
      announcedLength,
    };
  }
}

/** An informational answer as far as it says what it is for: filters see the answer itself, not what is said before it. */
export function hintsOf(head: ResponseHead): ResponseHead {
  const fields = new Fields();
  head.fields.names.forEach((name, at) => {
    if (name.lower === 'link') fields.push(name, head.fields.values[at] ?? '');
  });
  return { ...head, fields };
}

/** Its status is what it answers the request with: no filter changes it. */
export class OwnAnswerEdits implements FilterResponse {
  readonly isOwn = true;
  readonly bodyLength = 0;
  readonly status: number;
  readonly fields: FieldEdits;

  constructor(status: number, { pairs }: FieldBlock) {
    this.status = status;
    const names = new FieldNames(pairs.length);
    const fields = new Fields();
    for (const [text, value] of pairs) {
      const name = names.find(text);
      if (name !== undefined) fields.push(name, value);
    }
    this.fields = new FieldEdits(fields);
  }

  encode(): never {
    throw new TypeError('no answer of the gateway itself is encoded');
  }

  /** Of the body that takes the place of its own. */
  describeBody({ pairs }: FieldBlock): void {
    const [text, value] = pairs.find(([name]) => name.toLowerCase() === 'content-type') ?? ['', ''];
    const name = new FieldNames(1).find(text);
    if (name !== undefined) this.fields.set(name, value);
  }

  get block(): FieldBlock {
    const { names, values } = this.fields.current;
    return new FieldBlock(names.map(({ raw }, at) => [raw, values[at] ?? '']));
  }
}
