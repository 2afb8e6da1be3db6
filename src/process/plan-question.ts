// What a change of the store would do to this gateway, asked by the control process: planned by the loader and the guard of a reload
// beside what is in force, and put into rows that hold no key and no secret. Loaded with the first such question.
import { randomUUID } from 'node:crypto';
import { basename } from 'node:path';
import type { AccessChanges } from '../access/changes.ts';
import { proposeRevision, type ProposalOptions } from '../access/propose-revision.ts';
import { type PlanOptions, planRevision } from '../access/plan-revision.ts';
import { describeChanges } from '../access/print-changes.ts';
import type { Clock } from '../base/clock.ts';
import type { SharedFetches } from '../base/shared-fetch.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { StoreLocation } from '../config/store-location.ts';
import type { PlanQuestion } from '../control/messages.ts';
import type { PlannedClient, PlannedClients, PlannedProblem, ShownPlan } from '../control/plan.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { MergedRecord } from '../inventory/merge-records.ts';
import { type AnonymousChange, notLookedAt, type SeenChange, type SeenVerdicts } from '../inventory/verify-seen.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { openStore } from '../loading/open-store.ts';
import { readOpener } from '../loading/read-opener.ts';
import type { Deliveries } from '../sources/publisher.ts';
import type { Store } from '../store/store.ts';
import type { Problem } from '../yaml/problem.ts';

/** What it is planned with. */
export type PlanSettings = Pick<PlanOptions, 'file' | 'env' | 'strict' | 'read'> & { readonly store: StoreLocation };

export type PlanSurroundings = {
  readonly settings: PlanSettings;
  readonly clock: Clock;
  readonly active: { readonly loaded: LoadedConfig; readonly crls: CrlLookup };
  /** What sources of certificates have delivered; undefined where there are none. */
  readonly deliveries: Deliveries | undefined;
  /** A plan asks nobody for what was just fetched, and what it fetches need not be fetched again. */
  readonly fetches?: SharedFetches | undefined;
  /** Undefined where none is kept. */
  readonly record: MergedRecord | undefined;
};

/** Clients that were seen within so many days count. */
const seenDays = 30;
/** Rows of one list. */
const maxRows = 100;
const maxProblems = 100;
/** Of one object. */
const maxFields = 50;
/** The event loop waits as well. */
const busyMs = 250;

/** Rejects with a StoreProblem. */
export async function planChange(asked: PlanQuestion, around: PlanSurroundings): Promise<ShownPlan> {
  const { active, record } = around;
  await using store = await openToPlan(around);
  const plan = await planRevision(asked.changes, {
    ...optionsOf(asked, store, around),
    active,
    ...(record && { seen: { record: record.contents, days: seenDays } }),
  });
  const { parent, usable, problems, objects, access, clients } = plan;
  return {
    parent: { number: parent.number, digest: parent.digest },
    usable,
    problems: showProblems(problems),
    // Values may be long, and a secret that somebody put there: the places say enough.
    objects: objects.map(({ kind, id, change, fields, more }) => {
      const shown = fields.slice(0, maxFields).map(({ pointer }) => ({ pointer }));
      return { kind, id, change, fields: shown, more: more || fields.length > maxFields };
    }),
    access: access === undefined ? null : showAccess(access),
    clients: clients === undefined || record === undefined ? null : showClients(clients, record),
  };
}

type ProposalSurroundings = Pick<PlanSurroundings, 'settings' | 'clock' | 'deliveries' | 'fetches'>;

async function openToPlan({ settings: { store }, clock }: ProposalSurroundings): Promise<Store> {
  return openStore(store, { access: 'read', busyMs, clock, as: 'primary' });
}

function optionsOf(
  { pending, inPlaceOfFile = false }: PlanQuestion,
  store: Store,
  { settings, clock, deliveries, fetches }: ProposalSurroundings,
): ProposalOptions {
  return {
    ...settings,
    store,
    opener: readOpener(settings.store),
    clock,
    fetches,
    pending: new Map(pending.map((blob) => [blob.digest, blob])),
    inPlaceOfFile,
    // What is there is taken, and nobody is asked for more.
    ...(deliveries && { sources: deliveriesOnly(deliveries) }),
  };
}

/**
 * A service as a route would reach it, with a change that nobody made yet: for what is not saved, and for what no route names.
 * Rejects with a StoreProblem.
 */
export async function proposeService(
  service: string,
  change: PlanQuestion | null,
  around: ProposalSurroundings,
): Promise<{ readonly loaded: LoadedConfig; readonly crls: CrlLookup } | { readonly problems: PlannedProblem[] }> {
  await using store = await openToPlan(around);
  const asked = change ?? { changes: [], pending: [] };
  const route = `probe-${randomUUID()}`;
  const put = { path: '/', hosts: [`${route}.invalid`], service };
  const changes = [...asked.changes, { kind: 'routes', id: route, put }];
  const { loaded, problems } = await proposeRevision(changes, optionsOf(asked, store, around));
  if (loaded === undefined) return { problems: showProblems(problems) };
  const routes = loaded.loaded.routes.filter(({ config }) => config.name === route);
  return { loaded: { ...loaded.loaded, routes }, crls: loaded.crls };
}

function deliveriesOnly(deliveries: Deliveries): NonNullable<PlanOptions['sources']> {
  return {
    prepare: async () => {},
    find: (config) => deliveries.find(config),
    findProblem: (config) => deliveries.findProblem(config),
    // What would be asked for a first time has delivered nothing.
    mayStandIn: (config) => config.mayStartWithout,
  };
}

/** Errors first. Folders say more of a machine than is needed to find a line. */
export function showProblems(problems: readonly Problem[]): PlannedProblem[] {
  const errors = problems.filter(({ severity }) => severity === 'error');
  const warnings = problems.filter(({ severity }) => severity === 'warning');
  return [...errors, ...warnings].slice(0, maxProblems).map(({ severity, code, message, hint, place }) => {
    const { file, line, stored } = place;
    const at =
      stored === undefined
        ? { object: null, place: { file: basename(file), line } }
        : { object: { kind: stored.kind, id: stored.id, pointer: stored.pointer }, place: null };
    return { severity, code, message, hint, ...at };
  });
}

function showAccess(access: AccessChanges): NonNullable<ShownPlan['access']> {
  const { opened, closed, rules } = describeChanges(access);
  const cut = (all: readonly string[]) => ({ count: all.length, items: all.slice(0, maxRows) });
  return { complete: access.complete, opened: cut(opened), closed: cut(closed), rules: cut(rules) };
}

function showClients(verdicts: SeenVerdicts, record: MergedRecord): PlannedClients {
  const { refused, admitted, changed, undecided, anonymousRefused, anonymousAdmitted, identities, expired } = verdicts;
  return {
    since: new Date(record.contents.since).toISOString(),
    days: seenDays,
    identities: identities - expired,
    cutOff: rowsOf(refused, record),
    admitted: rowsOf(admitted, record),
    changed: rowsOf(changed, record),
    undecided: rowsOf(undecided, record),
    anonymousCutOff: anonymousRowsOf(anonymousRefused),
    anonymousAdmitted: anonymousRowsOf(anonymousAdmitted),
    notLookedAt: [...notLookedAt],
  };
}

type Rows = PlannedClients['cutOff'];

/** A client that came under several server names may have several rows; it counts once. */
function rowsOf(changes: readonly SeenChange[], record: MergedRecord): Rows {
  const count = new Set(changes.map(({ client }) => client)).size;
  return { count, items: changes.slice(0, maxRows).map((one) => showIdentity(one, record)) };
}

function showIdentity({ client, policy, serverNames, result }: SeenChange, record: MergedRecord): PlannedClient {
  const { subject, sans, sha256, lastSeen, accepted, refused } = client;
  return {
    subject: escapeForLog(subject),
    names: sans.map(({ type, value }) => escapeForLog(`${type}:${value}`)),
    sha256,
    serverNames: [...serverNames],
    policyBefore: client.policy,
    policy,
    lastSeen: new Date(lastSeen).toISOString(),
    handshakes: accepted + refused,
    gateways: record.seenAt(client).map(({ gateway }) => gateway),
    code: result.code,
    detail: escapeForLog(result.detail, 400),
  };
}

function anonymousRowsOf(changes: readonly AnonymousChange[]): Rows {
  const items = changes.slice(0, maxRows).map(({ client, policy, result }): PlannedClient => {
    const { serverName, lastSeen, accepted, refused } = client;
    return {
      subject: '',
      names: [],
      sha256: null,
      serverNames: [serverName],
      policyBefore: client.policy,
      policy,
      lastSeen: new Date(lastSeen).toISOString(),
      handshakes: accepted + refused,
      gateways: [],
      code: result.code,
      detail: escapeForLog(result.detail, 400),
    };
  });
  return { count: changes.length, items };
}
