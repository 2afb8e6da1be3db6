// What a CA that validates is to find here: the content of a file (http-01) or the certificate for a name (tls-alpn-01). Every worker has
// them before the CA is told to look. Only what an open order has put in is answered.

export type ChallengeType = 'http-01' | 'tls-alpn-01';

export type ChallengeAnswer =
  | { readonly type: 'http-01'; readonly token: string; readonly authorization: string }
  /** PEM of the certificate and its key. `serverName`: in lower case. */
  | { readonly type: 'tls-alpn-01'; readonly serverName: string; readonly cert: string; readonly key: string };

/** RFC 8555 section 8.3. */
const wellKnown = '/.well-known/acme-challenge/';
/** RFC 8737 section 6.2. */
export const acmeTlsProtocol = 'acme-tls/1';

/** Base64url, with at least 128 bits in it (RFC 8555 section 8.1). */
export function isToken(text: unknown): text is string {
  return typeof text === 'string' && /^[A-Za-z0-9_-]{20,512}$/.test(text);
}

export class ChallengeAnswers {
  #contents: ReadonlyMap<string, string> = new Map();
  #certificates: ReadonlyMap<string, { readonly cert: string; readonly key: string }> = new Map();

  /** These and no others, from now on. */
  set(answers: readonly ChallengeAnswer[]): void {
    const contents = answers.flatMap((one) =>
      one.type === 'http-01' ? [[one.token, one.authorization] as const] : [],
    );
    const certificates = answers.flatMap((one) =>
      one.type === 'tls-alpn-01' ? [[one.serverName, { cert: one.cert, key: one.key }] as const] : [],
    );
    this.#contents = new Map(contents);
    this.#certificates = new Map(certificates);
  }

  /** What the file of this request target holds; undefined: nothing that we put there. */
  findContent(target: string): string | undefined {
    // For every request but those of a minute in months.
    if (this.#contents.size === 0 || !target.startsWith(wellKnown)) return undefined;
    return this.#contents.get(target.slice(wellKnown.length));
  }

  /** For a ClientHello that offers `acme-tls/1` and nothing else; `serverName` canonical. */
  findCertificate(
    alpn: readonly string[],
    serverName: string | undefined,
  ): { readonly cert: string; readonly key: string } | undefined {
    if (alpn.length !== 1 || alpn[0] !== acmeTlsProtocol || serverName === undefined) return undefined;
    return this.#certificates.get(serverName);
  }
}
