// A stream of server-sent events (WHATWG HTML, section 9.2): what was missed, then what comes, and a sign of life in between. Who
// does not keep up is let go, and comes back with the last event that he saw; who may not look any more is told so.
import type { Clock } from '../base/clock.ts';
import type { FeedEvent, HandshakeFeed } from './handshake-feed.ts';

export type EventStreamOptions = {
  readonly feed: Pick<HandshakeFeed, 'replay' | 'listen' | 'position'>;
  readonly clock: Pick<Clock, 'after'>;
  /** `Last-Event-ID`. */
  readonly after: string | undefined;
  /** False: it ends with what is there. */
  readonly follow: boolean;
  readonly wanted: (event: FeedEvent) => boolean;
  readonly show: (event: FeedEvent) => object;
  /** Rejects where whoever asked may not any more. */
  readonly stillMay: () => Promise<void>;
  /** Called once, when it is over. */
  readonly onEnd: () => void;
};

/** Unread bytes of one stream. */
const maxQueued = 256 * 1024;
export const checkMs = 1_000;
/** So many looks between two signs of life: what is in between must not take the silence for the end. */
const looksPerBeat = 15;
const retryMs = 2_000;

export function openEventStream(options: EventStreamOptions): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end: () => void = () => {};
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const stream = new EventStream(options, {
          send: (text) => controller.enqueue(encoder.encode(text)),
          isFull: () => (controller.desiredSize ?? 0) <= 0,
          close: () => controller.close(),
        });
        end = () => stream.end();
        stream.begin();
      },
      cancel: () => end(),
    },
    { highWaterMark: maxQueued, size: (piece) => piece?.length ?? 0 },
  );
}

type Sink = { send(text: string): void; isFull(): boolean; close(): void };

class EventStream {
  readonly #options: EventStreamOptions;
  readonly #sink: Sink;
  #unlisten: () => void = () => {};
  #cancelLook: () => void = () => {};
  #looks = 0;
  #isOver = false;

  constructor(options: EventStreamOptions, sink: Sink) {
    this.#options = options;
    this.#sink = sink;
  }

  begin(): void {
    const { feed, after, follow } = this.#options;
    const { events, missed } = feed.replay(after);
    this.#sink.send(`retry: ${retryMs}\n\n`);
    if (missed) this.#send('gap', { reason: 'Some were missed: ask for the list.' });
    for (const event of events) this.#tell(event);
    // An empty event moves the position of who listens, though nothing happened.
    if (events.length === 0) this.#sink.send(`id: ${feed.position}\nevent: ready\ndata: {}\n\n`);
    if (!follow) return this.#close();
    this.#unlisten = feed.listen((event) => this.#onEvent(event));
    this.#lookLater();
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#unlisten();
    this.#cancelLook();
    this.#options.onEnd();
  }

  #onEvent(event: FeedEvent): void {
    if (this.#sink.isFull()) this.#close();
    else this.#tell(event);
  }

  #tell(event: FeedEvent): void {
    if (this.#options.wanted(event)) this.#send('failure', this.#options.show(event), event.id);
  }

  #send(name: string, data: object, id?: string): void {
    this.#sink.send(`${id === undefined ? '' : `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  }

  #lookLater(): void {
    this.#cancelLook = this.#options.clock.after(checkMs, () => void this.#look());
  }

  async #look(): Promise<void> {
    try {
      await this.#options.stillMay();
    } catch {
      if (this.#isOver) return;
      this.#send('end', { reason: 'The session has ended, or may not see this any more.' });
      return this.#close();
    }
    if (this.#isOver) return;
    this.#looks += 1;
    if (this.#looks % looksPerBeat === 0) {
      if (this.#sink.isFull()) return this.#close();
      this.#sink.send(': still here\n\n');
    }
    this.#lookLater();
  }

  #close(): void {
    if (this.#isOver) return;
    this.end();
    this.#sink.close();
  }
}
