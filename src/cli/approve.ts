// `countersign approve`: the files of a configuration, as they stand, are what gateways are to run. Where that is written down decides who
// can do it: whoever holds the opening key of the store, the key that signs, or root.
import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { UsageError } from '../base/usage-error.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { FileDigest } from '../config/load-config.ts';
import { readStore } from '../config/read-config.ts';
import type { StoreLocation } from '../config/store-location.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import {
  type ApprovalList,
  compareFiles,
  describeDifference,
  filesToApprove,
  nameInList,
  NoApproval,
  parseApprovalList,
  writeApprovalList,
} from '../drift/approval-list.ts';
import { CommitFiles } from '../drift/commit-files.ts';
import { readApproval, recordApproval } from '../drift/stored-approval.ts';
import { digestFor, isSigningKey, parsePublicKey, signCommand } from '../drift/trusted-list.ts';
import { loadGateway } from '../loading/load.ts';
import { openSourceToLook } from '../loading/open-source.ts';
import { openExistingStore, openStore } from '../loading/open-store.ts';
import { readOpener } from '../loading/read-opener.ts';
import { StoreProblem } from '../store/store-problem.ts';
import type { CommandIo } from './command-io.ts';
import { gatewayNameOf } from './gateway-name.ts';
import { lenientOption, strictOption } from './lenient-option.ts';
import { printProblems } from './problems.ts';

type Options = {
  readonly config: string;
  readonly sign?: string;
  readonly commit?: string;
  readonly file?: string | true;
  readonly gateway?: string;
  readonly reason?: string;
  readonly lenient?: true;
};

export function approveCommand(io: CommandIo = process): Command {
  return new Command('approve')
    .requiredOption('-c, --config <file>', 'configuration file')
    .option('--sign <key>', 'write the list to a file and sign it with this private key (PEM; Ed25519 or ECDSA)')
    .option('--commit <id>', 'only if the files are those of this commit of the work tree that the configuration is in')
    .option('--file [list]', 'write the list to a file although there is a store (default: CONFIG.approved)')
    .option('--gateway <name>', 'for which gateway on the store (default: this one)')
    .option('--reason <text>', 'stands in the audit log')
    .addOption(lenientOption())
    .addOption(strictOption())
    .addHelpText('after', '\nExit code: 0 approved; 1 not, see the errors; nothing was changed then.')
    .action(async (options: Options) => {
      try {
        await approve(io, options);
      } catch (error) {
        const isTold = error instanceof StoreProblem || error instanceof NoApproval;
        if (!isTold && !(error instanceof UsageError)) throw error;
        io.exitCode = 1;
        io.stderr.write(`error: ${escapeForLog(error.message, 2000)}${isTold ? `\n  ${error.help}` : ''}\n`);
      }
    });
}

type Read = { readonly config: GatewayConfig; readonly digests: readonly FileDigest[] };

async function approve(io: CommandIo, options: Options): Promise<void> {
  const file = resolve(options.config);
  const folder = dirname(file);
  const { config, digests } = await read(io, file, options);
  const { drift } = config;
  const { files, except } = filesToApprove(digests, drift.except, folder);
  const commit =
    options.commit === undefined ? undefined : await compareWithCommit(options.commit, digests, files, folder);
  const list: ApprovalList = {
    approvedAt: new Date(systemClock.now()).toISOString(),
    by: `local:${userInfo().username}`,
    onChange: drift.onChange ?? 'none',
    commit: commit?.id,
    except,
    files,
  };
  const location = await readStore(
    { file },
    { env: io.env, strict: true, clock: systemClock, readStore: io.readStore },
  );
  const inFile = options.sign !== undefined || options.file !== undefined || drift.publicKey !== undefined;
  const path = typeof options.file === 'string' ? resolve(options.file) : drift.list;
  const place: Place =
    location === undefined || inFile
      ? fileFor(path, file, drift.publicKey, options.sign)
      : storeFor(location, options.gateway ?? gatewayNameOf(location), options.reason);
  const before = await place.before();
  const where = await place.write(writeApprovalList(list));
  tell(io, options.config, { list, before, digests, folder, outside: commit?.outside ?? [], where });
}

/** Rejects where a gateway could not load it: nothing is gained by approving that. */
async function read(io: CommandIo, file: string, { lenient, config }: Options): Promise<Read> {
  const crls = new CrlPublisher({ clock: systemClock });
  const { loaded, digests, problems } = await loadGateway(
    await openSourceToLook(file, { env: io.env, clock: systemClock }),
    {
      env: io.env,
      strict: lenient !== true,
      clock: systemClock,
      tolerateExpired: true,
      crls,
      ...(io.read && { read: io.read }),
    },
  );
  crls.close();
  if (loaded !== undefined) return { config: loaded.config, digests };
  await printProblems(
    problems.filter(({ severity }) => severity === 'error'),
    io.stderr,
  );
  throw new UsageError(`${config} is not usable, see the errors above: nothing was approved`);
}

/** Names of files that are not in it. Rejects where one that is in it is another on the disk. */
async function compareWithCommit(
  id: string,
  digests: readonly FileDigest[],
  files: ApprovalList['files'],
  folder: string,
): Promise<{ readonly id: string; readonly outside: readonly string[] }> {
  const commit = await CommitFiles.open(folder, id);
  const outside: string[] = [];
  const others: string[] = [];
  for (const { path, sha256, isText } of digests) {
    const name = nameInList(path, folder);
    if (!files.has(name)) continue;
    const committed = await commit.digestOf(path);
    if (committed === undefined && isText === true) others.push(name);
    else if (committed === undefined) outside.push(name);
    else if (committed !== sha256) others.push(name);
  }
  if (others.length > 0)
    throw new NoApproval(
      `the files on the disk are not those of commit ${commit.id}: ${others.join(', ')}`,
      'Check the commit out, or give the id of the one that is checked out.',
    );
  return { id: commit.id, outside };
}

type Place = {
  /** The approval before; undefined where there is none that can be read. */
  readonly before: () => Promise<ApprovalList | undefined>;
  /** Where it is now, for people. */
  readonly write: (text: string) => Promise<string>;
};

function storeFor(location: StoreLocation, gateway: string, reason: string | undefined): Place {
  const opener = readOpener(location);
  if (opener === undefined)
    throw new StoreProblem('seal_key_missing', 'the opening key is not beside the store: who has it can approve');
  const how = { clock: systemClock, as: 'command' } as const;
  return {
    before: async () => {
      await using store = await openStore(location, { ...how, access: 'read' });
      const text = await readApproval(store.audit, opener, gateway).catch(() => undefined);
      return text === undefined ? undefined : parseApprovalList(text);
    },
    write: async (text) => {
      await using store = await openExistingStore(location, how);
      const act = { actor: `local:${userInfo().username}`, reason: reason ?? 'countersign approve' };
      await recordApproval(store.audit, opener, gateway, text, act);
      return `recorded in the store for gateway ${gateway}`;
    },
  };
}

function fileFor(
  path: string,
  mainFile: string,
  publicKey: GatewayConfig['drift']['publicKey'],
  signWith: string | undefined,
): Place {
  const key = signWith === undefined ? undefined : readSigningKey(signWith);
  const declared = publicKey && readDeclaredKey(publicKey);
  if (key !== undefined && declared !== undefined && !createPublicKey(key).equals(declared))
    throw new NoApproval(
      `${signWith} is not the key that gateway.drift.approval.publicKey names`,
      'Sign with the private half of that one.',
    );
  if (key === undefined && declared === undefined && process.geteuid?.() !== 0)
    throw new NoApproval(
      'a list that is not signed is believed only where it belongs to root',
      'Run this as root, or sign it: --sign KEY, with the public key in gateway.drift.approval.publicKey.',
    );
  return {
    before: async () => {
      try {
        return parseApprovalList(readRegularFileSync(path, 1024 * 1024).toString('utf8'));
      } catch {
        return undefined;
      }
    },
    write: async (text) => {
      const like = statSync(mainFile);
      if (key !== undefined) replaceFile(`${path}.sig`, sign(digestFor(key), Buffer.from(text), key), like);
      replaceFile(path, text, like);
      if (key !== undefined) return `written to ${showPath(path)}, signed in ${showPath(path)}.sig`;
      if (declared === undefined) return `written to ${showPath(path)}, which belongs to root`;
      return `written to ${showPath(path)}; it counts once it is signed:\n  ${signCommand(declared, 'KEY', showPath(path))}`;
    },
  };
}

function readSigningKey(path: string): KeyObject {
  const help =
    'Give the PEM of an Ed25519 or ECDSA private key without a password: openssl genpkey -algorithm ed25519 -out KEY';
  let key: KeyObject;
  try {
    key = createPrivateKey(readRegularFileSync(path, 64 * 1024));
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    const isLocked = code === 'ERR_MISSING_PASSPHRASE' || /INTERRUPTED|BAD_PASSWORD/.test(code);
    throw new NoApproval(
      isLocked ? `${showPath(path)} is locked with a password` : `${showPath(path)} is no private key that can be read`,
      isLocked ? 'Sign with OpenSSL instead: leave --sign out and follow what is said then.' : help,
    );
  }
  if (!isSigningKey(key)) throw new NoApproval(`${showPath(path)} is a key of the type ${key.asymmetricKeyType}`, help);
  return key;
}

function readDeclaredKey(ref: NonNullable<GatewayConfig['drift']['publicKey']>): KeyObject {
  const pem = 'pem' in ref ? ref.pem : readRegularFileSync(ref.path, 64 * 1024).toString('utf8');
  return parsePublicKey(pem, 'gateway.drift.approval.publicKey');
}

/** As a whole. Whoever may read the configuration may read it, and nobody but its owner may write to it. */
function replaceFile(
  path: string,
  content: string | Uint8Array,
  like: { readonly mode: number; readonly gid: number },
): void {
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const file = openSync(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    writeFileSync(file, content);
    if (process.geteuid?.() === 0) fchownSync(file, 0, like.gid);
    fchmodSync(file, 0o600 | (like.mode & 0o044));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(draft, path);
}

type Told = {
  readonly list: ApprovalList;
  readonly before: ApprovalList | undefined;
  readonly digests: readonly FileDigest[];
  readonly folder: string;
  readonly outside: readonly string[];
  readonly where: string;
};

function tell(io: CommandIo, config: string, { list, before, digests, folder, outside, where }: Told): void {
  const say = (line: string): void => void io.stdout.write(`${line}\n`);
  const count = list.files.size;
  say(`${config}: ${count} ${count === 1 ? 'file' : 'files'} approved ${list.approvedAt} by ${list.by}`);
  if (before === undefined) say('it is the first approval');
  else {
    const news = describeDifference(compareFiles(before, digests, folder));
    say(
      `since the approval of ${before.approvedAt}: ${news === '' ? 'nothing was changed' : escapeForLog(news, 2000)}`,
    );
  }
  if (list.commit !== undefined) say(`commit ${list.commit}`);
  if (outside.length > 0) say(`not in the commit, approved as they stand: ${escapeForLog(outside.join(', '), 2000)}`);
  if (list.onChange === 'none')
    say(
      'warning: this configuration does not say gateway.drift.onChange: without it, or `run --require-approval`, nothing is compared',
    );
  say(where);
}
