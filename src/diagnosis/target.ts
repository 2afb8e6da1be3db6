// What there is to look at, from the arguments and files of `explain handshake`: every mistake in them is a sentence before
// any connection is made (exit code 2).
import { X509Certificate } from 'node:crypto';
import tls, { type SecureContext, type SecureContextOptions } from 'node:tls';
import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import { fitsKey } from '../certs/chain.ts';
import { checkClientPair } from '../trust/certificate-pair.ts';
import { encodePem } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { canonicalIp } from '../base/ip-name.ts';
import { escapeForLog } from '../base/log-text.ts';
import { loadPem, parseCertificates } from '../certs/material.ts';
import { parsePrivateKey } from '../certs/private-key.ts';
import { hasErrors, type MaterialProblem } from '../base/material-problem.ts';
import { opensslCas } from '../trust/openssl-cas.ts';
import { AnchorSet } from '../trust/anchor-set.ts';
import { IdentityRules } from '../trust/identity-rules.ts';
import type { RevocationList } from '../trust/revocation.ts';
import { TrustBundle } from '../trust/trust-bundle.ts';
import { UsageError } from '../base/usage-error.ts';
import type { ProxyVersion } from './connect.ts';

/** Also what the gateway itself never speaks: an old server is to be recognised. */
export type ProbedVersion = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';

export type HandshakeOptions = {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
  readonly servername?: string;
  readonly path: string;
  readonly min?: ProbedVersion;
  readonly max?: ProbedVersion;
  readonly ciphers?: string;
  readonly alpn: string;
  readonly timeout: number;
  readonly proxyProtocol?: ProxyVersion;
  readonly json?: true;
};

export type OwnCertificate = {
  readonly leaf: CertificateFacts;
  /** What is sent: the file as it is, the certificate that the key belongs to first. */
  readonly chain: readonly CertificateFacts[];
  readonly keyPem: string;
  /** What a server may dislike about it, as far as it can be seen from here: expired, wrong_purpose, weak_key, … */
  readonly doubts: readonly MaterialProblem[];
};

/** What the server must be besides trusted, and how revoked certificates are known. */
export type Demands = {
  /** False: whatever it shows is taken (insecureSkipVerify). */
  readonly verify: boolean;
  readonly rules: IdentityRules;
  readonly revocations: RevocationList | undefined;
  /** Where there is no other name a common name counts. */
  readonly byCommonName: boolean;
  /** HTTP/2 must be agreed on (ALPN). */
  readonly http2: boolean;
};

/** How sentences call what came from the command line, or from a configuration. */
export type TargetWords = {
  /** Where the CAs are. */
  readonly cas: string;
  /** The file that our certificate is in. */
  readonly file: string;
  /** Why there is no certificate of ours. */
  readonly without: string;
};

export type Target = {
  readonly host: string;
  readonly port: number;
  /** What the certificate must cover: canonical name or address. */
  readonly wanted: string;
  /** SNI; undefined for addresses. */
  readonly serverName: string | undefined;
  readonly path: string;
  readonly min: ProbedVersion;
  readonly max: ProbedVersion;
  readonly ciphers: string | undefined;
  readonly alpn: readonly string[];
  readonly proxyProtocol?: ProxyVersion;
  readonly timeoutMs: number;
  /** undefined: the roots that Node ships. */
  readonly anchors: AnchorSet | undefined;
  readonly own: OwnCertificate | undefined;
  readonly files: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly context: SecureContext;
  readonly demands: Demands;
  readonly words: TargetWords;
  /** OpenSSL was not given every CA: that it finds no way proves nothing then. */
  readonly keepsBack: boolean;
  /** The server is asked nothing: what it would answer is seen by other means. */
  readonly silent?: true;
};

/** Throws UsageError with one sentence. `now`: milliseconds since the epoch. */
export async function loadTarget(place: string, options: HandshakeOptions, now: number): Promise<Target> {
  const { host, port } = parsePlace(place);
  const { min = 'TLSv1.2', max = 'TLSv1.3', ciphers, path } = options;
  if (min > max) throw new UsageError(`--min ${min} is above --max ${max}`);
  if (!path.startsWith('/') || /[^\x21-\x7e]/.test(path))
    throw new UsageError('--path must start with "/" and hold no space or control character');
  const alpn = options.alpn === 'none' ? [] : options.alpn.split(',').map((name) => name.trim());
  if (alpn.some((name) => !/^[\x21-\x7e]{1,255}$/.test(name)))
    throw new UsageError('--alpn takes names with commas between, as "h2,http/1.1", or "none"');
  const anchors = options.ca === undefined ? undefined : await loadAnchors(options.ca);
  const { cert, key = cert } = options;
  if (cert === undefined && key !== undefined) throw new UsageError('--key is of no use without --cert');
  const own = cert === undefined || key === undefined ? undefined : await loadOwn(cert, key, now);
  const cas = anchors === undefined ? tls.rootCertificates : opensslCas(anchors, 'servers', now).pem;
  const given = casBeside(own, cas);
  const wanted = options.servername === undefined ? host : readName(options.servername, '--servername');
  return {
    host,
    port,
    wanted,
    serverName: isIpLiteral(wanted) ? undefined : wanted,
    path,
    min,
    max,
    ciphers,
    alpn,
    ...(options.proxyProtocol !== undefined && { proxyProtocol: options.proxyProtocol }),
    timeoutMs: options.timeout * 1000,
    anchors,
    own,
    files: {
      ...(options.ca === undefined ? {} : { ca: options.ca }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    },
    context: makeContext({
      minVersion: min,
      maxVersion: max,
      ...(ciphers === undefined ? {} : { ciphers }),
      // Named also where they are the default: NODE_EXTRA_CA_CERTS would slip in, which the backend side does not heed either.
      ca: given,
      ...(own === undefined ? {} : { cert: chainPem(own), key: own.keyPem }),
    }),
    demands: {
      verify: true,
      rules: new IdentityRules(noRules),
      revocations: undefined,
      byCommonName: false,
      http2: false,
    },
    words: {
      cas: options.ca === undefined ? 'the built-in roots' : `--ca ${escapeForLog(options.ca, 200)}`,
      file: 'the --cert file',
      without: 'there is no --cert',
    },
    keepsBack: given.length < cas.length,
  };
}

const noRules = { allowedSANs: undefined, allowedFingerprints: undefined, allowedSPKI: undefined };

/** HOST:PORT, HOST (443), [IPv6]:PORT, https://HOST:PORT/. */
function parsePlace(place: string): { readonly host: string; readonly port: number } {
  const text = place.replace(/^https:\/\//i, '').replace(/\/.*$/, '');
  const parts = /^(\[[^\]]*\]|[^:[\]]*)(?::(\d{1,5}))?$/.exec(text);
  const shown = escapeForLog(place, 120);
  if (parts === null) throw new UsageError(`${shown}: write it as HOST:PORT, an IPv6 address in brackets: [::1]:8443`);
  const port = Number(parts[2] ?? 443);
  if (port < 1 || port > 65_535) throw new UsageError(`${shown}: there is no port ${port}`);
  return { host: readName(parts[1] ?? '', shown), port };
}

function readName(text: string, what: string): string {
  const name = canonicalIp(text) ?? canonicalHostName(text);
  if (name !== undefined) return name;
  const unicode = /[^\x00-\x7f]/.test(text) ? ' (a name in Unicode must be written as its A-label, xn--…)' : '';
  throw new UsageError(`${what}: "${escapeForLog(text, 120)}" is neither a host name nor an IP address${unicode}`);
}

async function readPem(path: string): Promise<string> {
  const loaded = await loadPem({ path });
  if (!loaded.ok) throw new UsageError(loaded.message);
  return loaded.pem;
}

function firstError(problems: readonly MaterialProblem[]): UsageError {
  const problem = problems.find(({ severity }) => severity === 'error') ?? problems[0];
  return new UsageError(
    `${problem?.message ?? 'the material cannot be used'}${problem?.hint ? `. ${problem.hint}` : ''}`,
  );
}

async function loadAnchors(path: string): Promise<AnchorSet> {
  const { bundle, problems } = TrustBundle.parse(await readPem(path), { name: path });
  if (bundle === undefined) throw firstError(problems);
  return AnchorSet.of(bundle);
}

/** Defects that a handshake can be tried with all the same: the server shall verify them. */
const doubtful: ReadonlySet<string> = new Set(['expired', 'not_yet_valid', 'wrong_purpose', 'missing_intermediate']);

async function loadOwn(cert: string, key: string, now: number): Promise<OwnCertificate> {
  return readOwn(await readPem(cert), await readPem(key), cert, key, now);
}

/** From the text of two files, or of one given twice. Throws UsageError where they cannot be used. */
export function readOwn(certPem: string, keyPem: string, cert: string, key: string, now: number): OwnCertificate {
  const { leaf, problems } = checkClientPair(certPem, keyPem, { now, certName: cert, keyName: key });
  const fatal = problems.filter(({ severity, code }) => severity === 'error' && !doubtful.has(code));
  const parsed = parsePrivateKey(keyPem, key);
  if (hasErrors(fatal) || leaf === undefined || parsed.key === undefined || !fitsKey(leaf, parsed.key))
    throw firstError(fatal.length > 0 ? fatal : problems);
  const inFile = parseCertificates(certPem, cert).certificates;
  const chain = [leaf, ...inFile.filter(({ sha256 }) => sha256 !== leaf.sha256)];
  return { leaf, chain, keyPem: parsed.keyPem, doubts: problems };
}

/**
 * What OpenSSL may verify the server by. Where there is nothing to send above our certificate, it would take its issuer from
 * here and send it along: the file would pass a test that it does not pass with any other client. A chain of two is sent as it is.
 */
function casBeside(own: OwnCertificate | undefined, cas: readonly string[]): string[] {
  if (own === undefined || own.chain.length > 1) return [...cas];
  return cas.filter((pem) => readFacts(new X509Certificate(pem).raw).subjectKey !== own.leaf.issuerKey);
}

export function chainPem({ chain }: OwnCertificate): string {
  return chain.map(({ der }) => encodePem('CERTIFICATE', der)).join('');
}

function makeContext(options: SecureContextOptions): SecureContext {
  try {
    return tls.createSecureContext(options);
  } catch (error) {
    const why = escapeForLog(error instanceof Error ? error.message : String(error), 200);
    const what =
      options.ciphers === undefined ? 'OpenSSL takes these files for unusable' : 'OpenSSL does not know --ciphers';
    throw new UsageError(`${what}: ${why}`);
  }
}
