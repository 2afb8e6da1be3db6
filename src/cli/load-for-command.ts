// Loading a configuration to ask something of it: also one of another version, and one whose own certificates have run out.
import { systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { SourcePublisher } from '../sources/publisher.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import type { CommandIo } from './command-io.ts';
import { printProblems } from './problems.ts';

export type LoadedForCommand = { readonly loaded: LoadedConfig; readonly crls: CrlLookup };

/**
 * With the CRLs as they are now; with `asks` also with what sources of certificates deliver now, for who connects to somebody. Throws
 * UsageError where it cannot be used; why stands on standard error then.
 */
export async function loadForCommand(file: string, io: CommandIo, asks = false): Promise<LoadedForCommand> {
  const sources = new SourcePublisher({ clock: systemClock, env: io.env, looksOnly: true });
  const publisher = new CrlPublisher({ clock: systemClock });
  const { loaded, problems } = await loadGateway(await openSourceToLook(file, { env: io.env, clock: systemClock }), {
    env: io.env,
    strict: false,
    clock: systemClock,
    tolerateExpired: true,
    crls: publisher,
    ...(io.read && { read: io.read }),
    ...(asks && { sources, once: true }),
  });
  const crls = publisher.lookUpPrepared(loaded?.crls ?? []);
  publisher.close();
  sources.close();
  if (loaded !== undefined) return { loaded, crls };
  const errors = problems.filter(({ severity }) => severity === 'error');
  await printProblems(errors, io.stderr);
  throw new UsageError(`${file} is not usable, see the errors above`);
}
