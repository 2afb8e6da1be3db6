// The wire format of protocol buffers, as far as the messages of the Workload API need it: a walk over the fields of one message. A
// dependency that compiles descriptions would be larger than the messages. Throws RangeError for what is no message.

export type ProtoField = {
  readonly number: number;
  /** Of strings, bytes and messages; undefined for numbers, which none of our messages has. */
  readonly bytes: Buffer | undefined;
};

/** The fields in the order in which they stand; unknown ones are for the caller to pass over. */
export function* readFields(message: Buffer): Generator<ProtoField, void, undefined> {
  for (let at = 0; at < message.length; ) {
    const tag = readVarint(message, at);
    at = tag.next;
    const [number, wire] = [Math.floor(tag.value / 8), tag.value % 8];
    if (number === 0) throw new RangeError('a field without a number');
    if (wire === 0) at = readVarint(message, at).next;
    else if (wire === 1) at += 8;
    else if (wire === 5) at += 4;
    else if (wire === 2) {
      const length = readVarint(message, at);
      at = length.next + length.value;
      if (at > message.length) throw new RangeError('a field that is longer than its message');
      yield { number, bytes: message.subarray(length.next, at) };
      continue;
    } else throw new RangeError('a field of a kind that is not used any more');
    if (at > message.length) throw new RangeError('a field that is longer than its message');
    yield { number, bytes: undefined };
  }
}

function readVarint(message: Buffer, start: number): { readonly value: number; readonly next: number } {
  let value = 0;
  for (let at = start; at < Math.min(message.length, start + 10); at += 1) {
    const byte = message[at] as number;
    value += (byte & 0x7f) * 2 ** (7 * (at - start));
    if (byte < 0x80) return { value, next: at + 1 };
  }
  throw new RangeError('a number without an end');
}
