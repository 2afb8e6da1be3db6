// What this gateway has in common with the others on its store, put together. Loaded only where there is a store.
import type { Clock } from '../base/clock.ts';
import type { SharedTicketKey } from '../downstream/ticket-secret.ts';
import type { TicketTerms } from '../downstream/ticket-ring.ts';
import type { SharedRecords } from '../store/records.ts';
import type { Opener } from '../store/seal.ts';
import type { Logger } from '../telemetry/logger.ts';
import { SealedRecords } from './sealed-records.ts';
import { SharedFetches } from './shared-fetches.ts';
import { SharedStore } from './shared-store.ts';
import { SharedClients } from './shared-clients.ts';
import type { TrustRecordContents } from '../inventory/record-format.ts';
import { SharedTickets } from './shared-tickets.ts';

/** The key file is not read for each record; one that was changed is found soon. */
const openerKeptMs = 5_000;

export type SharingOptions = {
  readonly clock: Clock;
  /** Of this gateway, among others on the store. */
  readonly gateway: string;
  readonly read: () => Pick<SharedRecords, 'find' | 'list'> | undefined;
  /** Undefined where there is none. May throw a StoreProblem. */
  readonly opener: () => Opener | undefined;
};

/** What the primary sees to. */
export type SharingEvents = {
  readonly log: Logger;
  readonly ticketTerms: () => TicketTerms | undefined;
  /** Whom this gateway saw; undefined where it keeps no record. */
  readonly ownClients: () => Promise<TrustRecordContents | undefined>;
  readonly onTicketKeys: (keys: readonly SharedTicketKey[], rotationMs: number) => void;
};

export class Sharing {
  readonly store: SharedStore;
  readonly fetches: SharedFetches;
  readonly tickets: SharedTickets;
  readonly clients: SharedClients;
  #events: SharingEvents | undefined;

  constructor({ clock, gateway, read, opener }: SharingOptions) {
    const store = new SharedStore(clock, read);
    this.store = store;
    let kept: { readonly opener: Opener | undefined; readonly until: number } | undefined;
    const sealed = new SealedRecords({
      store,
      gateway,
      log: () => this.#events?.log,
      opener: () => {
        if (kept === undefined || clock.monotonic() >= kept.until)
          kept = { opener: opener(), until: clock.monotonic() + openerKeptMs };
        return kept.opener;
      },
    });
    this.fetches = new SharedFetches({ clock, store, sealed });
    this.clients = new SharedClients({ clock, store, sealed, own: async () => this.#events?.ownClients() });
    let hasKeys = false;
    this.tickets = new SharedTickets({
      clock,
      store,
      sealed,
      terms: () => this.#events?.ticketTerms(),
      onKeys: (keys, rotationMs) => {
        this.#events?.onTicketKeys(keys, rotationMs);
        if (!hasKeys && keys.length > 0)
          this.#events?.log.info({ keys: keys.length }, 'session ticket keys are shared with the other gateways');
        hasKeys = keys.length > 0;
      },
    });
  }

  /** To be said before anything is started. */
  reportTo(events: SharingEvents): void {
    this.#events = events;
  }

  start(): void {
    this.tickets.start();
    this.clients.start();
  }

  close(): void {
    this.tickets.close();
    this.clients.close();
  }
}
