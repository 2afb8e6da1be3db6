// What the texts of a configuration hold: YAML to trees with places, keys and shapes checked, the main file and the extra files
// put together. What the values mean is read after this (parse-config.ts).
import { Cursor } from '../yaml/cursor.ts';
import type { Environment } from '../yaml/environment.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { parseYamlTree, type TreeNode } from '../yaml/tree.ts';
import { findCertManager, type WrittenCertManager } from './cert-manager.ts';
import { checkShape } from './check-shape.ts';
import { type ExtraFolder, findExtraFolders } from './extra-folders.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { GatewayShape } from './gateway.ts';
import { applyGomaEnvironment } from './goma-environment.ts';
import { KeyPlaces } from './key-places.ts';
import { checkKeys, type KeyCheck } from './known-keys.ts';
import { extraFileShape, mainFileShape } from './main-file.ts';
import type { WrittenMiddleware } from './middlewares.ts';
import { isEnabled, type WrittenRoute } from './route.ts';
import { mayNameStore } from './may-name-store.ts';
import type { StoreLocation } from './store-location.ts';
import { findStore } from './store-url.ts';
import { addStoredObjects, type StoredObjects } from './stored-objects.ts';
import { UnresolvedValues } from './unresolved-values.ts';

export type ConfigText = { readonly file: string; readonly text: string };

export type ConfigInput = ConfigText & {
  /** Files of extra folders; `file` of each absolute, as that of the main file. */
  readonly extra: readonly ConfigText[];
  readonly env: Environment;
  /** Unknown keys are errors; false (--lenient): warnings, except where they are about trust. */
  readonly strict: boolean;
  /** What went wrong while the texts were read: comes out with the rest, in its place. */
  readonly failures?: readonly Problem[];
  /** Goma's default certsDir where it exists. */
  readonly defaultCertsDir?: string | undefined;
  readonly extraFolders?: GatewayConfig['extraFolders'];
  /** Of a store, beside the files. */
  readonly stored?: StoredObjects | undefined;
};

export type Written = {
  readonly gateway: GatewayShape;
  /** Of `gateway`. */
  readonly at: Cursor;
  /** Of all files. */
  readonly routes: WrittenRoute[];
  readonly middlewares: WrittenMiddleware[];
  readonly certManager: WrittenCertManager | undefined;
  /** What is known where, for parts that are read later. */
  readonly keys: KeyCheck;
};

/** Routes may stand at the top as well, but their place is below gateway. */
const places = new KeyPlaces(mainFileShape, ['routes']);
const placesFromExtra = new KeyPlaces(mainFileShape, ['routes'], placeFromExtra);

/** The folders of extra files that a main file names, absolute; none where it cannot be read. */
export function extraFoldersOf(main: ConfigText, env: Environment): ExtraFolder[] {
  // Most files name none, and reading a large one twice costs.
  const mayName = /extraConfig|providers|\\/.test(main.text) || env['GOMA_EXTRA_CONFIG_DIR'] !== undefined;
  return mayName ? findExtraFolders(readTree(main, env, new ProblemList()), main.file) : [];
}

/** The store that a main file names; undefined where it names none, or cannot be read. */
export function storeOf(main: ConfigText, env: Environment): StoreLocation | undefined {
  return mayNameStore(main.text) ? findStore(readTree(main, env, new ProblemList()), main.file) : undefined;
}

export function readWritten(input: ConfigInput, problems: ProblemList): Written {
  const start: Place = { file: input.file, line: 1, col: 1 };
  const written = readTree(input, input.env, problems);
  const tree = input.stored === undefined ? written : addStoredObjects(written, input.stored, input.file, problems);
  if (tree === undefined && !problems.hasErrors)
    problems.error(
      'empty_file',
      start,
      'the configuration is empty',
      'At least gateway.routes is needed; see docs/configuration.md.',
    );
  const keys: KeyCheck = { places, strict: input.strict };
  checkKeys(tree, mainFileShape, problems, keys);
  const unresolved = new UnresolvedValues();
  unresolved.collect(tree, mainFileShape);
  const main = checkShape(tree, mainFileShape, problems) ?? mainFileShape.parse({});
  const root = new Cursor(tree, start);
  const at = root.down('gateway');
  const result: Written = {
    gateway: main.gateway,
    at,
    routes: writtenOf(main.gateway.routes, at.down('routes')),
    middlewares: writtenOf(main.middlewares, root.down('middlewares')),
    certManager: findCertManager(main, root, problems),
    keys,
  };
  if (main.routes !== undefined) {
    problems.warn(
      'misplaced_key',
      root.keyPlace('routes'),
      'routes stands at the top level; it is read as gateway.routes (Goma ignores it here)',
      'Move it under gateway.',
    );
    result.routes.push(...writtenOf(main.routes, root.down('routes')));
  }
  const extraKeys: KeyCheck = { places: placesFromExtra, strict: input.strict };
  for (const extra of input.extra) readExtra(extra, input.env, extraKeys, result, unresolved, problems);
  const used = namesInUse(result.routes, main.gateway.defaults.middlewares);
  unresolved.report((middleware) => used.has(middleware), problems);
  return result;
}

function readTree(main: ConfigText, env: Environment, problems: ProblemList): TreeNode | undefined {
  return applyGomaEnvironment(parseYamlTree(main.file, main.text, env, problems), env, main.file);
}

function readExtra(
  extra: ConfigText,
  env: Environment,
  keys: KeyCheck,
  written: Written,
  unresolved: UnresolvedValues,
  problems: ProblemList,
): void {
  const tree = parseYamlTree(extra.file, extra.text, env, problems);
  checkKeys(tree, extraFileShape, problems, keys);
  unresolved.collect(tree, extraFileShape);
  const shape = checkShape(tree, extraFileShape, problems);
  const root = new Cursor(tree, { file: extra.file, line: 1, col: 1 });
  written.routes.push(...writtenOf(shape?.routes, root.down('routes')));
  written.middlewares.push(...writtenOf(shape?.middlewares, root.down('middlewares')));
}

/** The middlewares that some route that is served has. */
function namesInUse(routes: readonly WrittenRoute[], defaults: readonly string[]): ReadonlySet<string> {
  const served = routes.filter(({ shape }) => isEnabled(shape));
  return new Set([...defaults, ...served.flatMap(({ shape }) => shape.middlewares)]);
}

/** Extra files hold routes and middlewares at their top; everything else has its place in the main file. */
function placeFromExtra(path: string): string {
  if (path.startsWith('middlewares')) return path;
  return path.startsWith('gateway.routes') ? path.slice('gateway.'.length) : `${path} of the main file`;
}

function writtenOf<S>(shapes: readonly S[] | undefined, at: Cursor): { shape: S; at: Cursor }[] {
  return (shapes ?? []).map((shape, i) => ({ shape, at: at.down(i) }));
}
