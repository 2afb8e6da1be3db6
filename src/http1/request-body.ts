// The body of the request that is being read: its pieces go to whoever takes them, within the limits, or are thrown away where
// the request is answered already.
import { Fault } from '../base/fault.ts';
import type { BodyLength } from '../http/exchange.ts';
import type { FieldNames } from '../http/field.ts';
import type { HttpLimits } from '../http/limits.ts';
import { BodyReader } from './body-reader.ts';
import type { ConnectionTimers } from '../http/connection-timers.ts';
import type { ServerExchange } from './server-exchange.ts';
import type { SocketInput } from './socket-input.ts';

/** Request body read and thrown away after its answer, so that the connection can be used again. */
const maxDiscardedBytes = 65_536;

export class RequestBody {
  readonly #reader: BodyReader;
  readonly #input: SocketInput;
  readonly #timers: ConnectionTimers;
  /** Bytes that may still be thrown away. */
  #mayDiscard = 0;

  constructor(names: FieldNames, limits: HttpLimits, input: SocketInput, timers: ConnectionTimers) {
    this.#reader = new BodyReader(names, limits);
    this.#input = input;
    this.#timers = timers;
  }

  begin(length: BodyLength): void {
    this.#reader.begin(length);
  }

  /** Reads one piece for the exchange's sink, or the end. A Fault where the body broke a rule or a limit. */
  deliver(exchange: ServerExchange, buffer: Buffer): Fault | undefined {
    const reader = this.#reader;
    this.#input.advance(buffer, reader.read(buffer, this.#input.at));
    const { data, error, done } = reader;
    if (done) this.#end(exchange);
    else this.#timers.awaitBody();
    if (data !== undefined && data.length > 0) {
      exchange.receivedBytes += data.length;
      const { maxBodyBytes } = exchange;
      if (maxBodyBytes > 0 && exchange.receivedBytes > maxBodyBytes) return new Fault('body_too_large', 'client');
      exchange.sink?.onRequestBody(data);
    }
    if (error !== undefined && !exchange.isOver) {
      return new Fault(error.code, 'client', { detail: error.detail });
    }
    if (done && exchange.sink !== undefined) {
      if (exchange.isFlowing) exchange.sink.onRequestEnd(reader.trailers);
      else exchange.heldEnd = { trailers: reader.trailers };
    }
    return undefined;
  }

  /** The request is answered: from now on its rest is thrown away. False where that would be too much. */
  beginDiscard(): boolean {
    const { left } = this.#reader;
    if (left !== Infinity && left > maxDiscardedBytes) return false;
    this.#mayDiscard = maxDiscardedBytes;
    // Whatever the flow had waited for: from now on the client must keep sending.
    this.#timers.awaitBody();
    return true;
  }

  /** Throws one piece away, or the end; false where it broke a rule, or is too much. */
  discard(exchange: ServerExchange, buffer: Buffer): boolean {
    const reader = this.#reader;
    this.#input.advance(buffer, reader.read(buffer, this.#input.at));
    this.#mayDiscard -= reader.data?.length ?? 0;
    if (reader.error !== undefined || this.#mayDiscard < 0) return false;
    if (reader.done) this.#end(exchange);
    return true;
  }

  #end(exchange: ServerExchange): void {
    exchange.requestDone = true;
    this.#timers.awaitNothing();
  }
}
