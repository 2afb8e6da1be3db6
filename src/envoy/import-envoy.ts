// Envoy's configuration (API v3, static, as YAML, JSON, a dump or a ConfigMap) in our words. The map of what means what stands in
// docs/from-envoy-and-nginx.md; what it leaves open was established by running both.
import type { DraftValue } from '../import/draft.ts';
import type { ImportWorld, SourceText } from '../import/import-config.ts';
import { Reading, type SourceValue } from '../import/source-map.ts';
import type { Place } from '../yaml/place.ts';
import { type Cluster, readCluster } from './cluster.ts';
import type { ManagerWorld } from './connection-manager.ts';
import { Context, readDeep, snakeCase } from './context.ts';
import { readDocuments } from './documents.ts';
import { type Listener, readListener } from './listener.ts';
import { DraftMiddlewares } from '../import/draft-middlewares.ts';
import { writeGateway } from './write-gateway.ts';

export async function importEnvoy(files: readonly SourceText[], world: ImportWorld): Promise<void> {
  const reading = new Reading(world.report, snakeCase);
  const context = new Context(reading, world, { file: files[0]?.file ?? '', line: 1, col: 1 });
  const documents = readDocuments(context, files);
  const clusters = new ClusterReader(context);
  const middlewares = new DraftMiddlewares();
  const manager: ManagerWorld = { context, middlewares, findCluster: async (name, at) => clusters.find(name, at) };
  const listeners: Listener[] = [];
  for (const map of documents.listeners) {
    const listener = await readListener(manager, map);
    if (listener !== undefined) listeners.push(listener);
  }
  clusters.leaveOthers();
  if (documents.listeners.length > 0) writeGateway(context, listeners, middlewares);
  else if (!world.report.failed)
    world.report.refuse('no_listener', { place: context.start }, 'static_resources', 'has no listener');
  reading.forEachUnread((value, name) => tellUnread(context, value, name));
  tellVariables(context, world.draft.root, '');
  tellRest(context);
}

/** Nobody looked at it, so nobody knows what it asks for. */
function tellUnread(context: Context, value: SourceValue, name: string): void {
  if (name === '@type') return;
  context.loses('unknown_field', value, 'is not known here');
}

/** `${NAME}` is text there, and a variable of the gateway's environment here. */
function tellVariables(context: Context, value: DraftValue, path: string): void {
  if (typeof value === 'object') {
    for (const [name, below] of Object.entries(value)) tellVariables(context, below, `${path}.${name}`);
    return;
  }
  const [variable] = /\$\{[A-Za-z_]\w*/.exec(String(value)) ?? [];
  if (variable === undefined) return;
  const at = { place: context.start };
  // What clients are told is no place for the environment.
  if (/\.(?:response|rule)\./.test(path))
    context.report.refuse('variable', at, `${variable}}`, 'would be told to clients or backends');
  else context.report.changed(at, `${variable}}`, `${path.slice(1)} takes it from the environment of the gateway`);
}

/** Names, and values that say something only together with others. */
function tellRest({ reading, report }: Context): void {
  const lines = ({ file, line }: Place): string => `${file}:${line}`;
  const told = new Set(report.entries.map(({ place }) => lines(place)));
  reading.forEachRead((value) => {
    if (!told.has(lines(value.place)) && !value.path.endsWith('@type'))
      report.taken(value, value.shown, 'a part of what stands around it');
  });
}

/** Each cluster once, when a route asks for it. */
class ClusterReader {
  readonly #context: Context;
  readonly #read = new Map<string, Cluster | undefined>();

  constructor(context: Context) {
    this.#context = context;
  }

  async find(name: string, at: SourceValue): Promise<Cluster | undefined> {
    const map = this.#context.clusters.get(name);
    if (map === undefined) {
      this.#context.report.refuse('no_cluster', at, at.shown, 'there is no such cluster');
      return undefined;
    }
    this.#context.report.taken(at, at.shown, 'target');
    if (!this.#read.has(name)) this.#read.set(name, await readCluster(this.#context, map));
    return this.#read.get(name);
  }

  /** Those that no route goes to. */
  leaveOthers(): void {
    for (const [name, map] of this.#context.clusters) {
      if (this.#read.has(name)) continue;
      for (const one of map.names) readDeep(map.get(one));
      this.#context.report.left(map.get('name') ?? map, name, 'no route goes there');
    }
  }
}
