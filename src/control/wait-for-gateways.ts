// Until every gateway says that it runs a revision, or the time is over: what each runs it reports itself.
import type { ControlContext } from './control-context.ts';

const waitMs = 20_000;
const askEveryMs = 250;
/** Who has not reported for longer is not waited for. */
const lostMs = 5 * 60_000;

export type Arrival = { readonly committed: string[]; readonly missing: string[] };

/** This gateway has it: it is counted, whether it reported already or not. */
export async function waitForGateways(
  { store, clock, gateway }: Pick<ControlContext, 'store' | 'clock' | 'gateway'>,
  revision: number,
): Promise<Arrival> {
  const until = clock.monotonic() + waitMs;
  for (;;) {
    const others = (await store.gateways.list()).filter(
      ({ name, reportedAt }) => name !== gateway && clock.now() - reportedAt < lostMs,
    );
    const missing = others.filter((one) => one.revision < revision).map(({ name }) => name);
    const committed = [gateway, ...others.filter((one) => one.revision >= revision).map(({ name }) => name)];
    if (missing.length === 0 || clock.monotonic() >= until) return { committed, missing };
    await new Promise<void>((resolve) => {
      clock.after(askEveryMs, resolve);
    });
  }
}
