// What needs a person now, worst first: read off what is configured, reported and seen, each with its reason, what follows from it
// and what to do. The same list is the overview's and the alerts'.
import type { Need } from '../alerts/need.ts';
import { sortAlerts } from '../alerts/alert-book.ts';
import { isNearExpiry, describeExpiry, isoSeconds } from '../certs/expiry.ts';
import { findDrift } from './drift-needs.ts';
import type { Evidence } from './evidence.ts';
import { findFleetNeeds } from './fleet-needs.ts';
import { lifetimesOf, type Owned } from './lifetimes.ts';
import { type RelationShown, showRelation } from './relations.ts';
import { helpOfCode, titleOfCode } from './seen-failure.ts';

export type { Need, Severity } from '../alerts/need.ts';

export type Assessment = {
  readonly needs: readonly Need[];
  readonly relations: {
    readonly total: number;
    readonly holds: number;
    readonly failing: number;
    readonly unknown: number;
  };
};

/** Of each kind; a thousand certificates that expire together are one cause. */
const maxPerKind = 100;

/** `further`: found by others (further-needs.ts). */
export function assess(seen: Evidence, further: readonly Need[] = []): Assessment {
  const relations = seen.view.relations.flatMap((one) => showRelation(one, seen) ?? []);
  const needs = [
    ...findExpiries(seen),
    ...findDownServices(seen),
    ...findFailingRelations(relations),
    ...findRegressed(seen),
    ...findGatewayNeeds(seen),
    ...findStaleLists(seen),
    ...findFleetNeeds(seen),
    ...findDrift(seen),
    ...further,
  ];
  const perKind = new Map<string, number>();
  const kept = sortAlerts(needs).filter(({ kind }) => {
    const count = (perKind.get(kind) ?? 0) + 1;
    perKind.set(kind, count);
    return count <= maxPerKind;
  });
  const count = (state: string): number => relations.filter((one) => one.state === state).length;
  return {
    needs: kept,
    relations: {
      total: relations.length,
      holds: count('holds'),
      failing: count('failing'),
      unknown: count('unknown'),
    },
  };
}

function findExpiries(seen: Evidence): Need[] {
  return lifetimesOf(seen).flatMap((one): Need[] => {
    // What nobody uses is shown where it stands.
    if (one.role === 'crl' || (one.object !== null && one.uses.length === 0)) return [];
    const hasExpired = seen.now > one.notAfter;
    if (!hasExpired && !isNearExpiry(one, seen.now)) return [];
    const when = `${describeExpiry(one.notAfter, seen.now)} (${isoSeconds(one.notAfter)})`;
    return [
      {
        id: `expiry:${one.key}`,
        severity: hasExpired ? 'failing' : 'due',
        kind: 'expiry',
        code: 'expired',
        sentence: `${one.name} ${hasExpired ? 'expired' : 'expires'} ${when}`,
        consequence: `${hasExpired ? 'Since then' : 'From then on'} ${consequenceOf(one)}.`,
        help:
          one.role === 'server' || one.role === 'backend_client'
            ? 'Replace it by a new version: whatever refers to it goes on without a change.'
            : 'Add the new CA beside it before that day, and remove this one when nobody shows its certificates any more.',
        since: hasExpired ? one.notAfter : one.noticedAt,
        object: one.object,
      },
    ];
  });
}

function consequenceOf({ role, uses }: Owned): string {
  const named = (kind: string, noun: string): string | undefined => {
    const ids = uses.filter((one) => one.kind === kind).map(({ id }) => id);
    if (ids.length === 0) return undefined;
    return ids.length <= 3 ? `of ${noun} ${ids.join(', ')}` : `of ${ids.length} ${noun}`;
  };
  const policies = named('policies', uses.length === 1 ? 'policy' : 'policies');
  const services = named('services', uses.length === 1 ? 'service' : 'services');
  const receivers = named('alerts', uses.length === 1 ? 'receiver of alerts' : 'receivers of alerts');
  const parts =
    role === 'server' || role === 'backend_client'
      ? [
          (policies ?? (role === 'server' ? '' : undefined)) !== undefined && `clients ${policies ?? ''} refuse us`,
          (services ?? (role === 'backend_client' && receivers === undefined ? '' : undefined)) !== undefined &&
            `the backends ${services ?? ''} refuse us`,
          receivers !== undefined && `${receivers.replace(/^of /, '')} ${uses.length === 1 ? 'refuses' : 'refuse'} us`,
        ]
      : [
          (policies ?? (role === 'anchor' ? '' : undefined)) !== undefined &&
            `clients ${policies ?? ''} with certificates of this CA are refused`,
          (services ?? (role === 'backend_anchor' ? '' : undefined)) !== undefined &&
            `backends ${services ?? ''} with certificates of this CA are refused`,
        ];
  const said = parts.filter((part) => part !== false).map((part) => part.replaceAll(/ +/g, ' '));
  return said.length === 0 ? 'whoever is shown it refuses us' : said.join(', and ');
}

function findDownServices(seen: Evidence): Need[] {
  return seen.view.targets.flatMap((target): Need[] => {
    const states = target.addresses.map((address) => seen.backends.get(`${target.route}\n${address}`));
    const down = states.filter((one) => one?.state === 'down');
    if (down.length === 0 || down.length < states.length) return [];
    const [first] = down;
    const why = first?.down;
    const name = target.service ?? `route ${target.route}`;
    return [
      {
        id: `service:${target.id}`,
        severity: 'failing',
        kind: 'service',
        code: why?.code ?? 'no_healthy_backend',
        sentence: `${target.service === null ? 'Route' : 'Service'} ${target.service ?? target.route}: ${
          states.length === 1 ? 'its backend is down' : `all ${states.length} backends are down`
        }: ${titleOfCode(why?.code ?? 'no_healthy_backend', 'backend')}`,
        consequence: `Requests for ${name} are answered with 502 or 503.`,
        help: why?.help === undefined || why.help === '' ? helpOfCode(why?.code ?? '', 'backend') : why.help,
        since: Math.max(...down.map((one) => one?.since ?? 0)),
        object:
          target.service === null ? { kind: 'routes', id: target.route } : { kind: 'services', id: target.service },
      },
    ];
  });
}

/** One for each target, however many policies lead to it: the leg to the backend is the same. */
function findFailingRelations(relations: readonly RelationShown[]): Need[] {
  const needs = new Map<string, Need>();
  for (const { id, target, backend } of relations) {
    const failure = backend.lastFailure;
    // A certificate of ours that expired is told of already.
    if (backend.state !== 'failing' || failure === null || needs.has(target)) continue;
    if (backend.addresses.length > 0 && backend.addresses.every(({ state }) => state === 'down')) continue;
    needs.set(target, {
      id: `relation:${target}`,
      severity: 'failing',
      kind: 'relation',
      code: failure.code,
      sentence: `Gateway → ${target}: ${failure.title}${failure.detail === '' ? '' : `: ${failure.detail}`}`,
      consequence: 'Requests that meet this backend are answered with 502 or 503.',
      help: failure.help,
      since: Date.parse(failure.at),
      object: { kind: 'relations', id },
    });
  }
  return [...needs.values()];
}

function findRegressed(seen: Evidence): Need[] {
  return seen.view.policies.flatMap(({ id: policy }) =>
    seen.regressed(policy).map((client): Need => {
      const who = client.subject === '' ? (client.sans[0] ?? client.sha256) : client.subject;
      return {
        id: `client:${policy}:${client.sha256}`,
        severity: 'failing',
        kind: 'client',
        code: client.code,
        sentence: `Client ${who} was let in by policy ${policy} and is refused now: ${titleOfCode(client.code, 'client')}`,
        consequence: `It cannot connect (${client.refused} refused since it was first seen).`,
        help: helpOfCode(client.code, 'client'),
        since: client.lastAccepted ?? client.lastSeen,
        object: { kind: 'policies', id: policy },
      };
    }),
  );
}

function findGatewayNeeds({ status, now }: Evidence): Need[] {
  const needs: Need[] = [];
  const { refused, store, workers, revision } = status;
  // Of a revision it is told of every gateway alike.
  if (refused !== null && refused.revision === null)
    needs.push({
      id: 'reload',
      severity: 'degraded',
      kind: 'reload',
      code: refused.problems[0]?.code ?? refused.blame,
      sentence: `The newest configuration was not taken: ${refused.problems[0]?.message ?? refused.why}`,
      consequence: `Generation ${status.generation} from before stays in force: what was changed since then has no effect.`,
      help:
        refused.problems[0] === undefined
          ? 'See the log of the gateway.'
          : `${refused.problems[0].place}: ${refused.problems[0].hint}`,
      since: refused.at,
      object: { kind: 'gateways', id: 'this' },
    });
  if (store !== null && (!store.up || store.problem !== null))
    needs.push({
      id: 'store',
      severity: 'degraded',
      kind: 'store',
      code: store.problem?.code ?? 'unreadable',
      sentence: `The gateway cannot use the store: ${store.problem?.message ?? 'it cannot be read'}`,
      consequence: `Revision ${revision}, the last good one, goes on being served; changes have no effect.`,
      help: store.problem?.help ?? 'Run `countersign store verify`.',
      since: store.readAt ?? now,
      object: { kind: 'gateways', id: 'this' },
    });
  const idle = workers.filter(({ serving }) => !serving);
  if (workers.length === 0 || idle.length > 0)
    needs.push({
      id: 'workers',
      severity: idle.length === workers.length ? 'failing' : 'degraded',
      kind: 'workers',
      code: 'draining',
      sentence: `${idle.length} of ${workers.length} workers do not serve`,
      consequence: idle.length === workers.length ? 'Nobody is served.' : 'The others serve alone.',
      help: 'See the log of the gateway: a worker that ends is started again.',
      since: now,
      object: { kind: 'gateways', id: 'this' },
    });
  return needs;
}

function findStaleLists({ status, now }: Evidence): Need[] {
  return status.revocation.flatMap(({ source, lists, failing, readAt, usedBy, refusesStale }): Need[] => {
    const stale = lists.filter(({ nextUpdate }) => now > nextUpdate);
    const [first] = stale;
    if (first === undefined && !failing) return [];
    const users = usedBy.slice(0, 3).join(', ') + (usedBy.length > 3 ? ` and ${usedBy.length - 3} more` : '');
    const refuses = refusesStale.length > 0;
    return [
      {
        id: `revocation:${source}`,
        severity: first !== undefined && refuses ? 'failing' : 'degraded',
        kind: 'revocation',
        code: first === undefined ? 'revocation_unknown' : 'crl_stale',
        sentence:
          first === undefined
            ? `The revocation list ${source} cannot be read anew`
            : `The revocation list ${source} is out of date since ${isoSeconds(first.nextUpdate)}`,
        consequence:
          first === undefined
            ? `What was revoked since then is not known; the last good list stays in force for ${users}.`
            : refuses
              ? `Certificates that it speaks of are refused by ${refusesStale.slice(0, 3).join(', ')}.`
              : `What was revoked since then is let in by ${users}.`,
        help: helpOfCode(first === undefined ? 'revocation_unknown' : 'crl_stale', 'client'),
        since: first?.nextUpdate ?? readAt ?? now,
        object: null,
      },
    ];
  });
}
