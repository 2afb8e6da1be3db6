// What a reload must be told in so many words before it does it: ask fewer clients for a certificate than the running gateway
// does, serve a self-signed certificate where one was configured, or go on without a folder of routes. A line that slid, a key that fell out and a policy that is
// gone look like an intention to a parser; to the running gateway they are a door that opens. At the start there is nothing to
// compare with.
import { isIpLiteral, wildcardHost } from '../base/host.ts';
import { showPath } from '../base/secret-text.ts';
import type { GatewayConfig, PolicyConfig } from '../config/gateway-config.ts';
import type { Place } from '../yaml/place.ts';
import type { Problem } from '../yaml/problem.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { certificateNames, makePolicyTable } from '../gateway/compile-policies.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { isSelfSigned } from '../loading/self-signed.ts';

/** One side of the comparison. */
export type TrustView = {
  readonly config: GatewayConfig;
  /** Names of the shared certificates: hosts that the gateway knows. */
  readonly certificateNames: readonly string[];
  /** Names of the policies that are served with a certificate made for this run. */
  readonly selfSigned: ReadonlySet<string>;
};

export type TrustChange = {
  /** Errors: what the new file does not say. */
  readonly refused: readonly Problem[];
  /** Where client authentication is dropped because the new file says so, one sentence each. */
  readonly dropped: readonly string[];
};

const hostsShown = 5;

export function viewTrust(loaded: LoadedConfig): TrustView {
  const made = loaded.policies.filter(({ certificates }) => certificates.every(isSelfSigned));
  return {
    config: loaded.config,
    certificateNames: certificateNames(loaded),
    selfSigned: new Set(made.map(({ config }) => config.name)),
  };
}

/** What happens to the hosts of the running configuration (`before`) under the one that is to replace it. */
export function compareTrust(before: TrustView, after: TrustView): TrustChange {
  const tables = { before: tableOf(before), after: tableOf(after) };
  const auth = new Groups();
  const routes = new Groups();
  const certificates = new Groups();
  for (const host of hostsOf(before.config, after)) {
    const was = findPolicy(tables.before, host);
    const is = findPolicy(tables.after, host);
    // Who was refused, or is refused now, is not let in by a policy that is laxer than another.
    if (was === undefined || is === undefined) continue;
    if (demandOf(is) < demandOf(was)) auth.add(was, is, host);
    // Where the handshake lets nobody in without a certificate, or nobody is asked for one, routes have nothing to decide.
    const routesOpen = was.routesRequireClientCert && !is.routesRequireClientCert && demandOf(is) === 1;
    if (routesOpen && !is.routesSaidOpen) routes.add(was, is, host);
    if (after.selfSigned.has(is.name) && !before.selfSigned.has(was.name)) certificates.add(was, is, host);
  }
  const refused = certificates.list.map(({ is, hosts }) => certificateProblem(is, hosts));
  refused.push(...routes.list.map(({ is, hosts }) => routesProblem(is, hosts)));
  refused.push(...goneFolders(before.config, after.config));
  const dropped: string[] = [];
  const moved = hasMoved(before.config, after.config);
  for (const { was, is, hosts } of auth.list) {
    const own = new Set<Host>(is.hosts);
    const { said = [], silent = [] } = Object.groupBy(hosts, (host) =>
      isSaid(was, is, host, own.has(host), after.config, moved) ? 'said' : 'silent',
    );
    if (silent.length > 0) refused.push(clientAuthProblem(was, is, silent));
    if (said.length > 0) dropped.push(`client certificates ${describeDrop(was, is, said)} (${written(is)})`);
  }
  return { refused, dropped };
}

/** A folder whose mount is lost takes routes along, and what they keep out would be served by those that are left. */
function goneFolders(before: GatewayConfig, after: GatewayConfig): Problem[] {
  const were = new Set(before.extraFolders.filter(({ found }) => found).map(({ path }) => path));
  const gone = after.extraFolders.filter(({ path, found }) => !found && were.has(path));
  return gone.map(({ path, label = showPath(path), key, place }) => ({
    severity: 'error',
    code: 'folder_gone',
    place,
    message: `the folder ${label} is gone, and its routes and middlewares would go with it`,
    hint: `Bring it back, be it empty; or remove ${key} if it is meant.`,
  }));
}

/** How much a policy asks of a client: nothing, a certificate that may be left out, one that is required. */
function demandOf({ clientAuth }: PolicyConfig): 0 | 1 | 2 {
  if (clientAuth === undefined) return 0;
  return clientAuth.required ? 2 : 1;
}

/** undefined stands for absent and unknown server names. */
type Host = string | undefined;

/** Hosts that policies name now or named before, and those that the gateway knows of still. */
function hostsOf(before: GatewayConfig, after: TrustView): readonly Host[] {
  const { config } = after;
  const named = [...before.tls.policies, ...config.tls.policies].flatMap((policy) => policy.hosts);
  const known = config.routes.flatMap((route) => route.hosts.map(wildcardHost));
  // A client that connects to an address names no server.
  const hosts = [...named, ...known, ...after.certificateNames].filter((host) => !isIpLiteral(host));
  return [undefined, ...new Set(hosts)];
}

function tableOf({ config, certificateNames: names }: TrustView): PolicyTable<PolicyConfig> {
  const policies = new Map([config.tls.gateway, ...config.tls.policies].map((policy) => [policy.name, policy]));
  return makePolicyTable(config, names, (name) => policies.get(name) ?? config.tls.gateway);
}

/** For a pattern the policy of the names below it that have none of their own. */
function findPolicy(table: PolicyTable<PolicyConfig>, host: Host): PolicyConfig | undefined {
  return table.find(host?.startsWith('*.') === true ? `any-other-name${host.slice(1)}` : host);
}

/**
 * Whether the new file says in so many words that clients of a host are asked for less. `named`: it names the host in the policy.
 * `moved`: see hasMoved.
 */
function isSaid(
  was: PolicyConfig,
  is: PolicyConfig,
  host: Host,
  named: boolean,
  after: GatewayConfig,
  moved: boolean,
): boolean {
  // A host that falls to another policy is not meant by what that policy says of its own hosts.
  const meant = was.name === is.name || named || (host === undefined && isDefaultSaid(is, after));
  if (!meant) return false;
  if (is.clientAuthSaid === 'off' || demandOf(is) === 1) return is.clientAuthSaid !== undefined;
  // A policy is written for its hosts, so one without clientAuth says it; the gateway's own settings are for whatever is left.
  return is.name !== after.tls.gateway.name && !moved;
}

/** Whether the file says that the policy is for clients without a known server name. */
function isDefaultSaid(policy: PolicyConfig, { tls }: GatewayConfig): boolean {
  // Without policies the gateway's is the default one unsaid; with policies there is none unless it is written.
  return tls.policies.length > 0 ? tls.defaultPolicy === policy.name : policy.clientAuthSaid !== undefined;
}

/** Somebody asks for certificates who did not before: a block that slid from one policy to another looks so. */
function hasMoved(before: GatewayConfig, after: GatewayConfig): boolean {
  const asked = new Set(
    all(before)
      .filter(asks)
      .map(({ name }) => name),
  );
  return all(after).some((policy) => asks(policy) && !asked.has(policy.name));
}

function all({ tls }: GatewayConfig): readonly PolicyConfig[] {
  return [tls.gateway, ...tls.policies];
}

function asks({ clientAuth }: PolicyConfig): boolean {
  return clientAuth !== undefined;
}

type Group = { readonly was: PolicyConfig; readonly is: PolicyConfig; readonly hosts: Host[] };

/** Hosts that go from one policy to another, together. */
class Groups {
  readonly #groups = new Map<string, Group>();

  get list(): readonly Group[] {
    return [...this.#groups.values()];
  }

  add(was: PolicyConfig, is: PolicyConfig, host: Host): void {
    const key = `${was.name}\0${is.name}`;
    const group = this.#groups.get(key);
    if (group === undefined) this.#groups.set(key, { was, is, hosts: [host] });
    else group.hosts.push(host);
  }
}

function clientAuthProblem(was: PolicyConfig, is: PolicyConfig, hosts: readonly Host[]): Problem {
  return {
    severity: 'error',
    code: 'client_auth_dropped',
    place: placeOf(is),
    message: `this file would drop client authentication without saying so: certificates ${describeDrop(was, is, hosts)}`,
    hint: adviceFor(was, is, hosts),
  };
}

function adviceFor(was: PolicyConfig, is: PolicyConfig, hosts: readonly Host[]): string {
  const restore = `Put clientAuth back where it was (policy ${was.name})`;
  if (was.name === is.name)
    return demandOf(is) === 1
      ? `Write required: true; or required: false if it is meant.`
      : `${restore}; or write clientAuth: off there if it is meant.`;
  const where = hosts.every((host) => host === undefined)
    ? `name a policy with clientAuth: off in gateway.tls.defaultPolicy`
    : `name the hosts in a policy with clientAuth: off`;
  return `${restore}; or ${where} if it is meant.`;
}

function describeDrop(was: PolicyConfig, is: PolicyConfig, hosts: readonly Host[]): string {
  const asked = demandOf(was) === 2 ? 'required' : 'asked for';
  const now = demandOf(is) === 1 ? 'optional' : 'not asked for any more';
  const by = was.name === is.name ? `policy ${is.name}` : `policy ${is.name} instead of ${was.name}`;
  return `that were ${asked} are ${now} by ${by}, for ${list(hosts)}`;
}

function written({ clientAuthSaid, name }: PolicyConfig): string {
  if (clientAuthSaid === 'off') return 'clientAuth: off';
  return clientAuthSaid === 'optional' ? 'required: false' : `policy ${name} has no clientAuth`;
}

function routesProblem(is: PolicyConfig, hosts: readonly Host[]): Problem {
  return {
    severity: 'error',
    code: 'client_auth_dropped',
    place: placeOf(is),
    message: `this file would drop client authentication without saying so: routes that required a certificate by default are open by policy ${is.name}, for ${list(hosts)}`,
    hint: 'Put defaults.security.clientCert back; or write defaults: {security: {clientCert: {required: false}}} if it is meant.',
  };
}

function certificateProblem(is: PolicyConfig, hosts: readonly Host[]): Problem {
  return {
    severity: 'error',
    code: 'certificate_dropped',
    place: placeOf(is),
    message: `a configured certificate would be replaced by a self-signed one: policy ${is.name}, for ${list(hosts)}`,
    hint: 'Give the certificate in gateway.tls.certificates, default or certsDir, or in certificates of the policy.',
  };
}

function list(hosts: readonly Host[]): string {
  const shown = hosts.slice(0, hostsShown).map((host) => host ?? 'clients without a known server name');
  const more = hosts.length > hostsShown ? ` and ${hosts.length - hostsShown} more` : '';
  return shown.join(', ') + more;
}

function placeOf({ clientAuth, place }: PolicyConfig): Place {
  return clientAuth?.place ?? place;
}
