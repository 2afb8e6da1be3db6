// The store that the gateways of a journey share.
import type { FleetStore } from '../../support/fleet.ts';
import type { TempDir } from '../../support/temp.ts';

export function fleetStore(dir: TempDir, _stack: AsyncDisposableStack): FleetStore {
  return { url: `sqlite:${dir.file('store.db')}`, sealKey: dir.file('opening.key') };
}
