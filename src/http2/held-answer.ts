// The head of an answer that is not sent yet, and a small piece of the body behind it: both go out together, and can be taken back until
// then.
import type { ResponseHead } from '../http/exchange.ts';
import type { FieldBlock } from '../http/field.ts';

/** A first piece of an answer up to this size waits with its head for the end of the turn. */
export const mostHeldBytes = 8192;

export class HeldAnswer {
  readonly head: ResponseHead;
  readonly extra: FieldBlock;
  body: Buffer | undefined;

  constructor(head: ResponseHead, extra: FieldBlock) {
    this.head = head;
    this.extra = extra;
  }

  get isHeadAlone(): boolean {
    return this.body === undefined || this.body.length === 0;
  }

  /** The Content-Length of the answer, or, where it has no body (`bodyless`), of the one that GET would get; negative where there is none. */
  announced(bodyless: boolean): number {
    const { status, bodyLength, announcedLength } = this.head;
    if (!bodyless) return bodyLength;
    if (status === 204) return -1;
    return announcedLength >= 0 || bodyLength <= 0 ? announcedLength : bodyLength;
  }
}
