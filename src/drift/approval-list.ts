// The list of approved files: a text that `sha256sum -c` understands, with what else was approved in comments above. One text for
// each content, so that a signature over it, or a digest of it, is about the content.
import { isAbsolute, relative, resolve } from 'node:path';
import type { FileDigest } from '../config/load-config.ts';

export type ApprovalList = {
  /** ISO 8601. */
  readonly approvedAt: string;
  readonly by: string;
  /** What the approved configuration wants done with another one. */
  readonly onChange: 'alert' | 'refuse' | 'none';
  /** Id of the commit whose files these are; undefined: they were taken as they stood. */
  readonly commit: string | undefined;
  /** Names of files and folders that the approved configuration leaves to others; sorted. */
  readonly except: readonly string[];
  /** Digests by name: below the folder of the main file relative to it, else absolute. Sorted. */
  readonly files: ReadonlyMap<string, string>;
};

export type Difference = {
  readonly changed: readonly string[];
  readonly added: readonly string[];
  readonly missing: readonly string[];
};

export class NoApproval extends Error {
  override readonly name = 'NoApproval';
  readonly help: string;

  constructor(message: string, help: string) {
    super(message);
    this.help = help;
  }
}

const title = '# countersign approval 1';
export const maxListBytes = 1024 * 1024;

/** How a file is called in a list. `folder`: of the main file. Throws NoApproval where no line could hold the name. */
export function nameInList(path: string, folder: string): string {
  const below = relative(folder, path);
  const name = below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
  if (/[\u0000-\u001f\u007f\\]/.test(name))
    throw new NoApproval(
      'the name of a file has a backslash or a control character in it: no list can hold it',
      'Give the file another name.',
    );
  return name;
}

export function makeFiles(digests: readonly FileDigest[], folder: string): ReadonlyMap<string, string> {
  const files = digests.map(({ path, sha256 }): [string, string] => [nameInList(path, folder), sha256]);
  return new Map(files.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

export function writeApprovalList({ approvedAt, by, onChange, commit, except, files }: ApprovalList): string {
  const head = [
    title,
    `# approved ${approvedAt} by ${by}`,
    `# onChange ${onChange}`,
    ...(commit === undefined ? [] : [`# commit ${commit}`]),
    ...except.map((name) => `# except ${name}`),
  ];
  return `${[...head, ...[...files].map(([name, sha256]) => `${sha256}  ${name}`)].join('\n')}\n`;
}

/** Throws NoApproval for every text that writeApprovalList does not write. */
export function parseApprovalList(text: string): ApprovalList {
  const refused = new NoApproval(
    'the list of approved files is not one that `countersign approve` wrote',
    'Run `countersign approve` again.',
  );
  if (Buffer.byteLength(text) > maxListBytes) throw refused;
  const lines = text.split('\n');
  const [first, approved, change, maybeCommit] = lines;
  const [, approvedAt, by] = /^# approved (\S+) by (.+)$/.exec(approved ?? '') ?? [];
  const [, onChange] = /^# onChange (alert|refuse|none)$/.exec(change ?? '') ?? [];
  const [, commit] = /^# commit ([0-9a-f]{40}|[0-9a-f]{64})$/.exec(maybeCommit ?? '') ?? [];
  const rest = lines.slice(commit === undefined ? 3 : 4, -1);
  const except = rest.flatMap((line) => /^# except (.+)$/.exec(line)?.[1] ?? []);
  if (first !== title || approvedAt === undefined || by === undefined || onChange === undefined) throw refused;
  const files = new Map<string, string>();
  for (const line of rest.slice(except.length)) {
    const [, sha256, name] = /^([0-9a-f]{64}) {2}([^\u0000-\u001f\u007f\\]+)$/.exec(line) ?? [];
    if (sha256 === undefined || name === undefined) throw refused;
    files.set(name, sha256);
  }
  const list = { approvedAt, by, onChange: onChange as ApprovalList['onChange'], commit, except, files };
  if (Number.isNaN(Date.parse(approvedAt)) || files.size === 0 || writeApprovalList(list) !== text) throw refused;
  return list;
}

/** What is to be approved of what was read: what others renew by themselves is left out, but never a text of the configuration. */
export function filesToApprove(
  digests: readonly FileDigest[],
  except: readonly string[],
  folder: string,
): Pick<ApprovalList, 'files' | 'except'> {
  return {
    files: makeFiles(
      digests.filter(({ path, isText }) => isText === true || !isExcepted(path, except)),
      folder,
    ),
    except: except.map((path) => nameInList(path, folder)).toSorted(),
  };
}

/** What is another than it was approved to be. `folder`: of the main file. */
export function compareFiles(approved: ApprovalList, digests: readonly FileDigest[], folder: string): Difference {
  const { files: present } = filesToApprove(
    digests,
    approved.except.map((name) => resolve(folder, name)),
    folder,
  );
  return {
    changed: [...present].flatMap(([name, sha256]) => {
      const known = approved.files.get(name);
      return known === undefined || known === sha256 ? [] : [name];
    }),
    added: [...present.keys()].filter((name) => !approved.files.has(name)),
    missing: [...approved.files.keys()].filter((name) => !present.has(name)),
  };
}

/** `except`: absolute paths of files and folders. */
export function isExcepted(path: string, except: readonly string[]): boolean {
  return except.some((one) => path === one || path.startsWith(one.endsWith('/') ? one : `${one}/`));
}

export function isSame({ changed, added, missing }: Difference): boolean {
  return changed.length + added.length + missing.length === 0;
}

const maxNamed = 5;

/** `gateway.yml was changed; extra/b.yml is new`. */
export function describeDifference({ changed, added, missing }: Difference): string {
  const some = (names: readonly string[], one: string, several: string): string[] => {
    if (names.length === 0) return [];
    const more = names.length > maxNamed ? ` and ${names.length - maxNamed} more` : '';
    return [`${names.slice(0, maxNamed).join(', ')}${more} ${names.length === 1 ? one : several}`];
  };
  return [
    ...some(changed, 'was changed', 'were changed'),
    ...some(added, 'is new', 'are new'),
    ...some(missing, 'is gone', 'are gone'),
  ].join('; ');
}
