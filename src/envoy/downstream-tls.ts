// A DownstreamTlsContext as a policy of ours: certificates, whom it lets in, versions. Every field of it is known here or fails the import.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import { type Context, duration, readDeep } from './context.ts';
import { readDataSource } from './data-source.ts';
import { readSecret } from './secrets.ts';
import { readTlsParameters } from './tls-parameters.ts';
import { findWorkload, workloadPair } from './workload.ts';
import { readValidation, type Validation } from './validation.ts';

export type DownstreamTls = {
  /** Keys of a policy: certificates, clientAuth, minVersion, … */
  readonly policy: DraftMap;
  /** Of the whole gateway. */
  readonly sessionResumption: DraftMap;
  /** False where ALPN is written without h2. */
  readonly http2: boolean;
};

/** `path`: what it becomes, for the report: `gateway.tls`, `gateway.tls.policies.NAME`. */
export async function readDownstreamTls(context: Context, tls: SourceMap, path: string): Promise<DownstreamTls> {
  const { report } = context;
  tls.text('@type');
  const common = tls.map('common_tls_context');
  const policy: DraftMap = {};
  context.reading.becomes(tls.path, policy);
  if (common === undefined) {
    report.refuse('bad_value', tls, 'DownstreamTlsContext', 'has no common_tls_context');
    return { policy, sessionResumption: {}, http2: true };
  }
  const pairs = await readPairs(context, common, `${path}.certificates`);
  if (pairs.length > 0) policy['certificates'] = pairs;
  else if (!report.failed)
    report.refuse('no_certificate', common, 'common_tls_context', 'names no certificate of the server');
  await readClientAuth(context, tls, common, policy, path);
  readTlsParameters(context, common, policy, path);
  const alpn = common.items('alpn_protocols').flatMap(({ text }) => text?.split(',') ?? []);
  const alpnValue = common.get('alpn_protocols');
  if (alpnValue !== undefined)
    report.taken(alpnValue, 'alpn_protocols', alpn.includes('h2') ? 'h2 and http/1.1' : 'gateway.http2.enabled: false');
  readHarmless(context, tls, common);
  const sessionResumption = await readSessions(context, tls);
  return { policy, sessionResumption, http2: alpn.length === 0 || alpn.includes('h2') };
}

/** Certificates with their keys, as `{cert, key}`. */
export async function readPairs(context: Context, common: SourceMap, path: string): Promise<DraftMap[]> {
  const secrets: SourceMap[] = [...common.maps('tls_certificates')];
  const pairs: DraftMap[] = [];
  for (const one of common.items('tls_certificate_sds_secret_configs')) {
    const workload = findWorkload(context, one);
    const secret = workload === undefined ? await readSecret(context, one, 'tls_certificate') : undefined;
    if (workload !== undefined) pairs.push(workloadPair(context, one, workload, path));
    if (secret !== undefined) secrets.push(secret);
  }
  const ofFiles = secrets.map((secret) => readPair(context, secret, path)).filter((pair) => pair !== undefined);
  return [...ofFiles, ...pairs];
}

function readPair(context: Context, map: SourceMap, path: string): DraftMap | undefined {
  const { report } = context;
  const p12 = readDataSource(context, map.get('pkcs12'), `${path}.p12`);
  const password = map.get('password');
  const secret = p12 === undefined ? undefined : readDataSource(context, password, `${path}.password`);
  const cert = readDataSource(context, map.get('certificate_chain'), `${path}.cert`);
  const key = readDataSource(context, map.get('private_key'), `${path}.key`);
  const pair: DraftMap =
    p12 === undefined
      ? { cert: cert ?? '', key: key ?? '' }
      : { p12, ...(secret !== undefined && { password: secret }) };
  context.reading.becomes(map.path, pair);
  const provider = map.get('private_key_provider');
  readDeep(provider);
  if (provider !== undefined) report.refuse('unsupported_key', provider, 'private_key_provider', 'keys are files here');
  if (password !== undefined && p12 === undefined) {
    readDeep(password);
    report.refuse(
      'unsupported_key',
      password,
      'password',
      'keys in PEM have no password here (openssl pkey), or write pkcs12',
    );
  }
  const staple = map.get('ocsp_staple');
  if (staple !== undefined) {
    staple.map?.readAll();
    const says =
      'responses are fetched from the responder where gateway.tls.ocspStapling.enabled says so, not read from a file';
    report.left(staple, 'ocsp_staple', says);
  }
  const sct = map.get('signed_certificate_timestamp');
  for (const item of sct?.items ?? []) item.map?.readAll();
  if (sct !== undefined) report.left(sct, 'signed_certificate_timestamp', 'those in the certificate are sent');
  map.map('watched_directory')?.readAll();
  if (p12 !== undefined || (cert !== undefined && key !== undefined)) return pair;
  if (!report.failed) report.refuse('bad_value', map, 'tls_certificates', 'has no certificate_chain or no private_key');
  return undefined;
}

async function readClientAuth(
  context: Context,
  tls: SourceMap,
  common: SourceMap,
  policy: DraftMap,
  path: string,
): Promise<void> {
  const required = context.flag(tls, 'require_client_certificate') ?? false;
  const at = `${path}.clientAuth`;
  const validation = await readValidation(context, common, at);
  const value = tls.get('require_client_certificate');
  if (validation === undefined) {
    if (required && value !== undefined)
      context.loses(
        'unverified_clients',
        value,
        'no validation context says whose certificates, so any would do',
        policy,
      );
    else if (value !== undefined) context.report.taken(value, value.shown, 'no certificate is asked for');
    return;
  }
  const hasRules = narrows(validation);
  const auth = clientAuthOf(context, validation, required || hasRules);
  if (auth === undefined && validation.unknown === true) return;
  if (auth === undefined) {
    context.report.taken(validation.value, 'validation_context', 'no certificate is asked for');
    return;
  }
  policy['clientAuth'] = auth;
  context.reading.becomes(validation.value.path, auth);
  if (value !== undefined || required) report(context, value ?? validation.value, required, hasRules, at);
}

function report(context: Context, value: SourceValue, required: boolean, hasRules: boolean, at: string): void {
  if (required || !hasRules) context.report.taken(value, value.shown, `${at}.required: ${required}`);
  else
    context.report.changed(
      value,
      value.shown,
      `${at}.required: true, since Envoy refuses clients without one all the same`,
    );
}

/** Envoy refuses clients without a certificate wherever one of these is written. */
function narrows({ sans, fingerprints, spki, spiffe }: Validation): boolean {
  return sans !== undefined || fingerprints.length + spki.length > 0 || spiffe !== undefined;
}

function clientAuthOf(context: Context, validation: Validation, required: boolean): DraftMap | undefined {
  const { ca, caBundle, crl, fingerprints, spki, sans, spiffe, maxDepth, value } = validation;
  if (validation.unknown === true) return undefined;
  if (ca === undefined && caBundle === undefined && spiffe === undefined) {
    if (fingerprints.length + spki.length > 0)
      context.report.refuse(
        'pins_without_ca',
        value,
        value.shown,
        'a pin counts beside a CA here: name trusted_ca, be it the certificates themselves',
      );
    else if (required || crl !== undefined)
      context.loses('unverified_clients', value, 'no trusted_ca says whose certificates, so any would do');
    else return undefined;
    return undefined;
  }
  const auth: DraftMap = {};
  if (ca !== undefined) auth['clientCA'] = ca;
  if (caBundle !== undefined) auth['caBundles'] = [caBundle];
  auth['required'] = required;
  if (validation.partialChain === true) auth['partialChain'] = true;
  if (crl !== undefined)
    auth['crl'] = validation.leafCrlOnly === true ? { sources: crl, scope: 'leaf' } : { sources: crl };
  if (sans !== undefined) auth['allowedSANs'] = sans;
  if (fingerprints.length > 0) auth['allowedFingerprints'] = fingerprints;
  if (spki.length > 0) auth['allowedSPKI'] = spki;
  if (spiffe !== undefined) auth['spiffe'] = spiffe;
  if (maxDepth !== undefined) auth['maxDepth'] = maxDepth;
  return auth;
}

/** What changes nothing about who is let in. */
function readHarmless(context: Context, tls: SourceMap, common: SourceMap): void {
  const { report } = context;
  for (const [map, name, says] of [
    [tls, 'ocsp_staple_policy', 'whether a response is stapled is for gateway.tls.ocspStapling to say'],
    [tls, 'full_scan_certs_on_sni_mismatch', 'certificates are chosen by name'],
    [tls, 'prefer_client_ciphers', 'the order here counts'],
    [tls, 'disable_stateful_session_resumption', 'sessions are resumed by tickets, as sessionResumption says'],
    [common, 'key_log', 'keys of sessions are written nowhere'],
  ] as const) {
    const value = map.get(name);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, value.shown, says);
  }
  const sni = tls.get('require_sni');
  if (sni !== undefined && context.flag(tls, 'require_sni') === true)
    context.loses(
      'chain_match',
      sni,
      'clients without a server name get the policy of gateway.tls; write defaultPolicy: none',
    );
}

async function readSessions(context: Context, tls: SourceMap): Promise<DraftMap> {
  const sessions: DraftMap = {};
  if (context.flag(tls, 'disable_stateless_session_resumption') === true) {
    sessions['enabled'] = false;
    context.taken(tls, 'disable_stateless_session_resumption', 'gateway.tls.sessionResumption.enabled: false');
  }
  const lifetime = context.durationMs(tls, 'session_timeout');
  if (lifetime !== undefined && lifetime > 0) {
    sessions['lifetime'] = duration(Math.min(lifetime, 168 * 3_600_000));
    context.taken(tls, 'session_timeout', 'gateway.tls.sessionResumption.lifetime');
  }
  const sds = tls.get('session_ticket_keys_sds_secret_config');
  const keys = tls.map('session_ticket_keys') ?? (sds && (await readSecret(context, sds, 'session_ticket_keys')));
  const [first, ...others] = keys?.items('keys') ?? [];
  const key = readDataSource(context, first, 'gateway.tls.sessionResumption.keys');
  if (key !== undefined) sessions['keys'] = key;
  for (const other of others) {
    other.map?.readAll();
    context.report.left(other, 'session_ticket_keys', 'only the first is used; sessions of the others begin anew');
  }
  return sessions;
}
