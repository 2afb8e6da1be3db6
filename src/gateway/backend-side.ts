// What one worker has once for all its connections to backends, over all generations; each generation opens its pools on it.
import type { Clock } from '../base/clock.ts';
import type { Deadlines } from '../base/deadline.ts';
import { BufferPool } from '../http/buffer-pool.ts';
import type { FieldNames } from '../http/field.ts';
import { defaultHttpLimits } from '../http/limits.ts';
import { ReadBuffers } from '../http/read-buffer.ts';
import type { TurnEnd } from '../http/turn-end.ts';
import type { Http2Shared } from '../http2/shared.ts';
import { DialTurns } from '../upstream/dial-turns.ts';
import type { DrainingPool } from '../upstream/dependencies.ts';
import { Pools } from '../upstream/pools.ts';
import type { Intermediates } from '../trust/intermediates.ts';
import { BackendProtocols, http2Protocol } from '../upstream/protocols.ts';
import type { WorkerServices } from './worker-services.ts';

export type BackendSideOptions = {
  readonly clock: Clock;
  readonly deadlines: Deadlines;
  readonly names: FieldNames;
  readonly turn: TurnEnd;
  readonly http2: Http2Shared;
  readonly intermediates: Intermediates;
};

export class BackendSide {
  readonly #options: BackendSideOptions;
  readonly #readBuffers = new ReadBuffers();
  readonly #buffers = new BufferPool();
  readonly #protocols = new BackendProtocols([http2Protocol]);
  readonly #dials = new DialTurns();
  readonly #draining = new Set<DrainingPool>();

  constructor(options: BackendSideOptions) {
    this.#options = options;
  }

  /** What of `before` is the same is taken over, so that warm connections survive. */
  openPools({ reports, budget, resolver }: WorkerServices, before: Pools | undefined): Pools {
    return new Pools(
      {
        ...this.#options,
        random: Math.random,
        resolver,
        limits: defaultHttpLimits,
        readBuffers: this.#readBuffers,
        buffers: this.#buffers,
        protocols: this.#protocols,
        dials: this.#dials,
        draining: this.#draining,
        events: reports,
      },
      budget,
      before,
    );
  }
}
