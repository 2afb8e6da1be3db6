// Certificates and validation contexts that stand elsewhere (SDS): a file, `static_resources.secrets`, or a server, which no file can tell
// of.
import { ProblemList } from '../yaml/problem-list.ts';
import { parseForeignTrees } from '../yaml/tree.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';

type SecretKind = 'tls_certificate' | 'validation_context' | 'session_ticket_keys';

/** `value`: an SdsSecretConfig. Undefined where it cannot be known: that was refused. */
export async function readSecret(
  context: Context,
  value: SourceValue,
  kind: SecretKind,
): Promise<SourceMap | undefined> {
  const { map } = value;
  if (map === undefined) {
    context.report.refuse('bad_value', value, value.shown, 'has to have a name or an sds_config');
    return undefined;
  }
  const name = map.text('name');
  const config = map.map('sds_config');
  const secret =
    config === undefined ? context.secrets.get(name ?? '') : await secretOfFile(context, value, config, name);
  if (secret === undefined) {
    if (config === undefined)
      context.report.refuse(
        'secret_missing',
        value,
        value.shown,
        `no secret ${name ?? ''} in static_resources.secrets`,
      );
    return undefined;
  }
  const found = secret.map(kind);
  if (found === undefined)
    context.report.refuse('secret_missing', value, value.shown, `the secret ${name ?? ''} has no ${kind}`);
  secret.text('name');
  return found;
}

async function secretOfFile(
  context: Context,
  value: SourceValue,
  config: SourceMap,
  name: string | undefined,
): Promise<SourceMap | undefined> {
  const { report } = context;
  config.text('resource_api_version');
  config.text('initial_fetch_timeout');
  const source = config.map('path_config_source');
  const path = source?.text('path') ?? config.text('path');
  source?.map('watched_directory')?.readAll();
  if (path === undefined) {
    const isSpire = /spire|spiffe|agent/i.test(JSON.stringify(clusterNames(config)));
    const says = isSpire
      ? 'certificates of the Workload API (SPIRE) have to be written by hand: where the agent listens is not in this file alone'
      : 'certificates of an SDS server are not in any file; name files, or write the source by hand';
    for (const one of config.names) config.getEmpty(one)?.map?.readAll();
    config.readAll();
    report.refuse('sds_server', value, value.shown, says);
    return undefined;
  }
  const at = source?.get('path') ?? config.get('path') ?? value;
  const text = await context.world.readText(path);
  if (text === undefined) {
    const says = 'is not on this machine, and only it says which certificates are meant; import where Envoy runs';
    report.refuse('secret_file_missing', at, at.shown, says);
    return undefined;
  }
  const problems = new ProblemList();
  const trees = parseForeignTrees(path, text, problems);
  for (const problem of problems.sorted([])) report.refuse(problem.code, problem, path, problem.message);
  for (const tree of trees) {
    const root = context.reading.value(tree, path).map;
    root?.text('version_info');
    const resources = root === undefined ? [] : root.has('resources') ? root.maps('resources') : [root];
    for (const resource of resources) {
      resource.text('@type');
      if (resource.text('name') === name || (name === undefined && resources.length === 1)) {
        report.taken(at, at.shown, 'what it names');
        return resource;
      }
      resource.readAll();
    }
  }
  report.refuse('secret_missing', at, at.shown, `has no secret called ${name ?? ''}`);
  return undefined;
}

function clusterNames(config: SourceMap): string[] {
  const grpc = config.map('api_config_source')?.maps('grpc_services') ?? [];
  return grpc.flatMap((service) => service.map('envoy_grpc')?.text('cluster_name') ?? []);
}
