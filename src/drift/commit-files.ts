// The files of a commit, proved by its id: commit, trees and blobs are hashed here, so that neither git nor what lies in .git has to be
// believed. Git only fetches objects from the disk: none of its programs, hooks or filters that a work tree can name is run, and nothing is
// asked of the network.
import { execFile } from 'node:child_process';
import { hash } from 'node:crypto';
import { dirname, relative, sep } from 'node:path';
import { realpath } from 'node:fs/promises';
import { NoApproval } from './approval-list.ts';

type Entry = { readonly mode: string; readonly id: string };

const gitMs = 30_000;
const maxObjectBytes = 64 * 1024 * 1024;
const gitlink = '160000';
const link = '120000';
const folderMode = '40000';

/** What a configuration of git, the user's or the tree's, could turn into a command or a request is off. */
const safe = [
  '--no-replace-objects',
  '--no-optional-locks',
  '-c',
  'core.fsmonitor=false',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.sshCommand=false',
  '-c',
  'protocol.allow=never',
];

export class CommitFiles {
  /** In full. */
  readonly id: string;
  readonly #top: string;
  readonly #root: string;
  readonly #trees = new Map<string, ReadonlyMap<string, Entry>>();

  private constructor(id: string, top: string, root: string) {
    this.id = id;
    this.#top = top;
    this.#root = root;
  }

  /** `folder`: of the main file, in a work tree. `id`: of a commit; a branch or a tag would be moved. Rejects with NoApproval. */
  static async open(folder: string, id: string): Promise<CommitFiles> {
    if (!/^[0-9a-f]{7,64}$/.test(id))
      throw new NoApproval(
        `${JSON.stringify(id)} is not the id of a commit`,
        'Give it in hexadecimal (git rev-parse HEAD): a branch or a tag can be moved.',
      );
    const top = (await git(folder, ['rev-parse', '--show-toplevel'])).toString('utf8').replace(/\n$/, '');
    const full = (await git(folder, ['rev-parse', '--verify', '--quiet', `${id}^{commit}`])).toString('latin1').trim();
    const commit = await readObject(top, 'commit', full);
    const [, root] = /^tree ([0-9a-f]+)\n/.exec(commit.subarray(0, 80).toString('latin1')) ?? [];
    if (root === undefined) throw notWhatItSays(full);
    return new CommitFiles(full, await realpath(top), root);
  }

  /** SHA-256 of what the file is in the commit; undefined where it is none of its files. `path`: absolute. */
  async digestOf(path: string): Promise<string | undefined> {
    const real = await realpath(dirname(path)).catch(() => undefined);
    if (real === undefined) return undefined;
    const below = relative(this.#top, `${real}${sep}${path.slice(dirname(path).length).replace(/^\/+/, '')}`);
    if (below === '' || below.startsWith('..')) return undefined;
    let tree = this.#root;
    const names = below.split(sep);
    for (const [at, name] of names.entries()) {
      const entry = (await this.#read(tree)).get(name);
      if (entry === undefined || entry.mode === gitlink) return undefined;
      if (entry.mode === link)
        throw new NoApproval(`${below} is a link in the commit`, 'Name the file that it leads to.');
      const isFolder = entry.mode === folderMode;
      if (at === names.length - 1)
        return isFolder ? undefined : hash('sha256', await readObject(this.#top, 'blob', entry.id), 'hex');
      if (!isFolder) return undefined;
      tree = entry.id;
    }
    return undefined;
  }

  async #read(id: string): Promise<ReadonlyMap<string, Entry>> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const tree = parseTree(await readObject(this.#top, 'tree', id), id.length / 2);
    this.#trees.set(id, tree);
    return tree;
  }
}

/** `idBytes`: 20 of SHA-1, 32 of SHA-256. */
function parseTree(bytes: Buffer, idBytes: number): ReadonlyMap<string, Entry> {
  const entries = new Map<string, Entry>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const end = bytes.indexOf(0, space);
    if (space < 0 || end < 0 || end + idBytes >= bytes.length + 1) throw notWhatItSays('a folder of the commit');
    const mode = bytes.subarray(at, space).toString('latin1');
    const name = bytes.subarray(space + 1, end).toString('utf8');
    entries.set(name, { mode, id: bytes.subarray(end + 1, end + 1 + idBytes).toString('hex') });
    at = end + 1 + idBytes;
  }
  return entries;
}

async function readObject(top: string, kind: 'commit' | 'tree' | 'blob', id: string): Promise<Buffer> {
  const bytes = await git(top, ['cat-file', kind, id]);
  const algorithm = id.length === 64 ? 'sha256' : 'sha1';
  if (hash(algorithm, Buffer.concat([Buffer.from(`${kind} ${bytes.length}\0`), bytes]), 'hex') !== id)
    throw notWhatItSays(id);
  return bytes;
}

function notWhatItSays(what: string): NoApproval {
  return new NoApproval(`${what} is not what its id was made of`, 'Run git fsck, and find out who wrote to .git.');
}

async function git(folder: string, args: readonly string[]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    execFile(
      'git',
      [...safe, '-C', folder, ...args],
      { encoding: 'buffer', maxBuffer: maxObjectBytes, timeout: gitMs, env: environment() },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const said = stderr.toString('utf8').split('\n')[0]?.slice(0, 300) ?? '';
        const why = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'git is not installed' : said;
        reject(
          new NoApproval(
            `git does not give ${args[0] === 'cat-file' ? 'a file of the commit' : 'the commit'}: ${why === '' ? 'it is not there' : why}`,
            'The folder of the configuration must be in a work tree that belongs to you and holds the commit.',
          ),
        );
      },
    );
  });
}

/** Whoever owns the tree must be who asks, or root: git sees to that as long as nobody has told it otherwise. */
function environment(): NodeJS.ProcessEnv {
  const { PATH, SUDO_UID } = process.env;
  return {
    ...(PATH !== undefined && { PATH }),
    ...(SUDO_UID !== undefined && { SUDO_UID }),
    HOME: '/nonexistent',
    LC_ALL: 'C',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_TERMINAL_PROMPT: '0',
  };
}
