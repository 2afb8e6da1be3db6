// `ssl_*` of a server as a policy of ours. What nginx does after the handshake (400 for a certificate that does not pass) is done within
// it here; who passes is the same.
import { tlsCipherSuites } from '../import/cipher-names.ts';
import type { DraftMap } from '../import/draft.ts';
import { type Directive, firstWord, words } from './directive.ts';
import type { Ledger } from './ledger.ts';
import type { Scope } from './scope.ts';

export type Verify = 'off' | 'on' | 'optional';

export type TlsSettings = {
  readonly certificates: readonly DraftMap[];
  readonly verify: Verify;
  readonly clientAuth: DraftMap | undefined;
  /** minVersion, cipherSuites and so on: keys of a policy. */
  readonly parameters: DraftMap;
  /** Of the gateway as a whole: stapling, session resumption. */
  readonly shared: DraftMap;
  /** `ssl_reject_handshake on`. */
  readonly rejects: boolean;
};

export function readTlsSettings(scope: Scope, ledger: Ledger): TlsSettings {
  const verify = readVerify(scope, ledger);
  return {
    certificates: readPairs(scope, ['ssl_certificate', 'ssl_certificate_key'], ledger),
    verify,
    clientAuth: verify === 'off' ? undefined : readClientAuth(scope, verify, ledger),
    parameters: readParameters(scope, ledger),
    shared: readShared(scope, ledger),
    rejects: firstWord(scope.last('ssl_reject_handshake') ?? nothing) === 'on',
  };
}

const nothing: Directive = { name: '', args: [], place: { file: '', line: 1, col: 1 } };

function readVerify(scope: Scope, ledger: Ledger): Verify {
  const directive = scope.last('ssl_verify_client');
  switch (directive === undefined ? 'off' : firstWord(directive)) {
    case 'off':
      if (directive !== undefined) ledger.taken(directive, 'no clientAuth');
      return 'off';
    case 'on':
      if (directive !== undefined)
        ledger.changed(
          directive,
          'clientAuth.required: true. nginx answers 400, here the handshake fails; onFailure: explain answers with the reason',
        );
      return 'on';
    case 'optional':
      if (directive !== undefined)
        ledger.changed(
          directive,
          'clientAuth.required: false. A certificate that does not pass gets 400 of nginx, here its handshake fails',
        );
      return 'optional';
    case 'optional_no_ca':
      if (directive !== undefined)
        ledger.loses(
          'unverified_clients',
          directive,
          'nginx lets every certificate in and verifies none; here one that does not pass is refused (clientAuth.required: false)',
        );
      return 'optional';
    default:
      if (directive !== undefined)
        ledger.refuse('bad_value', directive, 'neither on, off, optional nor optional_no_ca');
      return 'on';
  }
}

/** Certificates and keys, which nginx pairs in their order. */
export function readPairs(scope: Scope, names: readonly [string, string], ledger: Ledger): DraftMap[] {
  const certs = scope.all(names[0]);
  const keys = scope.all(names[1]);
  if (certs.length !== keys.length && certs[0] !== undefined)
    ledger.refuse('pair_incomplete', certs[0], `${certs.length} of ${names[0]} and ${keys.length} of ${names[1]}`);
  return certs.flatMap((cert, i) => {
    const key = keys[i];
    if (key === undefined) return [];
    const strange = [cert, key].find((one) => /^(?:data|engine|store):|\$/.test(firstWord(one)));
    if (strange !== undefined) {
      ledger.refuse('certificate_not_a_file', strange, 'not the path of a file');
      return [];
    }
    ledger.taken(cert, 'certificates, cert');
    ledger.taken(key, 'certificates, key');
    return [{ cert: firstWord(cert), key: firstWord(key) }];
  });
}

function readClientAuth(scope: Scope, verify: Verify, ledger: Ledger): DraftMap {
  const auth: DraftMap = {};
  const cas = ['ssl_client_certificate', 'ssl_trusted_certificate'].flatMap((name) => scope.last(name) ?? []);
  const files = cas.map(firstWord);
  const trusted = cas.find(({ name }) => name === 'ssl_trusted_certificate');
  for (const ca of cas) if (ca !== trusted) ledger.taken(ca, 'clientAuth.clientCA');
  if (trusted !== undefined)
    ledger.changed(
      trusted,
      'clientAuth.clientCA: nginx lets clients of these CAs in as well. Where it is meant for stapling only, take it out',
    );
  const [only] = files;
  const verifies = scope.last('ssl_verify_client');
  if (only === undefined && verifies !== undefined)
    ledger.refuse('no_client_ca', verifies, 'there is no ssl_client_certificate');
  if (only !== undefined) auth.clientCA = files.length === 1 ? only : files;
  auth.required = verify === 'on';
  readDepth(scope, auth, ledger);
  const crl = scope.last('ssl_crl');
  if (crl !== undefined) {
    auth.crl = { sources: firstWord(crl) };
    ledger.taken(crl, 'clientAuth.crl.sources');
  }
  readOcsp(scope, auth, ledger);
  return auth;
}

/** nginx counts intermediates; here certificates above the leaf count, the anchor among them. */
function readDepth(scope: Scope, auth: DraftMap, ledger: Ledger): void {
  const directive = scope.last('ssl_verify_depth');
  const depth = directive === undefined ? 1 : Number(firstWord(directive));
  const maxDepth = Math.min(depth + 1, 16);
  if (directive !== undefined && !Number.isSafeInteger(depth)) {
    ledger.refuse('bad_value', directive, 'not a number');
    return;
  }
  auth.maxDepth = maxDepth;
  if (directive === undefined) return;
  if (maxDepth === depth + 1) ledger.taken(directive, `clientAuth.maxDepth: ${maxDepth}, which counts the anchor too`);
  else ledger.changed(directive, `clientAuth.maxDepth: ${maxDepth}, the most there is`);
}

function readOcsp(scope: Scope, auth: DraftMap, ledger: Ledger): void {
  const directive = scope.last('ssl_ocsp');
  const responder = scope.last('ssl_ocsp_responder');
  const wanted = directive === undefined ? 'off' : firstWord(directive);
  if (directive === undefined || wanted === 'off') {
    if (directive !== undefined) ledger.taken(directive, 'no ocsp');
    return;
  }
  if (wanted === 'leaf') ledger.taken(directive, 'clientAuth.ocsp.mode: hard');
  else
    ledger.loses(
      'certificate_rule',
      directive,
      'OCSP asks about the certificate of the client only (ocsp.mode: hard), not about the CAs above it: use CRLs for those',
      auth,
    );
  if (responder === undefined) {
    ledger.refuse(
      'ocsp_responder_unknown',
      directive,
      'responders that certificates name are asked only where they are allowed by name: write ssl_ocsp_responder, or later ocsp.allowedHosts',
    );
    return;
  }
  auth.ocsp = { mode: 'hard', responder: firstWord(responder) };
  ledger.taken(responder, 'clientAuth.ocsp.responder');
}

function readParameters(scope: Scope, ledger: Ledger): DraftMap {
  const parameters: DraftMap = {};
  const protocols = scope.last('ssl_protocols');
  if (protocols !== undefined) Object.assign(parameters, readVersions(protocols, ledger));
  const ciphers = scope.last('ssl_ciphers');
  if (ciphers !== undefined) {
    const suites = tlsCipherSuites(firstWord(ciphers));
    if (suites === undefined)
      ledger.changed(
        ciphers,
        'the suites of the gateway: forward secrecy and AEAD only. A list with operators is not taken over',
      );
    else {
      parameters.cipherSuites = suites.usable;
      if (suites.dropped.length === 0) ledger.taken(ciphers, 'cipherSuites');
      else ledger.changed(ciphers, `cipherSuites, without ${suites.dropped.join(', ')}`);
    }
  }
  const curves = scope.last('ssl_ecdh_curve');
  if (curves !== undefined && firstWord(curves) !== 'auto') {
    const names = firstWord(curves).split(':').map(curveName);
    parameters.curves = names;
    ledger.taken(curves, 'curves');
  } else if (curves !== undefined) ledger.taken(curves, 'the curves of the gateway');
  return parameters;
}

function curveName(name: string): string {
  return { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521', x25519: 'X25519' }[name] ?? name;
}

/** Of `proxy_ssl_protocols` too. */
export function readVersions(directive: Directive, ledger: Ledger): DraftMap {
  const names = words(directive);
  const old = names.filter((name) => !/^TLSv1\.[23]$/.test(name));
  const has = (name: string): boolean => names.includes(name);
  const found: DraftMap = {};
  if (!has('TLSv1.2') && !has('TLSv1.3')) {
    ledger.changed(directive, 'TLS 1.2 and 1.3: what is older is not spoken');
    return found;
  }
  if (!has('TLSv1.2')) found.minVersion = 'TLSv1.3';
  if (!has('TLSv1.3')) found.maxVersion = 'TLSv1.2';
  if (old.length > 0) ledger.changed(directive, `${old.join(', ')} is not spoken`);
  else ledger.taken(directive, 'minVersion, maxVersion');
  return found;
}

function readShared(scope: Scope, ledger: Ledger): DraftMap {
  const shared: DraftMap = {};
  const stapling = scope.last('ssl_stapling');
  if (stapling !== undefined) {
    if (firstWord(stapling) === 'on') shared.ocspStapling = { enabled: true };
    ledger.taken(stapling, 'ocspStapling.enabled, for all certificates');
  }
  const staple = scope.last('ssl_stapling_file');
  if (staple !== undefined) ledger.changed(staple, 'responses are fetched from the responder, not read from a file');
  const resumption: DraftMap = {};
  const timeout = scope.last('ssl_session_timeout');
  if (timeout !== undefined) {
    const seconds = Math.min(readSeconds(firstWord(timeout)) ?? 300, 168 * 3600);
    resumption.lifetime = `${seconds}s`;
    ledger.taken(timeout, 'sessionResumption.lifetime');
  }
  const tickets = scope.last('ssl_session_tickets');
  if (tickets !== undefined) {
    const cache = scope.last('ssl_session_cache');
    const isCached = cache !== undefined && !/^(?:off|none)$/.test(firstWord(cache));
    if (firstWord(tickets) === 'off' && !isCached) {
      resumption.enabled = false;
      ledger.taken(tickets, 'sessionResumption.enabled: false');
    } else if (firstWord(tickets) === 'off')
      ledger.changed(tickets, 'sessions are kept in tickets here, with keys that change (sessionResumption.rotation)');
    else ledger.taken(tickets, 'sessionResumption');
  }
  const [key, ...older] = scope.all('ssl_session_ticket_key');
  if (key !== undefined) {
    resumption.keys = firstWord(key);
    ledger.changed(
      key,
      'sessionResumption.keys, which the keys of each period are derived from: sessions of nginx cost a full handshake once. A file of 48 bytes will do as well as one of 80',
    );
  }
  for (const one of older)
    ledger.changed(one, 'an older key: keys change by themselves here (sessionResumption.rotation)');
  if (Object.keys(resumption).length > 0) shared.sessionResumption = resumption;
  return shared;
}

const units: Readonly<Record<string, number>> = {
  ms: 0.001,
  s: 1,
  m: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  M: 2_592_000,
  y: 31_536_000,
};

/** nginx's times: `30`, `500ms`, `1h 30m`; in seconds. */
export function readSeconds(text: string): number | undefined {
  if (/^\d+$/.test(text)) return Number(text);
  let seconds = 0;
  const rest = text.replace(/\s*(\d+)(ms|[smhdwMy])/g, (_, count: string, unit: string) => {
    seconds += Number(count) * (units[unit] ?? 0);
    return '';
  });
  return rest === '' ? seconds : undefined;
}

/** nginx's sizes: `1m`, `512k`, `0`; in bytes. */
export function readBytes(text: string): number | undefined {
  const match = /^(\d+)([kKmMgG]?)$/.exec(text);
  if (match === null) return undefined;
  const factor = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * factor;
}
