// The CAs that a policy's clients must chain to: its clientCA, and the bundle of each trust domain.
import type { ClientAuthConfig } from '../config/gateway-config.ts';
import type { Ref } from '../config/ref.ts';
import { splitCertificate } from '../certs/facts-reader.ts';
import { materialError } from '../base/material-problem.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { checkAnchors } from './check-anchors.ts';
import type { MaterialLoader } from './material-loader.ts';

export type ClientTrustBundles = {
  /** clientCA; undefined where it is left out because every trust domain has its own. */
  readonly own: TrustBundle | undefined;
  readonly domains: readonly { readonly trustDomain: string; readonly bundle: TrustBundle }[];
};

/** What is asked of certificates that clients show, as far as it is about CAs. */
export type ClientCAs = Pick<ClientAuthConfig, 'clientCAs' | 'spiffe' | 'partialChain' | 'place'>;

/** undefined where any of them cannot be used: the loader's problems say why. Never a smaller set. `who`: for messages, `policy NAME`. */
export async function loadClientTrust(
  who: string,
  clientAuth: ClientCAs,
  loader: MaterialLoader,
): Promise<ClientTrustBundles | undefined> {
  const { clientCAs, spiffe } = clientAuth;
  let own: TrustBundle | undefined;
  if (clientCAs.length > 0 || spiffe === undefined) {
    own = await loader.bundle(clientCAs);
    if (own === undefined) return undefined;
  }
  const domains: { trustDomain: string; bundle: TrustBundle; ref: Ref }[] = [];
  for (const { trustDomain, cas } of spiffe?.bundles ?? []) {
    const [ref] = cas;
    const bundle = await loader.bundle(cas);
    if (bundle === undefined || ref === undefined) return undefined;
    domains.push({ trustDomain, bundle, ref });
  }
  const all = domains.map(({ trustDomain, bundle, ref }) => ({ what: `the bundle of ${trustDomain}`, bundle, ref }));
  const [ref] = clientCAs;
  if (own !== undefined && ref !== undefined) all.unshift({ what: 'clientCA', bundle: own, ref });
  checkAnchors(who, 'clients', clientAuth.partialChain, all, loader);
  checkNames(who, clientAuth, [own, ...domains.map(({ bundle }) => bundle)], loader);
  return { own, domains };
}

/**
 * Bytes of CA names that fit into a CertificateRequest: its list, and in TLS 1.3 all its extensions together, are counted in
 * 16 bits. Beyond that OpenSSL breaks off every handshake with internal_error (tried on Node 26.10, both versions).
 */
const maxNameBytes = 65_000;

function checkNames(
  who: string,
  clientAuth: ClientCAs,
  bundles: readonly (TrustBundle | undefined)[],
  loader: MaterialLoader,
): void {
  const cas = new Map(bundles.flatMap((bundle) => bundle?.certificates ?? []).map((facts) => [facts.sha256, facts]));
  let bytes = 0;
  for (const { der } of cas.values()) {
    const { subject } = splitCertificate(der);
    // Each name has its length in front.
    bytes += 2 + subject.end - subject.start;
  }
  if (bytes <= maxNameBytes) return;
  loader.add(
    clientAuth.place,
    materialError(
      'ca_names_too_large',
      `${who}: the names of its ${cas.size} CAs take ${bytes} bytes; TLS sends them to every client and has room for ${maxNameBytes}`,
      'Take CAs away that vouch for no client (countersign trust audit lists them), or part the clients over several policies.',
    ),
  );
}

/** Every CA of the policy, those of all trust domains included. */
export function allOf({ own, domains }: ClientTrustBundles): TrustBundle | undefined {
  const [first, ...more] = [own, ...domains.map(({ bundle }) => bundle)].filter((bundle) => bundle !== undefined);
  return first && TrustBundle.join(first, ...more);
}
