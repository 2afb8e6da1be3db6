// Which options hold for which server name: Traefik finds them by the hosts of the routers that name them, and takes the options called
// `default` for everything else.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import type { Router } from './routers.ts';
import { noOptions, readTlsOptions, type TlsOptions } from './tls-options.ts';

export type Policies = {
  readonly tls: DraftMap;
  readonly asks: boolean;
  /** By the name of the options. */
  readonly options: ReadonlyMap<string, TlsOptions>;
};

export function buildPolicies(written: SourceMap | undefined, routers: readonly Router[]): Policies {
  const options = new Map<string, TlsOptions>();
  const sources = written?.map('options');
  for (const name of sources?.names ?? []) {
    const one = sources?.mapOrEmpty(name);
    if (one !== undefined) options.set(name, readTlsOptions(one));
  }
  const tls: DraftMap = {};
  const certificates = readCertificates(written, tls);
  if (certificates.length > 0) tls.certificates = certificates;
  const fallback = options.get('default') ?? noOptions;
  const hosts = hostsOf(routers, options);
  const own = new Set([...hosts.values()].filter((name) => name !== 'default'));
  const strict = sources?.map('default')?.get('snistrict');
  Object.assign(tls, fallback.keys);
  if ([...options.values()].some(({ resumes }) => !resumes)) tls.sessionResumption = { enabled: false };
  const names = fallback.sniStrict ? ['default', ...own] : [...own];
  const policies = names.flatMap((name) => {
    const list = [...hosts].filter(([, other]) => other === name).map(([host]) => host);
    const keys = options.get(name)?.keys ?? {};
    return list.length === 0
      ? []
      : [{ name: name === 'gateway' || name === 'none' ? `${name}-options` : name, hosts: list, ...copy(keys) }];
  });
  if (policies.length > 0) Object.assign(tls, { defaultPolicy: fallback.sniStrict ? 'none' : 'gateway', policies });
  if (strict !== undefined && fallback.sniStrict)
    strict.reading.report.changed(
      strict,
      strict.shown,
      policies.length > 0
        ? 'defaultPolicy: none: server names of no router are refused'
        : 'there is no router with a host: server names are not refused',
    );
  return { tls, asks: [...options.values()].some(({ asks }) => asks), options };
}

function copy(keys: DraftMap): DraftMap {
  return structuredClone(keys);
}

/** The options of each host; one with two is refused: Traefik falls back to others then, which nobody means. */
function hostsOf(routers: readonly Router[], options: ReadonlyMap<string, TlsOptions>): Map<string, string> {
  const found = new Map<string, string>();
  for (const router of routers) {
    const { report } = router.source.reading;
    const name = router.options;
    if (name === undefined) continue;
    if (name !== 'default' && !options.has(name)) {
      report.refuse('no_options', router.source, `${router.name}, tls.options: ${name}`, 'there are no such options');
      continue;
    }
    const hosts = router.choices.flatMap((choice) => choice.hosts);
    if (name !== 'default' && hosts.length === 0 && router.choices.length > 0)
      report.refuse(
        'options_without_host',
        router.source,
        `${router.name}, tls.options: ${name}`,
        'options are chosen by the hosts of a router; for one without, Traefik takes those called default',
      );
    for (const host of hosts) {
      const policyHost = host.replace(/^\{\w+\}\./, '*.');
      const other = found.get(policyHost);
      const asks = [name, other].some((one) => options.get(one ?? '')?.asks === true);
      if (other === undefined || other === name) found.set(policyHost, name);
      else if (asks) {
        const says = `${host} has the options ${other} by another router: Traefik takes those called default then, for both`;
        report.refuse('options_differ', router.source, `${router.name}, tls.options: ${name}`, says);
      } else {
        found.set(policyHost, 'default');
        report.changed(
          router.source,
          `${router.name}, tls.options: ${name}`,
          `${host} has ${other} by another router, so it has those called default, as in Traefik`,
        );
      }
    }
  }
  return found;
}

function readCertificates(written: SourceMap | undefined, tls: DraftMap): DraftMap[] {
  if (written === undefined) return [];
  const { report } = written.reading;
  const pairs = written.maps('certificates').map((pair) => {
    pair.get('stores');
    report.taken(pair, 'tls.certificates', 'gateway.tls.certificates');
    return { cert: pair.text('certfile') ?? '', key: pair.text('keyfile') ?? '' };
  });
  const stores = written.map('stores');
  for (const name of stores?.names ?? []) {
    const store = stores?.mapOrEmpty(name);
    const pair = store?.map('defaultcertificate');
    const generated = store?.get('defaultgeneratedcert');
    generated?.map?.readAll();
    generated?.map?.map('domain')?.readAll();
    if (generated !== undefined)
      report.changed(
        generated,
        'defaultGeneratedCert',
        'certificates are not fetched: give them under gateway.tls.certificates',
      );
    if (pair === undefined) continue;
    if (name === 'default') {
      tls.default = { cert: pair.text('certfile') ?? '', key: pair.text('keyfile') ?? '' };
      report.taken(pair, 'defaultCertificate', 'gateway.tls.default');
    } else {
      pair.readAll();
      report.left(pair, `tls.stores.${name}`, 'Traefik uses the store called default only');
    }
  }
  return pairs;
}
