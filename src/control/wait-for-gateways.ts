// Until every gateway that a revision is for says that it runs it, or that it does not take it, or the time is over: what each runs
// it reports itself. Who is silent is not waited for.
import { z } from 'zod';
import type { ControlContext } from './control-context.ts';
import type { GatewayShown } from './gateway-shape.ts';

const waitMs = 20_000;
/** Of the whole request: who passes it on waits for 40 s. */
export const requestMs = 32_000;
const askEveryMs = 250;

export const arrival = z.strictObject({
  name: z.string(),
  state: z
    .enum(['committed', 'refused', 'pending', 'silent'])
    .describe(
      'refused: it did not take it, and runs what it ran before. pending: not yet. silent: it does not report.',
    ),
  revision: z.int().describe('That it runs.'),
  why: z.string().nullable(),
  problems: z
    .array(
      z.strictObject({
        code: z.string(),
        detail: z.string(),
        hint: z.string(),
        place: z.string(),
        object: z.strictObject({ kind: z.string(), id: z.string(), pointer: z.string() }).nullable(),
      }),
    )
    .describe('Why it refused it: the objects that are at fault.'),
});
export type Arrival = z.output<typeof arrival>;

/** `own`: what became of it here, which need not be reported yet. `startedAt`: of the request, monotonic. */
export async function waitForGateways(
  { fleet, clock, gateway }: Pick<ControlContext, 'fleet' | 'clock' | 'gateway'>,
  revision: number,
  own: 'committed' | 'pending' | undefined,
  startedAt: number,
): Promise<Arrival[]> {
  const until = Math.min(clock.monotonic() + waitMs, startedAt + requestMs);
  for (;;) {
    const concerned = (await fleet.read()).gateways.filter(
      ({ isThis, expected }) => expected.revision >= revision && (!isThis || own !== undefined),
    );
    const arrivals = concerned.map((one) => arrivalOf(one, revision, one.name === gateway ? own : undefined));
    if (arrivals.every(({ state }) => state !== 'pending') || clock.monotonic() >= until) return arrivals;
    await new Promise<void>((resolve) => {
      clock.after(askEveryMs, resolve);
    });
  }
}

function arrivalOf(
  { name, revision, refused, state }: GatewayShown,
  awaited: number,
  own: 'committed' | 'pending' | undefined,
): Arrival {
  const runs = { name, revision, why: null, problems: [] };
  if (revision >= awaited || own === 'committed')
    return { ...runs, revision: Math.max(revision, awaited), state: 'committed' };
  if (state === 'silent') return { ...runs, state: 'silent', why: 'It has not reported for a minute.' };
  if (refused === null || refused.revision === null || refused.revision < awaited) return { ...runs, state: 'pending' };
  const problems = refused.problems.map(({ message: detail, ...rest }) => ({ ...rest, detail }));
  return { ...runs, state: 'refused', why: refused.why, problems };
}
