// The store that the gateways of a journey share: a database of a real server.
import type { FleetStore } from '../../support/fleet.ts';
import { startPostgres } from '../../support/postgres.ts';
import type { TempDir } from '../../support/temp.ts';

export async function fleetStore(dir: TempDir, stack: AsyncDisposableStack): Promise<FleetStore> {
  const postgres = stack.use(await startPostgres());
  return { url: postgres.url, sealKey: dir.file('opening.key') };
}
