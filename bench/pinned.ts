// Programs on a core of their own, on a port of their own.
import { findFreePort } from '../test/support/free-port.ts';
import { type OwnedProcess, startProcess } from '../test/support/owned-process.ts';
import { findCommand } from '../test/support/peers.ts';
import { eventually } from '../test/support/wait-for.ts';
import { listensItself } from './listener.ts';

/** A port may be taken by somebody else after it was found free. */
const ATTEMPTS = 5;

export type Prepared = { readonly command: readonly string[]; readonly env?: Readonly<Record<string, string>> };

export type Pinned<Name> = { readonly name: Name; readonly port: number; readonly process: OwnedProcess };

/** Of a program that cannot find a port and tell: tries another one where somebody took the port before the program did. */
export async function startOnFreePort<Name extends string>(
  name: Name,
  core: string,
  prepare: (port: number) => Prepared,
  findPort: () => Promise<number> = findFreePort,
): Promise<Pinned<Name>> {
  let said = '';
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = await findPort();
    const child = await spawnPinned(name, core, prepare(port));
    const ended = (): boolean => child.exit() !== undefined;
    await eventually(() => ended() || listensItself(child.pid, port), { what: `${name} to listen` });
    if (!ended()) return { name, port, process: child };
    said = child.lines.tail();
    if (!/address (?:is )?already in use/i.test(said)) break;
  }
  throw new Error(`${name} did not start\n${said}`);
}

export async function spawnPinned(name: string, core: string, prepared: Prepared): Promise<OwnedProcess> {
  const [command = '', ...args] = prepared.command;
  const pinned = ['-c', core, findCommand(command) ?? command, ...args];
  return startProcess('taskset', pinned, { name, env: prepared.env ?? {} });
}
