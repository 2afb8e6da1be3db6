// A span in the JSON encoding of OTLP (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids as hexadecimal digits, 64-bit
// numbers as text. Made at once when a request is over, so that nothing of the request is held.
import { jsonText } from './log-escape.ts';

export const spanKinds = { server: 2, client: 3 } as const;

export type Span = {
  readonly traceId: string;
  readonly spanId: string;
  /** '' for the first of a trace. */
  readonly parentId: string;
  readonly traceState: string;
  readonly kind: keyof typeof spanKinds;
  readonly name: string;
  /** Milliseconds since the epoch, with what is below them. */
  readonly startedAt: number;
  readonly endedAt: number;
  /** Fragment of JSON: attributes in the order in which they are given (`SpanAttributes`). */
  readonly attributes: string;
  readonly isError: boolean;
};

/** Characters of a text that a span carries. */
const maxText = 1024;
const maxValues = 32;

/** Attributes as they stand in the list of a span, separated by commas; what is undefined or '' is not there. */
export class SpanAttributes {
  text = '';

  constructor(begin = '') {
    this.text = begin;
  }

  string(name: string, value: string | undefined): this {
    return value === undefined || value === '' ? this : this.#add(name, `"stringValue":${jsonText(value, maxText)}`);
  }

  integer(name: string, value: number | undefined): this {
    return value === undefined ? this : this.#add(name, `"intValue":"${Math.trunc(value)}"`);
  }

  strings(name: string, values: readonly string[]): this {
    if (values.length === 0) return this;
    const items = values.slice(0, maxValues).map((value) => `{"stringValue":${jsonText(value, maxText)}}`);
    return this.#add(name, `"arrayValue":{"values":[${items.join(',')}]}`);
  }

  #add(name: string, value: string): this {
    this.text += `${this.text === '' ? '' : ','}{"key":"${name}","value":{${value}}}`;
    return this;
  }
}

export function spanText(span: Span): string {
  const { traceId, spanId, parentId, traceState, kind, name, startedAt, endedAt, attributes, isError } = span;
  const parent = parentId === '' ? '' : `,"parentSpanId":"${parentId}"`;
  const state = traceState === '' ? '' : `,"traceState":${jsonText(traceState, maxText)}`;
  const status = isError ? ',"status":{"code":2}' : '';
  return (
    `{"traceId":"${traceId}","spanId":"${spanId}"${parent}${state},"kind":${spanKinds[kind]}` +
    `,"name":${jsonText(name, maxText)},"startTimeUnixNano":"${nanoseconds(startedAt)}"` +
    `,"endTimeUnixNano":"${nanoseconds(Math.max(startedAt, endedAt))}","attributes":[${attributes}]${status}}`
  );
}

/** A double cannot hold that many digits. */
function nanoseconds(ms: number): string {
  const whole = Math.floor(ms);
  return `${whole}${String(Math.floor((ms - whole) * 1e6)).padStart(6, '0')}`;
}
