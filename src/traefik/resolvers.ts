// `certificatesResolvers`: certificates that Traefik orders for the hosts of routers, ordered by ours.
import { acmeCertificate, ordersAnew } from '../import/acme-certificate.ts';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import type { Router } from './routers.ts';
import { readAll } from './read-all.ts';

/** Items of gateway.certificates. */
export function readResolvers(root: SourceMap, routers: readonly Router[]): DraftMap[] {
  const resolvers = root.map('certificatesresolvers');
  return (resolvers?.names ?? []).flatMap((name): DraftMap[] => {
    const resolver = resolvers?.mapOrEmpty(name);
    const acme = resolver?.map('acme');
    const { report } = root.reading;
    const asked = routers.filter((router) => router.resolver?.name === name);
    const domains = asked.flatMap(({ resolver: one, choices }) =>
      one !== undefined && one.domains.length > 0 ? one.domains : choices.flatMap(({ hosts }) => hosts),
    );
    const dns = acme?.has('dnschallenge') === true;
    const http = acme?.has('httpchallenge') === true;
    const made =
      acme === undefined || dns
        ? undefined
        : acmeCertificate({
            id: name,
            directory: acme.text('caserver'),
            email: acme.text('email'),
            domains,
            ...(http && { challenge: 'http-01' }),
          });
    if (resolver !== undefined) {
      readAll(resolver);
      const why = dns ? 'dns-01 is not answered' : 'there is no name of a router that can be ordered';
      report.changed(
        resolver,
        `certificatesResolvers.${name}`,
        made === undefined ? `${why}: give the certificates under gateway.tls.certificates` : ordersAnew,
      );
    }
    return made === undefined ? [] : [made];
  });
}
