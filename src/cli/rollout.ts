// `countersign rollout`: what is on trial on some gateways (`countersign apply --canary`), put in force for all of them, or taken back.
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { planRevision } from '../access/plan-revision.ts';
import { systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { readStore } from '../config/read-config.ts';
import { readOpener } from '../loading/read-opener.ts';
import type { ObjectChange } from '../store/object.ts';
import { type Canary, openCanary, readRollout, type Rollout } from '../store/rollout.ts';
import type { Store } from '../store/store.ts';
import type { CommandIo } from './command-io.ts';
import { openStoreOf } from './open-store.ts';
import { printProblems } from './problems.ts';
import { tellStoreTrouble } from './store-trouble.ts';

type Options = { readonly config: string; readonly reason?: string };

export function rolloutCommand(io: CommandIo = process): Command {
  const sub = (name: string, says: string, act: (store: Store, options: Options) => Promise<void>): Command =>
    new Command(name)
      .description(says)
      .requiredOption('-c, --config <file>', 'configuration file, which names the store')
      .option('--reason <text>', 'stands in the audit log')
      .action(async (options: Options) =>
        tellStoreTrouble(io, async () => {
          await using store = await openStoreOf(io, options.config, name === 'status' ? 'read' : 'write');
          await act(store, options);
        }),
      );
  return new Command('rollout')
    .addCommand(sub('status', 'say what is on trial, where, and who put it there', async (store) => status(io, store)))
    .addCommand(
      sub('promote', 'put what is on trial in force for all gateways', async (store, options) =>
        end(io, store, options, async () => []),
      ),
    )
    .addCommand(
      sub('revert', 'take back what is on trial: everybody runs what the others run', async (store, options) =>
        end(io, store, options, async (rollout) => changesBack(store, rollout)),
      ),
    );
}

async function status(io: CommandIo, store: Store): Promise<void> {
  const rollout = await readRollout(store.revisions);
  const open = openCanary(rollout);
  if (open === undefined) {
    io.stdout.write(`nothing is on trial; revision ${rollout.head.number} is for all\n`);
    return;
  }
  io.stdout.write(`${sayCanary(open)}; all others run revision ${rollout.base.number}\n`);
}

function sayCanary({ number, canary, actor, at }: Canary): string {
  return `revision ${number} of ${JSON.stringify(actor)} is on trial on ${canary.join(', ')} since ${new Date(at).toISOString()}`;
}

async function end(
  io: CommandIo,
  store: Store,
  { config, reason }: Options,
  changesOf: (rollout: Rollout) => Promise<readonly ObjectChange[]>,
): Promise<void> {
  const rollout = await readRollout(store.revisions);
  if (openCanary(rollout) === undefined) throw new UsageError('nothing is on trial');
  const changes = await changesOf(rollout);
  const file = resolve(config);
  const location = await readStore(
    { file },
    { env: io.env, strict: true, clock: systemClock, readStore: io.readStore },
  );
  const settings = { env: io.env, strict: true, clock: systemClock, ...(io.read && { read: io.read }) };
  const opener = location && readOpener(location);
  const plan = await planRevision(changes, { ...settings, file, store, opener });
  await printProblems(plan.problems, io.stdout);
  if (!plan.usable) {
    io.exitCode = 1;
    io.stdout.write('refused: a gateway would not take it; nothing was changed\n');
    return;
  }
  const what = changes.length === 0 ? 'promote' : 'revert';
  const act = { actor: `local:${userInfo().username}`, reason: reason ?? `countersign rollout ${what}` };
  const appended = await store.revisions.append({ ...act, parent: rollout.head.number, changes });
  if (appended.outcome === 'appended') {
    io.stdout.write(`revision ${appended.revision.number} is for all gateways\n`);
    return;
  }
  io.exitCode = 1;
  io.stdout.write('refused: somebody else was quicker; nothing was changed, try again\n');
}

async function changesBack({ revisions }: Store, { base, head }: Rollout): Promise<readonly ObjectChange[]> {
  const differences = (await revisions.difference(base.number, head.number)) ?? [];
  return Promise.all(
    differences.map(async ({ kind, id }): Promise<ObjectChange> => {
      const before = base.number === 0 ? undefined : await revisions.findObject(base.number, { kind, id });
      return before === undefined ? { kind, id, remove: true } : { kind, id, put: before.body };
    }),
  );
}
