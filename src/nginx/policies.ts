// Which TLS settings of which server become the gateway's, and which a policy of their own: nginx chooses by the server name of the
// handshake, among the servers of one address; here all addresses choose among the same policies.
import type { DraftMap } from '../import/draft.ts';
import type { Ledger } from './ledger.ts';
import type { Entry, Server } from './servers.ts';
import { readTlsSettings, type TlsSettings } from './tls-settings.ts';

export type Policies = {
  /** gateway.tls. */
  readonly tls: DraftMap;
  readonly settings: ReadonlyMap<Server, TlsSettings>;
};

type Group = { readonly servers: Server[]; readonly settings: TlsSettings };

export function buildPolicies(entries: readonly Entry[], ledger: Ledger): Policies | undefined {
  const secure = entries.filter(({ tls }) => tls);
  const settings = new Map<Server, TlsSettings>();
  for (const server of new Set(secure.flatMap(({ servers }) => servers)))
    settings.set(server, readTlsSettings(server.scope, ledger));
  const [first, ...others] = secure;
  if (first === undefined) return undefined;
  const groups = groupServers(settings);
  const of = (server: Server): Group | undefined => groups.find(({ servers }) => servers.includes(server));
  const own = of(first.defaultServer);
  if (own === undefined) return undefined;
  for (const entry of others) {
    if (of(entry.defaultServer) === own) continue;
    ledger.refuse(
      'policies_differ',
      entry.defaultServer.directive,
      `the default server of ${entry.address} has other TLS settings than that of ${first.address}: policies are chosen by server name, whatever the port; give each port a gateway`,
    );
  }
  checkNames(groups, ledger);
  const rejects = own.settings.rejects;
  const tls: DraftMap = {};
  const certificates = own.servers.flatMap((server) => settings.get(server)?.certificates ?? []);
  if (certificates.length > 0 && !rejects) tls.certificates = unique(certificates);
  if (own.settings.clientAuth !== undefined && !rejects) tls.clientAuth = own.settings.clientAuth;
  Object.assign(tls, own.settings.parameters);
  for (const one of settings.values()) Object.assign(tls, one.shared);
  const policies = groups.filter((group) => group !== own).flatMap((group) => policyOf(group, settings, ledger) ?? []);
  if (policies.length > 0) Object.assign(tls, { defaultPolicy: rejects ? 'none' : 'gateway', policies });
  const reject = first.defaultServer.scope.last('ssl_reject_handshake');
  if (reject !== undefined && rejects) ledger.taken(reject, 'defaultPolicy: none');
  return { tls, settings };
}

/** Servers whose handshakes differ by their certificate at most. */
function groupServers(settings: ReadonlyMap<Server, TlsSettings>): Group[] {
  const groups = new Map<string, Group>();
  for (const [server, one] of settings) {
    const key = JSON.stringify([one.clientAuth, one.parameters, one.rejects]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, { servers: [server], settings: one });
    else group.servers.push(server);
  }
  return [...groups.values()];
}

function policyOf(
  { servers, settings }: Group,
  all: ReadonlyMap<Server, TlsSettings>,
  ledger: Ledger,
): DraftMap | undefined {
  const hosts: string[] = [];
  for (const { names, directive } of servers) {
    hosts.push(...names.exact, ...names.wildcards);
    const says = 'a server name with an expression, or a star at its end, chooses no policy here: write the names';
    if (names.others.length > 0) ledger.loses('certificate_rule', directive, `${names.others.join(' ')}: ${says}`);
  }
  const [name] = hosts;
  if (name === undefined) return undefined;
  const certificates = servers.flatMap((server) => all.get(server)?.certificates ?? []);
  return {
    name: name.replace(/^\*\./, 'any.'),
    hosts: [...new Set(hosts)],
    ...(certificates.length > 0 && { certificates: unique(certificates) }),
    ...(settings.clientAuth !== undefined && { clientAuth: settings.clientAuth }),
    ...settings.parameters,
  };
}

/** One name at two ports with two kinds of handshake. */
function checkNames(groups: readonly Group[], ledger: Ledger): void {
  const owners = new Map<string, Group>();
  for (const group of groups)
    for (const { names, directive } of group.servers)
      for (const name of [...names.exact, ...names.wildcards]) {
        const owner = owners.get(name);
        if (owner !== undefined && owner !== group)
          ledger.refuse(
            'policies_differ',
            directive,
            `${name} has other TLS settings here than in another server block: policies are chosen by server name, whatever the port`,
          );
        owners.set(name, group);
      }
}

function unique(maps: readonly DraftMap[]): DraftMap[] {
  return [...new Map(maps.map((map) => [JSON.stringify(map), map])).values()];
}
