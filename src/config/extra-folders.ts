// `gateway.extraConfig` and `gateway.providers`: folders of further files with routes and middlewares. Which folders a main file
// names has to be known before it is parsed whole, so it is read off the tree here. What would be fetched is refused.
import type { Cursor } from '../yaml/cursor.ts';
import { saysOn } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { TreeNode } from '../yaml/tree.ts';
import { flag, text } from './atoms.ts';
import type { PathRef } from './ref.ts';
import { block, key } from './key.ts';
import { refTo } from './material-ref.ts';
import { ignored, refused } from './support.ts';

const watch = key(flag, { says: 'Accepted; every file is watched always.' });

export const extraConfigKeys = {
  directory: key(text, {
    says: 'Folder of further files (*.yml, *.yaml, subfolders too) with routes and middlewares.',
    page: 'Goma. Folder of further `*.yml` and `*.yaml` files with `version`, `routes`, `middlewares`; subfolders too, hidden ones not. Relative to the configuration file. One that does not exist is a warning at the start; a reload that would lose one that was there is refused.',
  }),
  watch,
};

const cloneHint =
  'Clone it beside the gateway, and name the folder in gateway.extraConfig.directory: changes are picked up.';
const fetchHint =
  'Have it written into a folder, and name that in gateway.extraConfig.directory: changes are picked up.';

export const providersKeys = {
  file: block(
    {
      enabled: key(flag, {
        says: 'Default {default}.',
        default: false,
        page: 'Goma. Without it `directory` is not read.',
      }),
      directory: key(text, {
        says: 'Folder of further files, as extraConfig.directory, *.json too.',
        page: 'Goma. As `extraConfig.directory`; `*.json` too.',
      }),
      watch,
    },
    { idleWhenOff: true },
  ),
  git: refused('leave out the routes and middlewares of that repository', cloneHint),
  http: refused('leave out the routes and middlewares of that address', fetchHint),
  signing: ignored('no bundles are fetched whose signature could be verified; files are trusted as this one is'),
};

export type ExtraFolder = PathRef & {
  readonly key: 'gateway.extraConfig.directory' | 'gateway.providers.file.directory';
  /** *.json is read as well. */
  readonly json: boolean;
};

/** The folders that a main file names; the tree may be wrong in any way. */
export function findExtraFolders(tree: TreeNode | undefined, mainFile: string): ExtraFolder[] {
  const folders: ExtraFolder[] = [];
  const add = (around: TreeNode | undefined, name: ExtraFolder['key'], json: boolean): void => {
    const node = childOf(around, 'directory');
    if (node?.kind !== 'scalar' || node.text === '' || node.text.includes('\0')) return;
    const ref = refTo(node.text, { place: node.place, source: node.source }, false, mainFile);
    const same = folders.findIndex(({ path }) => path === ref.path);
    if (same >= 0) folders.splice(same, 1);
    folders.push({ ...ref, key: name, json });
  };
  const gateway = childOf(tree, 'gateway');
  add(childOf(gateway, 'extraConfig'), 'gateway.extraConfig.directory', false);
  const provider = childOf(childOf(gateway, 'providers'), 'file');
  const enabled = childOf(provider, 'enabled');
  if (enabled?.kind === 'scalar' && saysOn.test(enabled.text)) add(provider, 'gateway.providers.file.directory', true);
  return folders;
}

function childOf(node: TreeNode | undefined, name: string): TreeNode | undefined {
  return node?.kind === 'map' ? node.entries.get(name)?.value : undefined;
}

type ProviderFile = { readonly enabled: boolean; readonly directory?: string | undefined };

/** `around`: `gateway`. A provider that is on has to have a folder; one that is off reads none, and says so. */
export function checkProviderFile(
  { enabled, directory = '' }: ProviderFile,
  around: Cursor,
  problems: ProblemList,
): void {
  const at = around.down('providers', 'file');
  if (enabled && directory === '' && !at.isBroken('directory'))
    problems.error(
      'missing_key',
      at.keyPlace('enabled'),
      'providers.file is enabled without a `directory`',
      'Name the folder.',
    );
  if (!enabled && directory !== '')
    problems.warn(
      'ignored_key',
      at.keyPlace('directory'),
      'directory has no effect: providers.file is not enabled',
      'Write enabled: true.',
    );
}
