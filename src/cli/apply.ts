// `countersign apply`: the objects of YAML files become a revision of the store, after the plan says that a gateway would take it;
// with --dry-run nothing but the plan. Objects that the files do not name stay as they are; with --prune they go.
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { Command } from 'commander';
import { printChanges } from '../access/print-changes.ts';
import { planRevision, type RevisionPlan } from '../access/plan-revision.ts';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { UsageError } from '../base/usage-error.ts';
import { loadPem } from '../certs/material.ts';
import { readStore } from '../config/read-config.ts';
import { openExistingStore, openStore } from '../loading/open-store.ts';
import { readOpener } from '../loading/read-opener.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import { type ObjectChange, objectKey } from '../store/object.ts';
import { isDigest } from '../store/digest.ts';
import { type Opener, seal } from '../store/seal.ts';
import type { RevisionHead } from '../store/revision.ts';
import type { SealedBlob, SealKey } from '../store/sealed.ts';
import { parseCanary, readRollout, requireKnown, whyNotNow } from '../store/rollout.ts';
import type { Store } from '../store/store.ts';
import { tellStoreTrouble } from './store-trouble.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';
import { readObjectFiles, type WrittenObject } from './object-files.ts';
import { printProblems } from './problems.ts';

type Options = {
  readonly config: string;
  readonly dryRun?: true;
  readonly prune?: true;
  readonly reason?: string;
  readonly canary?: string;
};

export function applyCommand(io: CommandIo = process): Command {
  return new Command('apply')
    .argument('<files...>', 'YAML files with gateway.services, gateway.routes, …')
    .requiredOption('-c, --config <file>', 'configuration file, which names the store')
    .option('--dry-run', 'say what would change, and change nothing')
    .option('--prune', 'remove what the store holds and the files do not')
    .option('--reason <text>', 'stands in the audit log')
    .option(
      '--canary <names>',
      'only these gateways take it (NAME,NAME), until `countersign rollout` promotes or reverts it',
    )
    .addHelpText('after', '\nExit code: 0 applied, or would be; 1 refused, see the errors; nothing was changed then.')
    .action(async (files: string[], options: Options) => {
      await tellStoreTrouble(io, async () => apply(io, files, options));
    });
}

async function apply(io: CommandIo, files: readonly string[], options: Options): Promise<void> {
  const { config, dryRun, prune, reason } = options;
  const file = resolve(config);
  const location = await readStore(
    { file },
    { env: io.env, strict: true, clock: systemClock, readStore: io.readStore },
  );
  if (location === undefined) throw new UsageError(`${config} names no store (gateway.store.url)`);
  const opener = readOpener(location);
  const [key] = opener?.publicParts() ?? [];
  const written = await readObjectFiles(files);
  const opening = { clock: systemClock, as: 'command' } as const;
  await using store =
    dryRun === true
      ? await openStore(location, { ...opening, access: 'read' })
      : await openExistingStore(location, opening);
  const { canary, head } = await readCanary(store, options.canary);
  const pending = new Map<string, SealedBlob>();
  const changes: ObjectChange[] = [];
  const keys = { opener, sealKey: key, pending, store, parent: head.number };
  for (const object of written)
    changes.push({
      kind: object.kind,
      id: object.id,
      put: await withSealedKey({ ...object, body: await withTexts(object) }, keys),
    });
  if (prune === true) changes.push(...(await listOthers(store, keys.parent, written)));
  const settings = { env: io.env, strict: true, clock: systemClock, ...(io.read && { read: io.read }) };
  const plan = await planRevision(changes, { ...settings, file, store, opener, pending });
  await printPlan(io, plan);
  if (!plan.usable) {
    io.exitCode = 1;
    io.stdout.write('refused: a gateway would not take it; nothing was changed\n');
  } else if (dryRun === true) io.stdout.write('a gateway would take it; nothing was changed (--dry-run)\n');
  else await append(io, store, head, { changes, pending, reason, canary });
}

/**
 * Undefined: all gateways. `head`: on which nothing is on trial that would be in force for all by a change of it; the change is one of
 * that. Throws where they are unknown, or another change is on trial.
 */
async function readCanary(
  store: Store,
  names: string | undefined,
): Promise<{ readonly canary: readonly string[] | undefined; readonly head: RevisionHead }> {
  const canary = names === undefined ? undefined : parseCanary(names);
  if (canary !== undefined) await requireKnown(store.gateways, canary);
  const rollout = await readRollout(store.revisions);
  const why = whyNotNow(rollout, canary);
  if (why !== undefined) throw new StoreProblem('canary_open', `nothing else is changed while ${why}`);
  return { canary, head: rollout.head };
}

/** What the store holds and no file names. */
async function listOthers(
  { revisions }: Store,
  head: number,
  written: readonly WrittenObject[],
): Promise<readonly ObjectChange[]> {
  const named = new Set(written.map(objectKey));
  const { objects = [] } = (head === 0 ? undefined : await revisions.read(head)) ?? {};
  return objects.filter((one) => !named.has(objectKey(one))).map(({ kind, id }) => ({ kind, id, remove: true }));
}

type Asked = {
  readonly changes: readonly ObjectChange[];
  readonly pending: ReadonlyMap<string, SealedBlob>;
  readonly reason: string | undefined;
  readonly canary: readonly string[] | undefined;
};

async function append(
  io: CommandIo,
  store: Store,
  { number: parent }: RevisionHead,
  { changes, pending, reason, canary }: Asked,
): Promise<void> {
  const act = { actor: `local:${userInfo().username}`, reason: reason ?? 'countersign apply' };
  for (const blob of pending.values()) await store.sealed.put(blob, act);
  const appended = await store.revisions.append({ ...act, parent, changes, canary });
  if (appended.outcome === 'behind') {
    io.exitCode = 1;
    io.stdout.write('refused: somebody else was quicker; nothing was changed, try again\n');
  } else
    io.stdout.write(appended.outcome === 'unchanged' ? 'nothing changes\n' : `revision ${appended.revision.number}\n`);
}

type Keys = {
  readonly opener: Opener | undefined;
  readonly sealKey: Pick<SealKey, 'id' | 'publicKey'> | undefined;
  /** Where a new one is kept until it is put into the store. */
  readonly pending: Map<string, SealedBlob>;
  readonly store: Store;
  readonly parent: number;
};

function isSealed(value: unknown): value is { readonly sealed: unknown } {
  return typeof value === 'object' && value !== null && 'sealed' in value;
}

/** The store holds certificates as text: those that a file is named for are read here. */
async function withTexts({ kind, id, body, folder }: WrittenObject): Promise<JsonObject> {
  const name = kind === 'certificates' ? 'cert' : kind === 'caBundles' ? 'ca' : undefined;
  const written = name === undefined ? undefined : body[name];
  if (name === undefined || written === undefined) return body;
  const read = async (one: unknown): Promise<unknown> => {
    if (typeof one !== 'string' || !/\.(?:pem|crt|cer)$/.test(one) || one.includes('\n')) return one;
    const loaded = await loadPem({ path: resolve(folder, one), label: `${name} of ${kind}/${id}` });
    if (!loaded.ok) throw new UsageError(`${loaded.message}. ${loaded.hint}`);
    return loaded.pem;
  };
  const text = Array.isArray(written) ? await Promise.all(written.map(read)) : await read(written);
  return { ...body, [name]: text as JsonObject[string] };
}

/** A key as a path or as PEM is sealed here; what is sealed already stays. */
async function withSealedKey(
  { kind, id, body, folder }: WrittenObject,
  { opener, sealKey, pending, store, parent }: Keys,
): Promise<JsonObject> {
  const { key } = body;
  if (kind !== 'certificates' || typeof key !== 'string') return body;
  const loaded = await loadPem(
    key.includes('-----BEGIN') ? { pem: key } : { path: resolve(folder, key), label: `the key of ${kind}/${id}` },
  );
  if (!loaded.ok) throw new UsageError(`${loaded.message}. ${loaded.hint}`);
  if (opener === undefined || sealKey === undefined)
    throw new StoreProblem('seal_key_missing', 'the opening key is not beside the store, so nothing can be sealed');
  // The same key again is no change.
  const present = (await store.revisions.findObject(parent, { kind, id }))?.body['key'];
  const digest = isSealed(present) ? present.sealed : undefined;
  const held = isDigest(digest) ? await store.sealed.get(digest) : undefined;
  if (held !== undefined && opener.open(held).equals(Buffer.from(loaded.pem)))
    return { ...body, key: { sealed: held.digest } };
  const blob = seal(sealKey, { kind, id }, Buffer.from(loaded.pem));
  pending.set(blob.digest, blob);
  return { ...body, key: { sealed: blob.digest } };
}

async function printPlan(io: CommandIo, { parent, objects, problems, access }: RevisionPlan): Promise<void> {
  await printProblems(problems, io.stdout);
  io.stdout.write(`compared with revision ${parent.number}:\n`);
  if (objects.length === 0) io.stdout.write('nothing changes\n');
  for (const { kind, id, change, fields, more } of objects) {
    io.stdout.write(`${change}: ${kind}/${escapeForLog(id)}\n`);
    // Values may be long, or a secret somebody put there: the places say enough.
    for (const { pointer } of fields) io.stdout.write(`  ${escapeForLog(pointer)}\n`);
    if (more) io.stdout.write('  …\n');
  }
  if (access !== undefined) io.stdout.write(`${printChanges(access, `revision ${parent.number}`).join('\n')}\n`);
}
