// `check --compare FILE`: what changes in who may enter, from that configuration to the one that is checked.
import { type AccessChanges, compareAccess } from '../access/changes.ts';
import { systemClock } from '../base/clock.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { printProblems } from './problems.ts';

/** undefined where nobody asks; one line where the other file cannot be used, its problems are on standard error then. */
export async function compareWith(
  file: string | undefined,
  loaded: LoadedConfig,
): Promise<AccessChanges | string | undefined> {
  if (file === undefined) return undefined;
  // The old file may be of an older version, and its certificates may have run out: who entered under it does not change by that.
  const settings = { env: process.env, strict: false, clock: systemClock, tolerateExpired: true };
  const { loaded: before, problems } = await loadGateway(await openSourceToLook(file, settings), settings);
  if (before !== undefined) return compareAccess(before, loaded);
  const errors = problems.filter(({ severity }) => severity === 'error');
  await printProblems(errors, process.stderr);
  return `${file}: cannot be compared with, see the errors above`;
}
