// What needs a person about the gateways on one store: one that does not report, did not take a revision, cannot read the store, shares
// its name, or has another time. Every gateway finds the same, under the same id.
import { isoSeconds } from '../certs/expiry.ts';
import { driftNeed, isOfStore } from './drift-needs.ts';
import type { Evidence } from './evidence.ts';
import type { GatewayShown, InstanceShown } from './gateway-shape.ts';
import type { Need } from '../alerts/need.ts';

/** Certificates are judged by the minute. */
const skewMs = 30_000;

export function findFleetNeeds({ fleet, now }: Evidence): Need[] {
  return fleet.flatMap((gateway) => [
    ...findSilent(gateway),
    ...findRefused(gateway),
    ...findLastGood(gateway, now),
    ...findShared(gateway, now),
    ...findSkew(gateway, now),
    ...findOthersDrift(gateway),
  ]);
}

/** Of another gateway, as it says itself: the same as it has in its own list. What is wrong with the store each finds itself. */
function findOthersDrift({ isThis, state, drift, name }: GatewayShown): Need[] {
  if (isThis || state === 'silent') return [];
  return drift.flatMap((one) =>
    isOfStore(one) ? [] : [driftNeed({ ...one, gateway: name, since: Date.parse(one.since) })],
  );
}

type About = Pick<Need, 'code' | 'severity' | 'sentence' | 'consequence' | 'help' | 'since'>;

function need({ name }: GatewayShown, what: string, about: About): Need {
  return { id: `gateway:${name}:${what}`, kind: 'gateway', object: { kind: 'gateways', id: name }, ...about };
}

function findSilent(gateway: GatewayShown): Need[] {
  if (gateway.state !== 'silent') return [];
  const { name, reportedAt } = gateway;
  const since = Date.parse(reportedAt);
  return [
    need(gateway, 'silent', {
      code: 'silent',
      severity: 'degraded',
      sentence: `Gateway ${name} has not reported since ${isoSeconds(since)}`,
      consequence: 'Nobody knows what it serves; what is changed may have no effect there.',
      help: 'See whether it runs and reaches the store. Remove it from the list where it is gone for good.',
      since,
    }),
  ];
}

function findRefused(gateway: GatewayShown): Need[] {
  const { name, refused, revision, state } = gateway;
  if (refused === null || refused.revision === null || state === 'silent') return [];
  const [first] = refused.problems;
  const where = first === undefined ? '' : `${first.place}: `;
  return [
    need(gateway, 'refused', {
      code: first?.code ?? refused.blame,
      severity: 'degraded',
      sentence: `Gateway ${name} did not take revision ${refused.revision}: ${where}${first?.message ?? refused.why}`,
      consequence: `Revision ${revision} goes on there: what was changed since then has no effect on it.`,
      help: `${first === undefined || first.hint === '' ? 'See the log of the gateway.' : first.hint} Or revert the change.`,
      since: Date.parse(refused.at),
    }),
  ];
}

/** Of others: what this one cannot read it tells itself. */
function findLastGood(gateway: GatewayShown, now: number): Need[] {
  const { name, isThis, state, store, revision } = gateway;
  if (isThis || state !== 'lastGood') return [];
  return [
    need(gateway, 'store', {
      code: store?.problem?.code ?? 'unreadable',
      severity: 'degraded',
      sentence: `Gateway ${name} cannot use the store: ${store?.problem?.message ?? 'it cannot be read'}`,
      consequence: `Revision ${revision}, the last good one, goes on being served there; changes have no effect on it.`,
      help: store?.problem?.help ?? 'Run `countersign store verify`.',
      since: store === null || store.readAt === null ? now : Date.parse(store.readAt),
    }),
  ];
}

function findShared(gateway: GatewayShown, now: number): Need[] {
  const { name, instance, sharedWith, state } = gateway;
  if (sharedWith === null || instance === null || state === 'silent') return [];
  // Each of the two names the other one.
  const both = [instance, sharedWith].map(showInstance).toSorted().join(' and ');
  return [
    need(gateway, 'name', {
      code: 'name_taken',
      severity: 'degraded',
      sentence: `Two gateways report under the name ${name}: ${both}`,
      consequence: 'What one of them runs hides what the other runs, and a canary goes to both.',
      help: 'Give each of them a gateway.name of its own, and start it again.',
      since: now,
    }),
  ];
}

function showInstance({ machine, url, pid }: InstanceShown): string {
  return `${machine} (${url}, process ${pid})`;
}

function findSkew(gateway: GatewayShown, now: number): Need[] {
  const { name, clockSkewMs, state } = gateway;
  if (clockSkewMs === null || Math.abs(clockSkewMs) < skewMs || state === 'silent') return [];
  const seconds = Math.round(Math.abs(clockSkewMs) / 1000);
  return [
    need(gateway, 'clock', {
      code: 'clock_skew',
      severity: 'due',
      sentence: `The clock of gateway ${name} is ${seconds} s ${clockSkewMs > 0 ? 'ahead of' : 'behind'} that of the store`,
      consequence: 'It judges certificates, revocation lists and tokens by that time.',
      help: 'Have the machine set its clock (chrony, systemd-timesyncd).',
      since: now,
    }),
  ];
}
