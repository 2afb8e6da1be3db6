// tls_params: versions, cipher suites and groups, as far as they are safe enough to be known here.
import { resolveCipherSuites } from '../downstream/cipher-list.ts';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap } from '../import/source-map.ts';
import type { Context } from './context.ts';

/** TlsParameters.TlsProtocol by number. */
const versions = ['TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3'];
const curves = new Set(['X25519MLKEM768', 'X25519', 'P-256', 'P-384', 'P-521']);

/** Writes what it finds into `into`; `versionsOnly`: towards backends. */
export function readTlsParameters(
  context: Context,
  common: SourceMap,
  into: DraftMap,
  path: string,
  versionsOnly = false,
): void {
  const params = common.map('tls_params');
  if (params === undefined) return;
  const min = readVersion(context, params, 'tls_minimum_protocol_version', `${path}.minVersion`);
  const max = readVersion(context, params, 'tls_maximum_protocol_version', `${path}.maxVersion`);
  if (min === 'TLSv1.3') into['minVersion'] = min;
  if (max === 'TLSv1.2') into['maxVersion'] = max;
  const suites = params.items('cipher_suites').flatMap((item) => item.text?.replace(/^\[|\]$/g, '').split('|') ?? []);
  const groups = params.items('ecdh_curves').flatMap(({ text }) => text ?? []);
  const value = params.get('cipher_suites');
  const curvesValue = params.get('ecdh_curves');
  if (versionsOnly) {
    if (value !== undefined)
      context.report.left(value, 'cipher_suites', 'towards backends the modern ones are offered');
    if (curvesValue !== undefined) context.report.left(curvesValue, 'ecdh_curves', 'towards backends the modern ones');
  } else {
    const good = suites.filter(isSafe);
    const bad = suites.filter((name) => !isSafe(name));
    // The suites of TLS 1.3 are there always, and in no list of Envoy's.
    if (good.length > 0) into['cipherSuites'] = [...(good.some(isOf13) ? [] : tls13), ...good];
    if (value !== undefined && bad.length > 0)
      context.report.changed(value, 'cipher_suites', `without ${bad.join(', ')}, which no client should need`);
    else if (value !== undefined) context.report.taken(value, 'cipher_suites', `${path}.cipherSuites`);
    const known = groups.filter((name) => curves.has(name));
    if (known.length > 0) into['curves'] = known;
    if (curvesValue !== undefined && known.length < groups.length)
      context.report.changed(curvesValue, 'ecdh_curves', `only ${known.join(', ') || 'the default'}`);
    else if (curvesValue !== undefined) context.report.taken(curvesValue, 'ecdh_curves', `${path}.curves`);
  }
  const algorithms = params.get('signature_algorithms');
  if (algorithms !== undefined)
    context.report.left(algorithms, 'signature_algorithms', 'those of OpenSSL that are safe are used');
}

function readVersion(context: Context, params: SourceMap, name: string, became: string): string | undefined {
  const word = context.word(params, name, versions);
  const value = params.get(name);
  if (word === undefined || value === undefined) return undefined;
  if (word === 'TLSV1_0' || word === 'TLSV1_1') {
    context.report.changed(value, value.shown, 'TLS 1.2 is the oldest here');
    return 'TLSv1.2';
  }
  context.report.taken(value, value.shown, became);
  return word === 'TLSV1_3' ? 'TLSv1.3' : word === 'TLSV1_2' ? 'TLSv1.2' : undefined;
}

const tls13 = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

function isOf13(name: string): boolean {
  return name.startsWith('TLS_');
}

/** Forward secret and authenticated encryption. */
function isSafe(name: string): boolean {
  if (!/^(?:ECDHE-.*(?:GCM|POLY1305)|TLS_(?:AES|CHACHA20))/.test(name)) return false;
  try {
    resolveCipherSuites([name]);
    return true;
  } catch {
    return false;
  }
}
