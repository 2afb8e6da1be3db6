// `countersign explain route METHOD URL`: which policy, route, rule and backends a request would meet, what becomes of a client
// with a given certificate, and why every other route loses. Uses the very tables that serve, so it cannot tell another way
// than the gateway.
import { randomBytes } from 'node:crypto';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { CrlPublisher } from '../crl/publisher.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import type { PolicyConfig } from '../config/gateway-config.ts';
import { compilePolicies } from '../gateway/compile-policies.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { loadPem, parseCertificates } from '../certs/material.ts';
import { RouteRule } from '../trust/route-rule.ts';
import { describeConfusion, noNormalForm, slashesHideRoute } from '../routing/describe-confusion.ts';
import { explainMatch, type RouteVerdict } from '../routing/explain-match.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import { normalizeTarget } from '../routing/normalize-target.ts';
import { pathToSend } from '../routing/path-to-send.ts';
import { rewritePath } from '../routing/rewrite-path.ts';
import { RouteTable } from '../routing/route-table.ts';
import { type ClientChain, describePolicy, describeRule, describeVerdict, verifyChain } from './explain-client.ts';
import { printProblems } from './problems.ts';

type Route = LoadedConfig['routes'][number];

export function explainRouteCommand(): Command {
  return new Command('route')
    .description('which policy, route, rule and backend a request would meet, and why')
    .argument('<method>', 'GET, POST, …')
    .argument('<url>', 'https://host/path, or http://host/path for the plain entry point')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--cert <file>', "the client's certificate, with its intermediates (PEM): says whether it would be let in")
    .action(async (method: string, url: string, options: { readonly config: string; readonly cert?: string }) => {
      const crls = new CrlPublisher({ clock: systemClock });
      const { loaded, problems } = await loadGateway(new FileSource(options.config), {
        env: process.env,
        strict: false,
        clock: systemClock,
        crls,
      });
      const known = crls.lookUpPrepared(loaded?.crls ?? []);
      crls.close();
      if (loaded === undefined) {
        await printProblems(problems, process.stderr);
        process.exitCode = 1;
        return;
      }
      const parts = /^(https?):\/\/([^/?#]*)([^#]*)$/.exec(url);
      if (parts === null) {
        process.stderr.write(`${url}: not a URL; write it as https://host/path\n`);
        process.exitCode = 1;
        return;
      }
      const [, scheme = '', authority = '', rest = ''] = parts;
      const target = rest.startsWith('/') ? rest : `/${rest}`;
      const client = options.cert === undefined ? undefined : await loadClient(options.cert);
      if (typeof client === 'string') {
        process.stderr.write(`${client}\n`);
        process.exitCode = 1;
        return;
      }
      const asked = { method, scheme, authority, target, client };
      process.stdout.write(`${explain(loaded, known, asked).join('\n')}\n`);
    });
}

/** The certificates of a file, leaf first, or one line that says what is wrong with it. */
async function loadClient(path: string): Promise<ClientChain | string> {
  const loaded = await loadPem({ path });
  if (!loaded.ok) return loaded.message;
  const { certificates, problems } = parseCertificates(loaded.pem, path);
  const [leaf, ...above] = certificates;
  const wrong = problems.find(({ severity }) => severity === 'error')?.message;
  return leaf === undefined || wrong !== undefined ? (wrong ?? `${path} holds no certificate`) : [leaf, ...above];
}

type Asked = {
  readonly method: string;
  readonly scheme: string;
  readonly authority: string;
  readonly target: string;
  readonly client: ClientChain | undefined;
};

function explain(
  loaded: LoadedConfig,
  crls: CrlLookup,
  { method, scheme, authority, target, client }: Asked,
): string[] {
  const host = hostOfAuthority(authority);
  const policies = compilePolicies(loaded, randomBytes(32), crls);
  const policy = policies.find(host);
  if (policy === undefined) {
    return [
      `host     ${host ?? authority}`,
      'policy   none: TLS is refused with unknown_sni, a request with 421 host_mismatch',
    ];
  }
  const { clientAuth } = policy;
  const ofPolicy = loaded.policies.find((one) => one.config.name === policy.name)?.config;
  const config = ofPolicy?.clientAuth;
  const lines = [`host     ${host ?? authority}`, ...describePolicy(policy, config)];
  const secure = scheme === 'https';
  const shown = client && {
    chain: client,
    verdict: secure ? verifyChain(client, policy, systemClock.now()) : ('plain' as const),
  };
  if (shown !== undefined) lines.push(describeVerdict(shown.chain, shown.verdict, config));
  const normal = normalizeTarget(target);
  if (normal === undefined) return [...lines, `path     ${target}`, refusedPath(noNormalForm)];
  lines.push(`path     ${normal.path}${normal.path + normal.query === target ? '' : `  (normalised from ${target})`}`);
  const verdicts = explainMatch(loaded.routes, method, host ?? '', normal.path);
  const chosen = verdicts.find(({ outcome }) => outcome === 'chosen')?.route;
  const table = new RouteTable(loaded.routes);
  const match = table.match(method, host ?? '', normal.path);
  if (match.kind === 'ambiguous_path') return [...lines, refusedPath(describeConfusion(match))];
  const sent = chosen && pathToSend(table, method, host ?? '', normal, chosen);
  if (chosen !== undefined && sent === undefined) return [...lines, refusedPath(slashesHideRoute)];
  if (chosen !== undefined && sent !== undefined) lines.push(...describeRoute(chosen, sent));
  else
    lines.push(
      verdicts.some(({ outcome }) => outcome === 'method')
        ? 'answer   405 method_not_allowed'
        : 'answer   404 no_route',
    );
  const rule = chosen && findRule(chosen, ofPolicy);
  if (rule !== undefined) lines.push(...describeRule(rule, shown));
  const why = clientAuth?.required === true ? 'the policy' : rule?.required === true ? 'the route' : undefined;
  if (chosen !== undefined && !secure && why !== undefined) {
    const redirected = method === 'GET' || method === 'HEAD';
    lines.push(
      `answer   ${redirected ? '308 to https' : '403 plaintext_refused'}: ${why} requires a client certificate`,
    );
  }
  return [...lines, ...verdicts.filter(({ outcome }) => outcome !== 'chosen').map(describeLoss)];
}

function refusedPath(why: string): string {
  return `answer   400 ambiguous_path: ${why}`;
}

/** As Generation.ruleOf. */
function findRule({ config }: Route, policy: PolicyConfig | undefined): RouteRule | undefined {
  if (config.clientCert !== undefined) return new RouteRule(config.clientCert);
  return policy?.routesRequireClientCert === true ? RouteRule.byDefault() : undefined;
}

function describeRoute({ config }: Route, path: string): string[] {
  const at = config.place;
  const lines = [`route    ${config.name}  (${at.file}:${at.line})`];
  if (config.maintenance !== undefined) return [...lines, `answer   ${config.maintenance.statusCode} maintenance`];
  for (const { scheme, host, port, basePath, weight, match } of config.backends) {
    const share = weight > 0 ? `, weight ${weight}` : '';
    const rules = match.length > 0 ? `, ${match.length} match rules` : '';
    lines.push(
      `backend  ${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}${rewritePath(config, path, basePath)}${share}${rules}`,
    );
  }
  return lines;
}

const losses: Readonly<Record<Exclude<RouteVerdict<Route>['outcome'], 'chosen'>, string>> = {
  host: 'its hosts do not match',
  path: 'its path does not match',
  method: 'it does not take this method',
  priority: 'a lower priority number goes first',
  less_specific_path: 'its path is less specific',
  less_specific_host: 'its host pattern is less specific',
  later: 'it stands later in the configuration',
};

function describeLoss({ route, outcome, against }: RouteVerdict<Route>): string {
  const why = outcome === 'chosen' ? '' : losses[outcome];
  return `not      ${route.config.name}: ${why}${against === undefined ? '' : ` (than ${against.config.name})`}`;
}
