// Which sources a configuration asks for, each once: they are opened together, before anything is built with what they deliver.
import type { CertificatePair, GatewayConfig } from '../config/gateway-config.ts';
import type { Ref } from '../config/ref.ts';
import { type SourceConfig, sourceKey } from '../config/source-config.ts';

export function listSources({ named, tls }: GatewayConfig): SourceConfig[] {
  const policies = [tls.gateway, ...tls.policies];
  // Pairs of routes are among those of `tls`; backends refer to sources by the ids of what is named.
  const pairs: readonly CertificatePair[] = [
    ...named.certificates.map(({ pair }) => pair),
    ...tls.certificates,
    ...(tls.defaultCertificate === undefined ? [] : [tls.defaultCertificate]),
    ...policies.flatMap(({ certificates }) => certificates),
  ];
  const refs: readonly Ref[] = [
    ...pairs.map(({ cert }) => cert),
    ...named.caBundles.flatMap(({ cas }) => cas),
    ...policies.flatMap(({ clientAuth }) => clientAuth?.clientCAs ?? []),
    ...policies.flatMap(({ clientAuth }) => clientAuth?.spiffe?.bundles.flatMap(({ cas }) => cas) ?? []),
  ];
  const found = refs.flatMap((ref) => ('sourced' in ref ? [ref.sourced] : []));
  return [...new Map(found.map((one) => [sourceKey(one), one])).values()];
}
