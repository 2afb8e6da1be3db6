// Goma's environment variables that stand above the file. They are put into the tree as if written there, so that the
// same checks apply; their place is the variable.
import type { Environment } from '../yaml/environment.ts';
import type { Place } from '../yaml/place.ts';
import type { TreeMap, TreeNode } from '../yaml/tree.ts';

const overrides: readonly (readonly [variable: string, path: readonly [string, ...string[]]])[] = [
  ['GOMA_ENTRYPOINT_WEB_ADDRESS', ['entryPoints', 'web', 'address']],
  ['GOMA_ENTRYPOINT_WEB_SECURE_ADDRESS', ['entryPoints', 'webSecure', 'address']],
  ['GOMA_TIMEOUT_READ', ['timeouts', 'read']],
  ['GOMA_TIMEOUT_WRITE', ['timeouts', 'write']],
  ['GOMA_TIMEOUT_IDLE', ['timeouts', 'idle']],
  ['GOMA_EXTRA_CONFIG_DIR', ['extraConfig', 'directory']],
  ['GOMA_EXTRA_CONFIG_WATCH', ['extraConfig', 'watch']],
  ['GOMA_ENABLE_METRICS', ['monitoring', 'enableMetrics']],
  ['GOMA_ENABLE_READINESS', ['monitoring', 'enableReadiness']],
  ['GOMA_ENABLE_LIVENESS', ['monitoring', 'enableLiveness']],
  ['GOMA_RELOAD_TOKEN', ['reload', 'token']],
  ['GOMA_PROXY_ENABLED', ['proxy', 'enabled']],
  ['GOMA_PROXY_TRUSTED_PROXIES', ['proxy', 'trustedProxies']],
  ['GOMA_PROXY_IP_HEADERS', ['proxy', 'ipHeaders']],
  ['GOMA_LOG_LEVEL', ['log', 'level']],
  ['GOMA_LOG_FILE', ['log', 'filePath']],
  ['GOMA_LOG_FORMAT', ['log', 'format']],
];

/** Variables that hold a list, with commas. */
const lists: ReadonlySet<string> = new Set(['GOMA_PROXY_TRUSTED_PROXIES', 'GOMA_PROXY_IP_HEADERS']);
/** Variables that Goma takes for unset where they are empty. */
const unlessEmpty: ReadonlySet<string> = new Set([...lists, 'GOMA_PROXY_ENABLED', 'GOMA_RELOAD_TOKEN']);

/** The tree with the overrides in it; a variable that is set but empty takes the key away, so the default holds. */
export function applyGomaEnvironment(root: TreeNode | undefined, env: Environment, file: string): TreeNode | undefined {
  let tree = root;
  for (const [variable, path] of overrides) {
    const value = Object.hasOwn(env, variable) ? env[variable] : undefined;
    if (value === undefined || (value === '' && unlessEmpty.has(variable))) continue;
    const place: Place = { file: `$${variable}`, line: 1, col: 1 };
    tree ??= { kind: 'map', entries: new Map(), place: { file, line: 1, col: 1 } };
    if (tree.kind !== 'map') return tree;
    put(tree, ['gateway', ...path], value === '' ? undefined : nodeOf(value, lists.has(variable), place), place);
  }
  return tree;
}

function nodeOf(text: string, isList: boolean, place: Place): TreeNode {
  if (!isList)
    return { kind: 'scalar', text, isNull: false, broken: false, substituted: true, source: place.file, place };
  const items = text.split(',').map((item) => nodeOf(item.trim(), false, place));
  return { kind: 'list', items, place };
}

/** `value` undefined: takes the key away. */
function put(root: TreeMap, path: readonly string[], value: TreeNode | undefined, place: Place): void {
  let map = root;
  for (const key of path.slice(0, -1)) {
    const entry = map.entries.get(key);
    const absent = entry === undefined || (entry.value.kind === 'scalar' && entry.value.isNull);
    // A shared (aliased) map must not change elsewhere: what is on the way is copied.
    const next: TreeNode = absent ? { kind: 'map', entries: new Map(), place } : entry.value;
    if (next.kind !== 'map') return;
    const copy: TreeMap = { ...next, entries: new Map(next.entries) };
    map.entries.set(key, { keyPlace: entry?.keyPlace ?? place, value: copy });
    map = copy;
  }
  const last = path.at(-1) ?? '';
  if (value === undefined) map.entries.delete(last);
  else map.entries.set(last, { keyPlace: place, value });
}
