// Several gateways' shares in one store, in this process: each with a publisher of CRLs of its own, as its primary has it.
import { systemClock } from '../../src/base/clock.ts';
import { locateStore } from '../../src/config/store-location.ts';
import { CrlPublisher } from '../../src/crl/publisher.ts';
import { actOnRecord } from '../../src/control/act-on-record.ts';
import { openStore } from '../../src/loading/open-store.ts';
import { makeStoreOnce } from '../../src/loading/open-store-source.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import type { TrustRecordContents } from '../../src/inventory/record-format.ts';
import { Sharing } from '../../src/sharing/sharing.ts';
import type { Opener } from '../../src/store/seal.ts';
import type { Store } from '../../src/store/store.ts';
import type { Logger } from '../../src/telemetry/logger.ts';
import { openTempDir, type TempDir } from './temp.ts';

export type Line = Readonly<Record<string, unknown>>;

export type Member = {
  readonly sharing: Sharing;
  readonly crls: CrlPublisher;
  /** What it logged. */
  readonly lines: Line[];
  /** Its `control` is there, or not. */
  connect(isThere: boolean): void;
};

export type SharingBench = {
  readonly dir: TempDir;
  /** As `gateway.store.url` of a file in `dir` has it. */
  readonly url: string;
  readonly store: Store;
  readonly opener: Opener;
  /** `own`: whom it saw. */
  member(gateway: string, own?: () => TrustRecordContents | undefined): Member;
  [Symbol.asyncDispose](): Promise<void>;
};

/** In a file, or in the database of this URL. */
export async function openSharingBench(database?: string): Promise<SharingBench> {
  const dir = openTempDir('sharing');
  const url = database ?? 'sqlite:store.db';
  const location = locateStore(url, undefined, dir.file('gateway.yml'));
  if ('problem' in location) throw new Error(location.problem);
  await makeStoreOnce(location, systemClock);
  const opener = readOpener(location);
  if (opener === undefined) throw new Error('the store has no opening key');
  const store = await openStore(location, { access: 'write', clock: systemClock, as: 'control' });
  const members: Member[] = [];
  return {
    dir,
    url,
    store,
    opener,
    member(gateway, own = () => undefined) {
      const lines: Line[] = [];
      const write = (first: object | string, msg?: string): void =>
        void lines.push(typeof first === 'string' ? { msg: first } : { ...first, msg });
      const log: Logger = { trace: write, debug: write, info: write, warn: write, error: write, child: () => log };
      const sharing = new Sharing({ clock: systemClock, gateway, read: () => store.records, opener: () => opener });
      sharing.reportTo({
        log,
        ticketTerms: () => undefined,
        ownClients: async () => own(),
        onTicketKeys: () => {},
      });
      const writeRecord = async (id: number, act: Parameters<typeof actOnRecord>[1]): Promise<void> =>
        sharing.store.written(id, await actOnRecord(store.records, act));
      const crls = new CrlPublisher({ clock: systemClock });
      crls.reportTo({ log, onChange: () => {} });
      crls.shareBy(sharing.fetches);
      const member: Member = {
        sharing,
        crls,
        lines,
        connect: (isThere) =>
          sharing.store.connect(isThere ? { writeRecord: (id, act) => void writeRecord(id, act) } : undefined),
      };
      member.connect(true);
      members.push(member);
      return member;
    },
    async [Symbol.asyncDispose]() {
      for (const { sharing, crls } of members) {
        sharing.close();
        crls.close();
      }
      await store.close();
      dir.remove();
    },
  };
}
