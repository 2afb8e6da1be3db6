// Which store a command means: the file of one, the URL of a database, or a configuration file that names either. Passwords come from files
// and the environment only, since everybody on the machine can read a command line.
import { resolve } from 'node:path';
import { systemClock } from '../base/clock.ts';
import { readStore } from '../config/read-config.ts';
import { isPostgresUrl } from '../config/postgres-address.ts';
import { locateStore, type StoreLocation } from '../config/store-location.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';

/** Rejects with a StoreProblem. */
export async function findStore(io: CommandIo, text: string): Promise<StoreLocation> {
  if (isPostgresUrl(text)) return findDatabase(io, text);
  if (!/\.ya?ml$/.test(text)) return { path: text };
  const options = { env: io.env, strict: true, clock: systemClock, readStore: io.readStore };
  const location = await readStore({ file: resolve(text) }, options);
  if (location !== undefined) return location;
  throw new StoreProblem('invalid', 'the configuration names no store, or wrongly: see `countersign check`');
}

function findDatabase({ env }: CommandIo, url: string): StoreLocation {
  const located = locateStore(url, undefined, resolve('gateway.yml'));
  if ('problem' in located) throw new StoreProblem('invalid', `${located.problem}. ${located.hint}`);
  const { path, postgres } = located;
  if (postgres?.password !== undefined)
    throw new StoreProblem(
      'invalid',
      'everybody on this machine can read a password on the command line: name the configuration file instead, or set PGPASSWORD',
    );
  return { path, ...(postgres && { postgres: { ...postgres, password: env['PGPASSWORD'] } }) };
}
