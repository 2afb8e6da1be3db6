// The table of who may call what (rows.ts): lines for a person, values for JSON. Names come from the configuration and
// from certificates: everything is escaped and cut.
import type { EntryPoint, GatewayConfig } from '../config/gateway-config.ts';
import { describeConditions } from '../config/match-conditions.ts';
import type { LoadedConfig, LoadedPolicy } from '../loading/loaded.ts';
import { escapeForLog } from '../base/log-text.ts';
import { describeSanRules } from '../trust/san-rule.ts';
import type { AccessRow } from './rows.ts';
import type { Who } from './table.ts';
import { describeNobody, listNames, maxRulesLength } from './words.ts';
import { caKeysOf, describeCa, termsOf } from './client-auth-terms.ts';

/** Lines for a person. */
export function printAccess(loaded: LoadedConfig, rows: readonly AccessRow[]): string[] {
  const { config, policies } = loaded;
  const { web, webSecure, more } = config.entryPoints;
  const lines = [
    `webSecure  ${describePoint(webSecure)}, TLS`,
    `web        ${describePoint(web)}, plain HTTP`,
    ...more.map((one) => `${one.name.padEnd(10)} ${describePoint(one)}, ${one.tls ? 'TLS' : 'plain HTTP'}`),
  ];
  for (const policy of policies) {
    const own = rows.filter((row) => row.policy === policy);
    if (own.length === 0) continue;
    lines.push('', `policy ${escapeForLog(policy.config.name)}: ${describePolicy(policy)}`);
    lines.push(...table(own.map((row) => cells(row, config, policy))));
  }
  const hidden = rows.filter((row) => row.policy === undefined);
  if (hidden.length > 0) lines.push('', 'never reached, other routes go first:');
  for (const { route } of hidden) lines.push(`  ${escapeForLog(route.config.name)}`);
  return lines;
}

function describePoint({ enabled, host, port }: EntryPoint): string {
  return enabled ? `${host.includes(':') ? `[${host}]` : host}:${port}` : 'off';
}

function describePolicy(policy: LoadedPolicy): string {
  const { clientAuth, routesRequireClientCert } = policy.config;
  const byDefault = routesRequireClientCert ? '; routes that say nothing require one' : '';
  if (clientAuth === undefined) return `no client certificate is asked for${byDefault}`;
  const asked = clientAuth.required ? 'required' : 'asked for, not required';
  const terms = termsOf(policy.config).filter(({ key }) => key !== 'required');
  const cas = `from ${listNames([...caKeysOf(policy)], describeCa)}`;
  return `client certificate ${asked}, ${[cas, ...terms.map(({ key, text }) => `${key} ${text}`)].join('; ')}${byDefault}`;
}

const heading = ['HOSTS', 'METHODS', 'PATH', 'ROUTE', 'PLAIN HTTP', 'WHO, OVER TLS'];

function cells(row: AccessRow, config: GatewayConfig, policy: LoadedPolicy): string[] {
  const { route, hosts, methods, secure, plain } = row;
  const { name, path, match, maintenance } = route.config;
  const asked = describeConditions(match);
  const who = describeWho(secure, policy);
  return [
    hosts.length === 0 ? 'every host' : listNames(hosts, escapeForLog),
    methods.length === 0 ? 'every' : listNames(methods, escapeForLog),
    escapeForLog(asked.length === 0 ? path : `${path} (${asked.join('; ')})`),
    escapeForLog(name),
    describePlain(plain, config),
    maintenance === undefined ? who : `${who} (maintenance)`,
  ];
}

function table(rows: readonly (readonly string[])[]): string[] {
  const all = [heading, ...rows];
  const widths = heading.map((_, at) => Math.max(...all.map((row) => row[at]?.length ?? 0)));
  return all.map((row) => `  ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}`.trimEnd());
}

function describeWho(who: Who, policy: LoadedPolicy): string {
  if (who.kind === 'nobody') return describeNobody(who.why);
  const rules = who.allow === undefined ? '' : ` with ${describeSanRules(who.allow, maxRulesLength)}`;
  if (who.kind === 'anyone') return rules === '' ? 'anyone' : `anyone; who shows a certificate: one${rules}`;
  return `certificate of ${listNames([...caKeysOf(policy)], describeCa)}${rules}`;
}

function describePlain(plain: Who, { entryPoints }: GatewayConfig): string {
  if (plain.kind !== 'nobody') return 'anyone';
  if (plain.why === 'off') return 'off';
  // Another entry point over TLS may not be reached at the port that a redirect could name.
  return entryPoints.webSecure.enabled ? '308 or 403' : '403';
}

/** For `explain access --json`. */
export function accessToJson(loaded: LoadedConfig, rows: readonly AccessRow[]): object {
  const { web, webSecure, more } = loaded.config.entryPoints;
  return {
    entryPoints: {
      web: pointToJson(web),
      webSecure: pointToJson(webSecure),
      ...Object.fromEntries(more.map((one) => [one.name, pointToJson(one)])),
    },
    policies: loaded.policies.map((policy) => ({
      name: policy.config.name,
      hosts: policy.config.hosts,
      clientCertificate: askedOf(policy),
      routesRequireClientCert: policy.config.routesRequireClientCert,
      cas: [...caKeysOf(policy)].map(describeCa),
      terms: Object.fromEntries(termsOf(policy.config).map(({ key, text }) => [key, text])),
    })),
    access: rows.map(({ route: { config }, policy, hosts, methods, secure, plain }) => ({
      route: config.name,
      file: config.place.file,
      ...(config.place.stored === undefined ? { line: config.place.line } : { store: config.place.stored }),
      policy: policy?.config.name ?? null,
      hosts,
      methods,
      path: config.path,
      match: describeConditions(config.match),
      maintenance: config.maintenance !== undefined,
      webSecure: whoToJson(secure),
      web: whoToJson(plain),
    })),
  };
}

function askedOf({ config: { clientAuth } }: LoadedPolicy): 'none' | 'optional' | 'required' {
  if (clientAuth === undefined) return 'none';
  return clientAuth.required ? 'required' : 'optional';
}

function pointToJson(point: EntryPoint): string | null {
  return point.enabled ? describePoint(point) : null;
}

function whoToJson(who: Who): object {
  if (who.kind === 'nobody') return { who: who.kind, why: who.why };
  return { who: who.kind, ...(who.allow && { allow: describeSanRules(who.allow, 2000) }) };
}
