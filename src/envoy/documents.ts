// The texts as what they hold: a bootstrap, a dump of the admin address, files of listeners and clusters, ConfigMaps with any of these in
// them. Several documents and several files add up.
import type { SourceText } from '../import/import-config.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { ProblemList } from '../yaml/problem-list.ts';
import { parseForeignTrees } from '../yaml/tree.ts';
import { type Context, readDeep, typeOf } from './context.ts';

export type Documents = { readonly listeners: SourceMap[] };

/** Fills the maps of the context. What is no configuration of Envoy is refused. */
export function readDocuments(context: Context, files: readonly SourceText[]): Documents {
  const reader = new DocumentReader(context);
  for (const file of files) reader.readText(file);
  return { listeners: [...reader.listeners.values()] };
}

/** Of a bootstrap. */
const left = new Set([
  'node',
  'stats_sinks',
  'stats_config',
  'stats_flush_interval',
  'stats_flush_on_admin',
  'watchdog',
  'watchdogs',
  'tracing',
  'layered_runtime',
  'runtime',
  'overload_manager',
  'enable_dispatcher_stats',
  'header_prefix',
  'stats_server_version_override',
  'use_tcp_for_dns_lookups',
  'dns_resolution_config',
  'typed_dns_resolver_config',
  'cluster_manager',
  'hds_config',
  'flags_path',
  'default_socket_interface',
  'fatal_actions',
  'inline_headers',
  'perf_tracing_file_path',
  'default_regex_engine',
  'application_log_config',
  'grpc_async_client_manager_config',
  'memory_allocator_manager',
  'deferred_stat_options',
  'xds_delegate_extension',
  'certificate_provider_instances',
  'listener_manager',
  'admin',
]);

class DocumentReader {
  /** By name; those without one by their place. */
  readonly listeners = new Map<string, SourceMap>();
  readonly #context: Context;

  constructor(context: Context) {
    this.#context = context;
  }

  readText({ file, text }: SourceText): void {
    const { report, reading } = this.#context;
    const problems = new ProblemList();
    const trees = parseForeignTrees(file, text, problems);
    for (const problem of problems.sorted([file])) report.refuse(problem.code, problem, 'YAML', problem.message);
    let found = false;
    for (const tree of trees) {
      const value = reading.value(tree, '');
      if (value.map === undefined) report.refuse('not_envoy', value, 'document', 'is no map');
      else found = this.#document(value.map, file, text) || found;
    }
    if (!found && problems.sorted([file]).length === 0)
      report.refuse(
        'not_envoy',
        { place: { file, line: 1, col: 1 } },
        file,
        'holds no static_resources, no dump, no listeners',
      );
  }

  #document(map: SourceMap, file: string, text: string): boolean {
    if (map.has('kind') && map.has('api_version')) return this.#kubernetes(map, file, text);
    if (map.has('configs')) return this.#dump(map);
    if (map.has('resources')) return this.#resources(map);
    if (typeOf(map) !== '' && this.#resource(map)) return true;
    return this.#bootstrap(map);
  }

  #bootstrap(map: SourceMap): boolean {
    const { report } = this.#context;
    const resources = map.map('static_resources');
    for (const name of map.names) {
      if (!left.has(name)) continue;
      const value = map.getEmpty(name);
      readDeep(value);
      if (value !== undefined)
        report.left(
          value,
          name,
          name === 'admin'
            ? 'gateway.entryPoints.admin, on a loopback address'
            : 'has no counterpart, and opens nothing',
        );
    }
    const dynamic = map.getEmpty('dynamic_resources');
    readDeep(dynamic);
    if (dynamic !== undefined && (dynamic.map?.names.length ?? 0) > 0) {
      const asked = dynamic.map?.names.filter((name) => name === 'lds_config' || name === 'cds_config') ?? [];
      if (asked.length > 0 && !this.#isDump)
        this.#context.loses(
          'dynamic_resource',
          dynamic,
          `${asked.join(' and ')} come from elsewhere: import what /config_dump says`,
        );
      else report.left(dynamic, 'dynamic_resources', 'what came of them is in the dump');
    }
    for (const one of resources?.maps('listeners') ?? []) this.#listener(one);
    for (const one of resources?.maps('clusters') ?? []) this.#named(this.#context.clusters, one, 'cluster');
    for (const one of resources?.maps('secrets') ?? []) this.#named(this.#context.secrets, one, 'secret');
    const extensions = map.get('bootstrap_extensions');
    for (const one of extensions?.items ?? []) {
      const name = one.map?.text('name') ?? '';
      readDeep(one);
      if (/internal_listener/.test(name)) report.left(one, name, 'opens nothing');
      else this.#context.loses('custom_code', one, `the extension ${name} has no counterpart`);
    }
    return resources !== undefined || this.#isDump;
  }

  #isDump = false;

  #dump(map: SourceMap): boolean {
    this.#isDump = true;
    const { clusters, routeConfigs, secrets, endpoints, report } = this.#context;
    const configs = map.maps('configs');
    const lists = (config: SourceMap, names: readonly string[], inner: string): SourceMap[] =>
      names.flatMap((name) =>
        config.maps(name).flatMap((one) => {
          for (const rest of ['last_updated', 'version_info', 'name', 'client_status', 'error_state'])
            readDeep(one.get(rest));
          return one.map(inner) ?? [];
        }),
      );
    for (const config of configs) {
      const type = typeOf(config);
      config.text('version_info');
      if (type === 'ListenersConfigDump') {
        const states = config.maps('dynamic_listeners').flatMap((one) => {
          for (const rest of ['name', 'warming_state', 'draining_state', 'error_state', 'client_status'])
            readDeep(one.get(rest));
          const state = one.map('active_state');
          for (const rest of ['last_updated', 'version_info']) state?.text(rest);
          return state?.map('listener') ?? [];
        });
        for (const one of [...lists(config, ['static_listeners'], 'listener'), ...states]) this.#listener(one);
      } else if (type === 'ClustersConfigDump') {
        for (const one of lists(config, ['static_clusters', 'dynamic_active_clusters'], 'cluster'))
          this.#named(clusters, one, 'cluster');
        readDeep(config.get('dynamic_warming_clusters'));
      } else if (type === 'RoutesConfigDump') {
        for (const one of lists(config, ['static_route_configs', 'dynamic_route_configs'], 'route_config'))
          this.#named(routeConfigs, one, 'route_config');
      } else if (type === 'SecretsConfigDump') {
        for (const one of lists(config, ['static_secrets', 'dynamic_active_secrets'], 'secret'))
          this.#named(secrets, one, 'secret');
        readDeep(config.get('dynamic_warming_secrets'));
      } else if (type === 'EndpointsConfigDump') {
        for (const one of lists(config, ['static_endpoint_configs', 'dynamic_endpoint_configs'], 'endpoint_config'))
          endpoints.set(one.text('cluster_name') ?? '', one);
      } else if (type === 'BootstrapConfigDump') {
        config.text('last_updated');
        const bootstrap = config.map('bootstrap');
        if (bootstrap !== undefined) this.#bootstrap(bootstrap);
      } else {
        for (const name of config.names) readDeep(config.get(name));
        const value = config.get('@type');
        if (value !== undefined) report.left(value, type, 'is not needed');
      }
    }
    return true;
  }

  #resources(map: SourceMap): boolean {
    map.text('version_info');
    const found = map.maps('resources').map((one) => this.#resource(one));
    return found.includes(true);
  }

  #resource(map: SourceMap): boolean {
    const type = typeOf(map);
    if (type === 'Listener') this.#listener(map);
    else if (type === 'Cluster') this.#named(this.#context.clusters, map, 'cluster');
    else if (type === 'RouteConfiguration') this.#named(this.#context.routeConfigs, map, 'route_config');
    else if (type === 'Secret') this.#named(this.#context.secrets, map, 'secret');
    else return false;
    return true;
  }

  #listener(map: SourceMap): void {
    const name = map.text('name') ?? `${map.place.file}:${map.place.line}`;
    // A dump has what is static twice.
    if (this.listeners.has(name)) {
      if (!this.#isDump) this.#context.report.refuse('duplicate_name', map, name, 'stands twice');
      for (const one of map.names) readDeep(map.get(one));
    } else this.listeners.set(name, map);
  }

  #named(into: Map<string, SourceMap>, map: SourceMap, what: string): void {
    const name = map.text('name');
    map.text('@type');
    if (name === undefined) this.#context.report.refuse('bad_value', map, what, 'has no name');
    else if (!into.has(name)) into.set(name, map);
    else {
      if (!this.#isDump) this.#context.report.refuse('duplicate_name', map, name, 'stands twice');
      for (const one of map.names) readDeep(map.get(one));
    }
  }

  /** A ConfigMap: every text in it that is a configuration. Other objects are left out. */
  #kubernetes(map: SourceMap, file: string, text: string): boolean {
    const kind = map.text('kind');
    if (kind === 'List')
      return map
        .maps('items')
        .map((one) => this.#kubernetes(one, file, text))
        .includes(true);
    const value = map.get('kind');
    for (const name of map.names) if (name !== 'data') readDeep(map.get(name));
    if (kind !== 'ConfigMap') {
      readDeep(map.get('data'));
      if (value !== undefined) this.#context.report.left(value, value.shown, 'is no configuration of Envoy');
      return false;
    }
    const data = map.map('data');
    return (data?.names ?? []).map((name) => this.#embedded(data?.get(name), name, file, text)).includes(true);
  }

  /** A text in a text: its lines are where they stand in the file. */
  #embedded(value: SourceValue | undefined, name: string, file: string, text: string): boolean {
    const inner = value?.text;
    if (value === undefined || inner === undefined || !/\.(?:ya?ml|json)$|static_resources/.test(`${name}\n${inner}`))
      return false;
    const { line } = value.node.place;
    const lines = text.split('\n');
    const first = lines.slice(line).find((one) => one.trim() !== '') ?? '';
    const indent = / *[|>]/.test(lines[line - 1] ?? '') ? (/^ */.exec(first)?.[0] ?? '') : '';
    const body = inner.replace(/^---.*$/m, '').split('\n');
    const padded =
      indent === ''
        ? body
        : [...Array.from({ length: line }, () => ''), ...body.map((one) => (one === '' ? '' : indent + one))];
    this.readText({ file, text: padded.join('\n') });
    return true;
  }
}
