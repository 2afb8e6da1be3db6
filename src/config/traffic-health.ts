// `/healthz` and `/readyz` where traffic comes in: as Goma answers them where `monitoring.enableLiveness` and `enableReadiness`
// say so, or by `monitoring.health` on some entry points and for some addresses. No client certificate guards them, and they say
// nothing but that the gateway serves.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { readAddressRanges } from './address-ranges.ts';
import { closedMap, list, text } from './atoms.ts';
import type { RouteConfig, TrafficHealthConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

const healthShape = closedMap({
  entryPoints: key(list(text), {
    says: 'Entry points on which /healthz and /readyz are answered. Default: all.',
    restricts: true,
    unset: 'all',
    page: 'own. Names of entry points.',
  }),
  sourceRanges: key(list(text), {
    says: 'Addresses and ranges that may ask. Default: everybody.',
    restricts: true,
    unset: 'everybody',
    page: 'own. Addresses and ranges, of the connection itself (or its PROXY header): for others these paths are paths like any.',
  }),
});

export const trafficHealthKey = key(healthShape, {
  says: 'Answers /healthz and /readyz on the entry points for traffic too.',
  unset: 'where `enableLiveness` or `enableReadiness` is written',
  example: 'For example health: {entryPoints: [web], sourceRanges: [10.0.0.0/8]}.',
});

type Monitoring = {
  readonly enableReadiness: boolean;
  readonly enableLiveness: boolean;
  readonly health?: z.output<typeof healthShape> | undefined;
};

/** `at`: `gateway.monitoring`; `known`: names of entry points. */
export function readTrafficHealth(
  monitoring: Monitoring,
  at: Cursor,
  known: readonly string[],
  problems: ProblemList,
): TrafficHealthConfig | undefined {
  const { enableReadiness, enableLiveness, health } = monitoring;
  if (at.isEmpty('health'))
    problems.error(
      'empty_value',
      at.keyPlace('health'),
      'health is written but has no value',
      'Write health: {} for every entry point and address, or remove it.',
    );
  if (health === undefined) {
    // By default they are on for the admin entry point alone: here they are for who says so.
    const liveness = enableLiveness && at.holds('enableLiveness');
    const readiness = enableReadiness && at.holds('enableReadiness');
    return liveness || readiness ? { liveness, readiness, entryPoints: known, sourceRanges: undefined } : undefined;
  }
  const here = at.down('health');
  const { entryPoints = known, sourceRanges } = health;
  for (const name of ['entryPoints', 'sourceRanges'] as const)
    if (here.isEmpty(name) || health[name]?.length === 0)
      problems.error('empty_value', here.keyPlace(name), `${name} is empty`, 'Name some, or remove the key.');
  for (const [i, name] of entryPoints.entries())
    if (!known.includes(name))
      reportMistake(problems, 'unknown_name', here.down('entryPoints', i), name, {
        problem: 'is no entry point that is switched on',
        hint: `There are ${known.join(', ')}.`,
      });
  return {
    liveness: enableLiveness,
    readiness: enableReadiness,
    entryPoints,
    sourceRanges:
      sourceRanges &&
      readAddressRanges(sourceRanges, here.down('sourceRanges'), problems, {
        message: 'everybody may ask for the health of the gateway',
        hint: 'Remove sourceRanges if that is meant.',
      }),
  };
}

/** A route of that path is not met where the gateway answers. */
export function warnHidden(
  health: TrafficHealthConfig | undefined,
  routes: readonly RouteConfig[],
  problems: ProblemList,
): void {
  const answered = [
    ...(health?.liveness === true ? ['/healthz'] : []),
    ...(health?.readiness === true ? ['/readyz'] : []),
  ];
  for (const { name, path, place } of routes)
    if (answered.includes(path))
      problems.warn(
        'unreachable_route',
        place,
        `${path} is answered by the gateway itself before route ${quote(name)}`,
        'Restrict it with gateway.monitoring.health, or do not write enableLiveness and enableReadiness.',
      );
}
