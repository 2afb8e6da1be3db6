// An UpstreamTlsContext as `security.tls`. Envoy without a CA verifies nothing, and without SAN rules looks at no name; here the backend is
// verified in any case, with a word in the report.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import type { Context } from './context.ts';
import { readPairs } from './downstream-tls.ts';
import { readTlsParameters } from './tls-parameters.ts';
import { namedPair } from './workload.ts';
import { readValidation } from './validation.ts';

const path = 'routes[].security.tls';

export async function readUpstreamTls(context: Context, tls: SourceMap): Promise<DraftMap> {
  const { report } = context;
  tls.text('@type');
  const result: DraftMap = {};
  context.reading.becomes(tls.path, result);
  const common = tls.mapOrEmpty('common_tls_context');
  const validation = common === undefined ? undefined : await readValidation(context, common, path);
  if (validation?.ca !== undefined) result['rootCAs'] = validation.ca;
  else if (validation?.caBundle !== undefined) result['caBundle'] = validation.caBundle;
  else if (validation?.unknown === true) return result;
  else
    report.changed(
      validation?.value ?? tls,
      'no trusted_ca',
      'Envoy verifies nothing then; here the CAs of the system have to vouch for the backend',
    );
  if (validation?.partialChain === true) result['partialChain'] = true;
  if (common !== undefined) {
    const [pair, ...more] = await readPairs(context, common, path);
    if (pair?.['spiffe'] !== undefined) result['certificateId'] = namedPair(context, pair);
    else if (pair !== undefined) {
      if (pair['p12'] !== undefined)
        report.refuse(
          'unsupported_key',
          common,
          'pkcs12',
          'write it under gateway.certificates, and its certificateId on the route',
        );
      result['clientCert'] = pair['cert'] ?? '';
      result['clientKey'] = pair['key'] ?? '';
    }
    if (more.length > 0)
      report.refuse('several_client_certificates', common, 'tls_certificates', 'one is shown to a backend');
  }
  const sni = tls.text('sni');
  if (sni !== undefined) {
    result['serverName'] = sni;
    context.taken(tls, 'sni', `${path}.serverName`);
  }
  const autoSan = context.flag(tls, 'auto_sni_san_validation') === true;
  const autoSni = context.flag(tls, 'auto_host_sni') === true;
  for (const [is, name] of [
    [autoSni, 'auto_host_sni'],
    [autoSan, 'auto_sni_san_validation'],
  ] as const)
    if (is) context.taken(tls, name, 'as it is here in any case');
  if (validation !== undefined) {
    const { sans, crl, leafCrlOnly, fingerprints, spki, spiffe, maxDepth, value } = validation;
    if (sans !== undefined) result['allowedSANs'] = sans;
    else if (!autoSan && (validation.ca !== undefined || validation.caBundle !== undefined))
      report.changed(
        value,
        'no names',
        'Envoy looks at no name of the backend then; here it has to be that of sni or of the endpoint',
      );
    if (fingerprints.length > 0) result['allowedFingerprints'] = fingerprints;
    if (spki.length > 0) result['allowedSPKI'] = spki;
    if (crl !== undefined) result['crl'] = leafCrlOnly === true ? { sources: crl, scope: 'leaf' } : { sources: crl };
    if (spiffe !== undefined)
      report.refuse(
        'custom_validator',
        value,
        'SPIFFE validator',
        'towards backends write allowedSANs: [{trustDomain: …}]',
      );
    if (maxDepth !== undefined) report.left(value, 'max_verify_depth', 'towards backends there is no such limit');
  }
  if (common !== undefined) readTlsParameters(context, common, result, path, true);
  for (const [map, name, says] of [
    [tls, 'allow_renegotiation', 'there is no renegotiation'],
    [tls, 'max_session_keys', 'sessions are kept with connections'],
    [tls, 'enforce_rsa_key_usage', 'OpenSSL decides'],
    [common, 'key_log', 'keys of sessions are written nowhere'],
    [common, 'alpn_protocols', 'what the backend agrees to is spoken: HTTP/2, else HTTP/1.1'],
  ] as const) {
    const value = map?.get(name);
    value?.map?.readAll();
    if (value !== undefined) report.left(value, value.shown, says);
  }
  return result;
}
