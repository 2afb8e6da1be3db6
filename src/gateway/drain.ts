// The end of a worker that serves: nobody who is on the way is lost, and it ends in time.
import type { Clock } from '../base/clock.ts';
import { Fault } from '../base/fault.ts';
import type { EntryPoints } from '../downstream/entry-points.ts';
import type { PassThrough } from '../passthrough/pass-through.ts';
import type { ClientSide } from './client-side.ts';
import type { OpenConnections } from './open-connections.ts';

export type DrainOptions = {
  readonly clock: Clock;
  /** undefined where it never listened. */
  readonly entryPoints: EntryPoints | undefined;
  readonly clients: ClientSide;
  readonly connections: OpenConnections;
  readonly passThrough: PassThrough | undefined;
  /** What still runs then is cut off. */
  readonly drainMs: () => number;
};

/** Time that a draining worker gives to connections which were accepted but have asked nothing yet. */
const pendingMs = 2_000;

/** Stops accepting, lets what runs finish within drainMs, then closes what is left. */
export async function drain(options: DrainOptions): Promise<void> {
  const { clock, entryPoints, clients, connections, passThrough, drainMs } = options;
  await entryPoints?.emptyQueues();
  clients.drain();
  const allGone = entryPoints?.close();
  passThrough?.close();
  connections.drainAfterFirst();
  const limitMs = drainMs();
  const cancel = clock.after(limitMs, () => {
    connections.destroyAll(stillRunning(limitMs));
    passThrough?.destroyAll(stillRunning(limitMs));
  });
  // The drain must end by itself even if nothing else keeps the process alive.
  const keepAlive = setInterval(() => {}, 1_000);
  // Handshakes and first requests that are under way have their time, then it waits for established connections only.
  const withoutPending = async (): Promise<void> => {
    await new Promise<void>((resolve) => clock.after(Math.min(limitMs, pendingMs), resolve));
    await connections.drain();
  };
  await Promise.all([Promise.race([allGone, withoutPending()]), passThrough?.drained()]);
  cancel();
  clearInterval(keepAlive);
}

function stillRunning(limitMs: number): Fault {
  return new Fault('draining', 'gateway', { detail: `still running ${limitMs} ms after the gateway was told to stop` });
}
