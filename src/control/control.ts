// The control process: opens the store, serves the API. Forked by the primary and ended with it; nothing that serves traffic
// waits for it. Loaded by fork(), so this module does its work when it is imported.
import { systemClock } from '../base/clock.ts';
import { Turns } from '../base/turns.ts';
import { openExistingStore } from '../loading/open-store.ts';
import type { Store } from '../store/store.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { createLogger, type OpenLogger } from '../telemetry/logger.ts';
import type { Alerts } from './alerts.ts';
import { type Api, createApi } from './api.ts';
import { CertificateSessions } from './certificate-sessions.ts';
import { ChangeQueue } from './change-queue.ts';
import type { ControlContext } from './control-context.ts';
import { GatewayReports } from './gateway-report.ts';
import { findBehind } from './behind.ts';
import { Fleet } from './fleet.ts';
import { builtConsole, openSite } from './console-site.ts';
import type { EvidenceSources } from './evidence.ts';
import { HandshakeFeed } from './handshake-feed.ts';
import { LateApi } from './late-api.ts';
import { LoginLimits } from './login-limits.ts';
import { type ControlStart, type FromControl, requestsFd, type ToControl } from './messages.ts';
import { openAlerts } from './open-alerts.ts';
import { OpenStreams } from './open-streams.ts';
import { operations } from './operations.ts';
import { Passwords } from './passwords.ts';
import { PrimaryLine } from './primary-line.ts';
import { remember } from './remember.ts';
import { serveRequests } from './serve-requests.ts';
import { SignIn } from './sign-in.ts';
import { actOnRecord } from './act-on-record.ts';
import type { RecordAct, RecordOutcome } from '../sharing/shared-store.ts';
import { StoredHead } from './stored-head.ts';
import { RowWatch } from './row-watch.ts';
import { timeOf } from './times.ts';
import { offerSetup } from './setup-link.ts';

type WriteRecord = (act: RecordAct) => Promise<RecordOutcome>;

/** Asking has every worker tell what it saw. */
const clientsKeptMs = 1_000;

let log: OpenLogger | undefined;
let writeRecord: WriteRecord | undefined;
/** None comes before we said that we take them. */
let report: () => void = () => {};
let takeFailures: HandshakeFeed['take'] = async () => {};
const line = new PrimaryLine((message) => say(message), systemClock);

function say(message: FromControl): void {
  if (process.connected) process.send?.(message);
}

async function start(given: ControlStart): Promise<void> {
  const own = createLogger({ ...given.log, whenClosed: 'stderr', base: { process: 'control' } });
  log = own;
  const sources: EvidenceSources = {
    clock: systemClock,
    view: async () => line.view(),
    status: async () => line.ask('status', null),
    clients: remember(async () => line.ask('clients', null), clientsKeptMs, systemClock),
    fleet: {
      read: async () => {
        if (fleet === undefined) throw new StoreProblem('closed', 'the store is not open yet');
        return fleet.read();
      },
    },
  };
  let store: Store | undefined;
  let fleet: Fleet | undefined;
  const onFleet = (opened: Fleet): void => void (fleet = opened);
  const alerts = openAlerts({
    gateway: given.gateway,
    clock: systemClock,
    log: own,
    ask: async (topic, asked) => line.ask(topic, asked),
    sources,
    store: () => store,
    onFiring: (firing) => say({ kind: 'firing', firing }),
  });
  const open = async (): Promise<Api> => {
    try {
      store = await openStore(given);
      return await openApi(given, { log: own, store, sources, alerts, onFleet });
    } catch (error) {
      store = undefined;
      if (error instanceof StoreProblem) alerts.desk.noteStoreProblem(error);
      throw error;
    }
  };
  const api = new LateApi(open, systemClock, own);
  alerts.desk.start();
  serveRequests(requestsFd, { api, site: openSite(builtConsole) }, () => process.exit(0));
  try {
    await api.start();
  } catch (error) {
    own.error({ err: error }, 'the control process cannot start: please report this');
    process.exit(1);
  }
}

/** Rejects with a StoreProblem where the store cannot be opened. */
async function openStore({ store: address }: ControlStart): Promise<Store> {
  // The primary made it, once: one that has gone is not to be replaced by an empty one.
  return openExistingStore(address, { clock: systemClock, as: 'control' });
}

type Around = {
  readonly log: OpenLogger;
  readonly store: Store;
  readonly sources: EvidenceSources;
  readonly alerts: Alerts;
  readonly onFleet: (fleet: Fleet) => void;
};

/** Rejects with a StoreProblem where it cannot be read; then it is closed. */
async function openApi(given: ControlStart, { log: own, store, sources, alerts, onFleet }: Around): Promise<Api> {
  const { url, gateway, verifyEveryMs } = given;
  const instance = { ...given.instance, url, startedAt: timeOf(given.instance.startedAt) };
  // A file that can be opened and not read is found here, not by who asks first.
  const setup = await offerSetup(store, url, systemClock).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const turns = new Turns();
  const feed = new HandshakeFeed({ gateway, failures: store.handshakeFailures, clock: systemClock, log: own });
  const { status, view } = sources;
  const about = { status, view, clock: systemClock, instance, gateway, log: own, store };
  const reports = new GatewayReports(about, systemClock);
  const fleet = new Fleet({ store, clock: systemClock, own: { gateway, report: async () => reports.read() } });
  onFleet(fleet);
  const context: ControlContext = {
    clock: systemClock,
    log: own,
    store,
    passwords: new Passwords(),
    limits: new LoginLimits(systemClock),
    certificateSessions: new CertificateSessions(systemClock, store.audit),
    signIn: new SignIn(async (topic) => line.ask(topic, null), systemClock),
    gateway,
    instance,
    fleet,
    view: sources.view,
    status: sources.status,
    clients: sources.clients,
    ask: async (topic, asked) => line.ask(topic, asked),
    inTurn: async (act) => turns.take(act),
    drift: (report) => say({ kind: 'drift', report }),
    alerts,
    handshakes: feed,
    streams: new OpenStreams(),
    stored: new StoredHead(store),
    changes: new ChangeQueue(),
  };
  takeFailures = async (report) => feed.take(report);
  say({ kind: 'taken' });
  const { drift } = context;
  new RowWatch({ store, clock: systemClock, everyMs: verifyEveryMs, report: drift }).start();
  report = () => void reports.write();
  void reports.start(async () => say({ kind: 'drift', report: await findBehind(fleet, gateway) }));
  writeRecord = async (act) => actOnRecord(store.records, act);
  say({ kind: 'records' });
  own.info({ url: `${url}/api/v1`, pid: process.pid }, 'control process serves the API');
  if (setup !== undefined) tellSetup(setup.link, setup.expiresAt, own);
  return createApi(operations, context);
}

/** The one line that holds a secret, since nobody could log in without it; it works once, and for an hour. */
function tellSetup(link: string, expiresAt: number, to: OpenLogger): void {
  const until = new Date(expiresAt).toISOString();
  to.warn({ link, until }, 'there is no user yet: this link makes the first administrator, once');
  if (process.stdout.isTTY)
    process.stdout.write(`\nFirst start: make the administrator here, until ${until}:\n  ${link}\n\n`);
}

async function answerRecord(id: number, act: RecordAct): Promise<void> {
  const outcome = await writeRecord?.(act);
  if (outcome !== undefined) say({ kind: 'recorded', id, outcome });
}

process.on('message', (message) => {
  const given = message as ToControl;
  if (given.kind === 'ping') say({ kind: 'pong' });
  else if (given.kind === 'start') void start(given.start);
  else if (given.kind === 'failures') void takeFailures(given.report).then(() => say({ kind: 'taken' }));
  else if (given.kind === 'changed') report();
  else if (given.kind === 'record') void answerRecord(given.id, given.act);
  else if (given.kind === 'reopen') log?.reopen();
  else line.take(given);
});
// Without its primary nobody could reach it, and nobody would end it.
process.on('disconnect', () => process.exit(0));
process.on('SIGTERM', () => process.exit(0));
// Ctrl-C reaches the whole process group; the primary decides what it means.
process.on('SIGINT', () => {});
process.on('SIGHUP', () => {});
process.on('uncaughtException', (error) => {
  log?.error({ err: error }, 'internal error: please report this');
  process.exit(1);
});
