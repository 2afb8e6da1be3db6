// X-Request-Id: whose is kept, how it looks, and how an answer carries the one that counts.
import type { ResponseHead } from '../http/exchange.ts';
import { FieldBlock, FieldNames, Fields } from '../http/field.ts';

/** `keepFrom`: whose is kept; `verified`: also of clients with a certificate that passed. `respond`: answers carry it. */
export type RequestIdRules = {
  readonly keepFrom: 'proxies' | 'verified' | 'everybody';
  readonly respond: boolean;
};

const kept = /^[A-Za-z0-9._:+/=@-]{1,64}$/;
const lowerName = 'x-request-id';

/** A client's own id, where it is short and plain. */
export function findRequestId(fields: Fields): string | undefined {
  const given = fields.find(lowerName);
  return given !== undefined && kept.test(given) ? given : undefined;
}

/** A FieldBlock that checks nothing: an id is ours, or was checked before (findRequestId). */
export class RequestIdBlock implements FieldBlock {
  readonly #id: string;

  constructor(id: string) {
    this.#id = id;
  }

  get text(): string {
    return `X-Request-Id: ${this.#id}\r\n`;
  }

  get pairs(): readonly (readonly [string, string])[] {
    return [['X-Request-Id', this.#id]];
  }
}

/** The fields of an answer of ours, with the id in place of one that is among them. */
export function withRequestId(block: FieldBlock, id: string): FieldBlock {
  const own = new RequestIdBlock(id);
  const isOther = ([name]: readonly [string, string]): boolean => name.toLowerCase() !== lowerName;
  const others = block.pairs.every(isOther) ? block : new FieldBlock(block.pairs.filter(isOther));
  return { text: others.text + own.text, pairs: [...others.pairs, ...own.pairs] };
}

/** The head of a backend's answer without an id of its own: what it got from us counts, and clients read one. */
export function withoutRequestId(head: ResponseHead): ResponseHead {
  return head.fields.find(lowerName) === undefined ? head : { ...head, fields: copyOthers(head.fields) };
}

/** The head by which a backend agrees to another protocol, which has no room for fields beside its own. */
export function switchWithRequestId(head: ResponseHead, id: string): ResponseHead {
  const fields = copyOthers(head.fields);
  const name = new FieldNames(0).find('X-Request-Id');
  if (name !== undefined) fields.push(name, id);
  return { ...head, fields };
}

function copyOthers({ names, values }: Fields): Fields {
  const fields = new Fields();
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    if (name !== undefined && name.lower !== lowerName) fields.push(name, values[i] ?? '');
  }
  return fields;
}
