// A validation context as `clientAuth` and as the backend side of `security.tls`. Every field is known here or fails the import: what
// stands in it decides who is let in.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { parseCaFile } from './ca-file.ts';
import type { Context } from './context.ts';
import { readDataSource } from './data-source.ts';
import { readSanRules } from './san-rules.ts';
import { readSecret } from './secrets.ts';
import { findWorkload, workloadBundle } from './workload.ts';

export type Validation = {
  ca?: string;
  /** Id of `gateway.caBundles`. */
  caBundle?: string;
  crl?: string;
  leafCrlOnly?: boolean;
  partialChain?: boolean;
  sans?: DraftMap[];
  fingerprints: string[];
  spki: string[];
  maxDepth?: number;
  spiffe?: DraftMap;
  /** A part of it stands where it cannot be read: that was refused. */
  unknown?: true;
  /** Where it is written. */
  readonly value: SourceValue;
};

/** Undefined where none is written. `path`: of the map that it becomes part of, for the report. */
export async function readValidation(
  context: Context,
  common: SourceMap,
  path: string,
): Promise<Validation | undefined> {
  const maps: SourceMap[] = [];
  let first: SourceValue | undefined;
  let isUnknown = false;
  let caBundle: string | undefined;
  const plain = common.get('validation_context');
  const plainMap = common.map('validation_context');
  if (plain !== undefined && plainMap !== undefined) {
    first = plain;
    maps.push(plainMap);
  }
  const combined = common.map('combined_validation_context');
  const sds = [
    common.get('validation_context_sds_secret_config'),
    combined?.get('validation_context_sds_secret_config'),
  ].flatMap((one) => one ?? []);
  const ofCombined = combined?.map('default_validation_context');
  if (ofCombined !== undefined) maps.push(ofCombined);
  first ??= common.get('combined_validation_context');
  for (const one of sds) {
    first ??= one;
    const workload = findWorkload(context, one);
    if (workload !== undefined) {
      caBundle = workloadBundle(context, one, workload);
      if (caBundle === undefined) isUnknown = true;
      continue;
    }
    const secret = await readSecret(context, one, 'validation_context');
    if (secret === undefined) isUnknown = true;
    else maps.push(secret);
  }
  if (first === undefined) return undefined;
  const result: Validation = {
    fingerprints: [],
    spki: [],
    value: first,
    ...(isUnknown && { unknown: true }),
    ...(caBundle !== undefined && { caBundle }),
  };
  // As protobuf merges them: of what can stand once the last, of lists all.
  for (const map of maps) await readOne(context, map, result, path);
  // The secret is merged over what stands here.
  if (result.caBundle !== undefined) delete result.ca;
  return result;
}

async function readOne(context: Context, map: SourceMap, into: Validation, path: string): Promise<void> {
  const { report } = context;
  map.text('@type');
  const ca = map.get('trusted_ca');
  const crl = readDataSource(context, map.get('crl'), `${path}.crl.sources`);
  if (crl !== undefined) into.crl = crl;
  if (ca !== undefined) {
    const text = readDataSource(context, ca, `${path}.${path.endsWith('clientAuth') ? 'clientCA' : 'rootCAs'}`);
    if (text !== undefined) {
      const file = await parseCaFile(context, text, ca);
      into.ca = file.ca;
      into.partialChain = file.partialChain;
      if (file.crl !== undefined && into.crl === undefined) into.crl = file.crl;
    }
  }
  const sans = readSanRules(context, map, `${path}.allowedSANs`);
  if (sans !== undefined) into.sans = [...(into.sans ?? []), ...sans];
  into.fingerprints.push(...textsOf(context, map, 'verify_certificate_hash', `${path}.allowedFingerprints`));
  into.spki.push(...textsOf(context, map, 'verify_certificate_spki', `${path}.allowedSPKI`));
  const depth = context.number(map, 'max_verify_depth');
  if (depth !== undefined) {
    into.maxDepth = Math.min(depth, 16);
    context.taken(map, 'max_verify_depth', `${path}.maxDepth`);
  }
  if (context.flag(map, 'only_verify_leaf_cert_crl') === true) {
    into.leafCrlOnly = true;
    context.taken(map, 'only_verify_leaf_cert_crl', `${path}.crl.scope: leaf`);
  }
  const trust = map.get('trust_chain_verification');
  if (
    trust !== undefined &&
    context.word(map, 'trust_chain_verification', ['VERIFY_TRUST_CHAIN', 'ACCEPT_UNTRUSTED']) === 'ACCEPT_UNTRUSTED'
  )
    context.loses('unverified_clients', trust, 'a certificate that does not pass is refused here');
  const expired = map.get('allow_expired_certificate');
  if (expired !== undefined && context.flag(map, 'allow_expired_certificate') === true)
    context.loses('unverified_clients', expired, 'an expired certificate is refused here');
  const custom = map.get('custom_validator_config');
  if (custom !== undefined) into.spiffe = readSpiffe(context, custom, path) ?? {};
  const watched = map.get('watched_directory');
  watched?.map?.readAll();
  if (watched !== undefined) report.left(watched, watched.shown, 'every file is watched');
}

function textsOf(context: Context, map: SourceMap, name: string, became: string): string[] {
  return map.items(name).flatMap((item) => {
    if (item.text === undefined) {
      context.report.refuse('bad_value', item, item.shown, 'has to be one hash');
      return [];
    }
    context.report.taken(item, name, became);
    return [item.text];
  });
}

/** The SPIFFE validator; another one is refused, since nobody knows what it asks for. */
function readSpiffe(context: Context, value: SourceValue, path: string): DraftMap | undefined {
  const { map } = value;
  const config = map === undefined ? undefined : context.typed(map, 'SPIFFECertValidatorConfig');
  const name = map?.text('name');
  if (map === undefined || config === undefined || name !== 'envoy.tls.cert_validator.spiffe') {
    if (name !== 'envoy.tls.cert_validator.spiffe')
      context.report.refuse('custom_validator', value, name ?? value.shown, 'only the SPIFFE validator is known here');
    return undefined;
  }
  const bundles: DraftMap = {};
  for (const domain of config.maps('trust_domains')) {
    const domainName = domain.text('name');
    const bundle = readDataSource(context, domain.get('trust_bundle'), `${path}.spiffe.bundles`);
    if (domainName === undefined || bundle === undefined)
      context.report.refuse('bad_value', domain, 'trust_domains', 'each has to have a name and a trust_bundle');
    else bundles[domainName] = bundle;
  }
  context.report.taken(value, name, `${path}.spiffe`);
  return { trustDomains: Object.keys(bundles), bundles };
}
