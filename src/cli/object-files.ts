// Objects of a store in YAML: the lists of the configuration (`gateway.services`, …), in files that hold nothing else.
import { dirname, resolve } from 'node:path';
import { isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { readRegularFile } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { UsageError } from '../base/usage-error.ts';
import { storedList, storedKinds } from '../config/stored-kinds.ts';
import type { JsonObject } from '../store/canonical-json.ts';
import type { ObjectName } from '../store/object.ts';
import { findPassedLimit, yamlLimits } from '../yaml/limits.ts';

export type WrittenObject = ObjectName & {
  readonly body: JsonObject;
  /** What relative paths in it are relative to. */
  readonly folder: string;
};

/** In the order of the files. Throws UsageError for what is no list of objects; what an object says is not looked at. */
export async function readObjectFiles(files: readonly string[]): Promise<WrittenObject[]> {
  const objects: WrittenObject[] = [];
  for (const file of files) objects.push(...objectsIn(await readText(file), file));
  const known = new Set<string>();
  for (const { kind, id } of objects) {
    const key = JSON.stringify([kind, id]);
    if (known.has(key)) throw new UsageError(`${kind}/${id} stands in these files twice`);
    known.add(key);
  }
  return objects;
}

async function readText(file: string): Promise<string> {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readRegularFile(file, yamlLimits.fileBytes));
  } catch (error) {
    throw new UsageError(`${showPath(file)} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function objectsIn(text: string, file: string): WrittenObject[] {
  const name = showPath(file);
  const passed = findPassedLimit(text);
  if (passed !== undefined) throw new UsageError(`${name} has ${passed.what}`);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const [error] = document.errors;
  if (error !== undefined) {
    const { line, col } = lines.linePos(error.pos[0]);
    throw new UsageError(`${name}:${line}:${col}: not valid YAML (${error.code})`);
  }
  visit(document, {
    // What a number would lose: 1.10 stays as it is written.
    Scalar: (_, node) => {
      if (isScalar(node) && typeof node.value === 'number' && node.source !== String(node.value))
        node.value = node.source ?? node.value;
    },
  });
  const root: unknown = document.toJS({ maxAliasCount: 100 });
  const found: WrittenObject[] = [];
  const rest = takeLists(root, (kind, nameKey, item) => {
    if (!isMap(item)) throw new UsageError(`${name}: an item of ${kind} is no map`);
    const { [nameKey]: id, ...body } = item;
    if (typeof id !== 'string' || id === '') throw new UsageError(`${name}: an item of ${kind} has no ${nameKey}`);
    found.push({ kind, id, body: body as JsonObject, folder: dirname(resolve(file)) });
  });
  if (rest !== undefined)
    throw new UsageError(`${name}: ${rest} is nothing that a store holds; it holds ${storedKinds.join(', ')}`);
  return found;
}

/** Hands on every item of the lists; the path of the first thing that is none of them, where there is one. */
function takeLists(root: unknown, take: (kind: string, nameKey: string, item: unknown) => void): string | undefined {
  const lists = new Map(storedKinds.map((kind) => [storedList(kind).path.join('.'), kind]));
  const walk = (value: unknown, path: string): string | undefined => {
    const kind = lists.get(path);
    if (kind !== undefined && Array.isArray(value)) {
      for (const item of value as readonly unknown[]) take(kind, storedList(kind).nameKey, item);
      return undefined;
    }
    const leadsOn = path === '' || [...lists.keys()].some((list) => list.startsWith(`${path}.`));
    if (!leadsOn || !isMap(value)) return path === '' ? 'the file' : path;
    for (const [key, member] of Object.entries(value)) {
      if (path === '' && key === 'version') continue;
      const wrong = walk(member, path === '' ? key : `${path}.${key}`);
      if (wrong !== undefined) return wrong;
    }
    return undefined;
  };
  return walk(root, '');
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
