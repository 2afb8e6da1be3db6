// The story of a request: identify → count → route → authorize → filter → prepare → dispatch → relay → record, and refuse.
// Each step takes what the one before returned; steps throw a Fault or return; here stands the only try/catch.
import { Fault, toFault } from '../base/fault.ts';
import type { Exchange, RequestHandler } from '../http/exchange.ts';
import { answerAcmeChallenge } from './acme-challenge.ts';
import { authorize } from './authorize.ts';
import type { Client } from './client.ts';
import { dispatch } from './dispatch.ts';
import { filter } from './filter.ts';
import type { Filtering, FilteringOwner } from './filtering.ts';
import { answerHealth } from './health.ts';
import { identify } from './identify.ts';
import { countInFlight } from './in-flight.ts';
import { prepare } from './prepare.ts';
import { recordBadRequest } from './record.ts';
import { refuse } from './refuse.ts';
import { route } from './route.ts';
import type { Services } from './serving.ts';
import { RequestContext } from './request-context.ts';
import { answerSelfTest } from './self-test.ts';

const http2Version = 20;

/** Serves the requests of one client connection. */
export class Serve implements RequestHandler, FilteringOwner {
  readonly #client: Client;
  readonly #services: Services;

  constructor(client: Client, services: Services) {
    this.#client = client;
    this.#services = services;
  }

  onRequest(exchange: Exchange): void {
    const { useless } = this.#services;
    const isSuspect = useless.size > 0 && exchange.head.version === http2Version;
    const guilty = isSuspect ? useless.findGuilty(this.#client.peer, this.#isExempt) : undefined;
    if (guilty === undefined) this.#begin(exchange, undefined);
    else this.#delay(guilty, exchange);
  }

  /** It has flooded a moment ago. */
  #delay(client: string, exchange: Exchange): void {
    const goOn = (): void => {
      try {
        this.#begin(exchange, undefined);
      } catch (error) {
        this.#services.onDefect(error);
        exchange.abort();
      }
    };
    if (this.#services.slowLane.take(client, exchange, goOn)) return;
    const detail = 'it has flooded a moment ago, and more of its requests wait already than may';
    this.#begin(exchange, new Fault('http2_flood', 'client', { detail }));
  }

  /** `fault`: with which it is refused. */
  #begin(exchange: Exchange, fault: Fault | undefined): void {
    const context = new RequestContext(exchange, this.#client, this.#services.current(), this.#services);
    if (this.#client.peer.isSelfTest === true) return answerSelfTest(context);
    this.#services.metrics.active.inc();
    if (fault === undefined) this.#serve(context, undefined);
    else refuse(context, fault);
  }

  /** A filter has made the request wait: it goes on where it stopped, or is refused like any other. */
  onWaited(filtering: Filtering): void {
    this.#serve(filtering.context, filtering);
  }

  #serve(context: RequestContext, waited: Filtering | undefined): void {
    try {
      if (waited === undefined && (answerAcmeChallenge(context) || answerHealth(context))) return;
      const filtered =
        waited === undefined ? filter(authorize(route(countInFlight(identify(context)))), this) : waited.goOn();
      // Undefined: a filter has answered, or waits.
      if (filtered !== undefined) dispatch(prepare(filtered));
    } catch (error) {
      refuse(context, toFault(error));
    }
  }

  onUseless(): boolean {
    const { peer } = this.#client;
    return this.#services.useless.note(peer, this.#isExempt);
  }

  /** Many clients stand behind its address. */
  get #isExempt(): boolean {
    return this.#services.current().clientLimits.isExempt(this.#client.peer.remoteAddress);
  }

  /** One of its connections was ended: it will come again, as a rule at once. */
  #noteFlood(): void {
    const { useless, futile } = this.#services;
    const { peer } = this.#client;
    useless.noteFlood(peer, this.#isExempt);
    if (!this.#isExempt) futile.note(peer.remoteAddress);
  }

  onBadRequest(fault: Fault): void {
    try {
      if (fault.code === 'http2_flood') this.#noteFlood();
      recordBadRequest(this.#client, this.#services, fault);
    } catch (error) {
      this.#services.onDefect(error);
    }
  }
}
