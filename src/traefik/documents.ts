// Traefik's files: the static configuration (entry points, where the dynamic one is) and the dynamic one of the file provider, as YAML or
// TOML, often in one file or in several.
import { globSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { ImportWorld, SourceText } from '../import/import-config.ts';
import { Reading, type SourceMap } from '../import/source-map.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { parseForeignTrees, type TreeMap, type TreeNode } from '../yaml/tree.ts';
import { parseTomlTree } from './toml-tree.ts';

const maxFiles = 200;

/** All files as one map: what stands in two of them under one name counts as written twice. */
export async function readDocuments(
  files: readonly SourceText[],
  { report, readText }: ImportWorld,
): Promise<SourceMap | undefined> {
  const reading = new Reading(report, (name) => name.toLowerCase());
  const root: TreeMap = { kind: 'map', entries: new Map(), place: { file: files[0]?.file ?? '', line: 1, col: 1 } };
  const queue = [...files];
  const folder = dirname(resolve(files[0]?.file ?? '.'));
  const seen = new Set<string>();
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    const problems = new ProblemList();
    if (seen.has(resolve(next.file)) || seen.size >= maxFiles) continue;
    seen.add(resolve(next.file));
    for (const tree of await parse(next, problems)) {
      if (tree.kind === 'scalar' && tree.isNull) continue;
      if (tree.kind !== 'map') report.refuse('bad_value', tree, next.file, 'is no map');
      else merge(root, tree);
      for (const path of providedBy(tree, folder)) {
        const text = await readText(relative(folder, path));
        if (text !== undefined)
          queue.push({ file: join(dirname(files[0]?.file ?? '.'), relative(folder, path)), text });
        else if (files.some(({ file }) => basename(file) === basename(path)) || (isFolder(path) && files.length > 1))
          report.changed(tree, path, 'the files that were given are taken for those that the file provider reads');
        else
          report.loses(
            'dynamic_resource',
            tree,
            path,
            'what the file provider reads cannot be read here: give these files too',
          );
      }
    }
    for (const { code, place, message } of problems.sorted([next.file]))
      report.refuse(code, { place }, next.file, message);
  }
  return report.failed ? undefined : reading.mapOf(root, '');
}

async function parse({ file, text }: SourceText, problems: ProblemList): Promise<TreeNode[]> {
  // Of the templates of the file provider only variables have a counterpart.
  const plain = text.replace(/\{\{\s*env\s+["`]([A-Za-z_]\w*)["`]\s*\}\}/g, '${$1}');
  const at = plain.search(/\{\{/);
  if (at >= 0) {
    const line = plain.slice(0, at).split('\n').length;
    problems.error('template', { file, line, col: 1 }, 'a Go template: give the file as it is when it was filled in');
    return [];
  }
  if (!file.endsWith('.toml')) return parseForeignTrees(file, plain, problems);
  const tree = await parseTomlTree(file, plain, problems);
  return tree === undefined ? [] : [tree];
}

/** Files that `providers.file` names. */
function providedBy(tree: TreeNode, folder: string): string[] {
  const provider = below(below(tree, 'providers'), 'file');
  const name = textOf(below(provider, 'filename'));
  const directory = textOf(below(provider, 'directory'));
  const cwd = resolve(folder, directory ?? '');
  const all = directory === undefined ? [] : globSync('**/*.{yml,yaml,toml}', { cwd }).toSorted();
  // A folder in which there is nothing is named itself: it may be elsewhere.
  const found = directory === undefined || all.length > 0 ? all : [''];
  return [
    ...(name === undefined ? [] : [resolve(folder, name)]),
    ...found.slice(0, maxFiles).map((one) => resolve(cwd, one)),
  ];
}

/** What is no file of the file provider. */
function isFolder(path: string): boolean {
  return !/\.(?:ya?ml|toml)$/.test(path);
}

function below(node: TreeNode | undefined, name: string): TreeNode | undefined {
  if (node?.kind !== 'map') return undefined;
  return [...node.entries].find(([key]) => key.toLowerCase() === name)?.[1].value;
}

function textOf(node: TreeNode | undefined): string | undefined {
  return node?.kind === 'scalar' ? node.text : undefined;
}

/** Maps are joined, lists too; of anything else the second is kept apart, and told of as written twice. */
function merge(into: TreeMap, from: TreeMap): void {
  for (const [key, entry] of from.entries) {
    const known = into.entries.get(key);
    if (known?.value.kind === 'map' && entry.value.kind === 'map') merge(known.value, entry.value);
    else if (known?.value.kind === 'list' && entry.value.kind === 'list') known.value.items.push(...entry.value.items);
    else if (known?.value.kind === 'scalar' && entry.value.kind === 'scalar' && known.value.text === entry.value.text)
      continue;
    else if (known === undefined) into.entries.set(key, entry);
    // Told of by the reader of the map: two keys that differ by case only are one.
    else into.entries.set(key.toUpperCase(), entry);
  }
}
