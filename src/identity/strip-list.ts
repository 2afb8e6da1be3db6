// What a client must not be able to say for itself: every field that a backend could take for a proven identity, and
// every field that the gateway sets. Removed from each request and from its trailers, on every path, before anything of
// ours is added (edge.md, Forwarded identity; incident 14). Names are compared folded: lower case, `_` equal to `-`.
import { type FieldName, Fields } from '../http/field.ts';

/** Fields that carry a client certificate or what was read from one, in the dialects of the usual proxies. */
const identityNames = [
  'x-forwarded-client-cert',
  'client-cert',
  'client-cert-chain',
  'x-ssl-cert',
  'client-certificate',
  'x-client-certificate',
  'x-arr-clientcert',
  'x-client-verify',
  'x-client-dn',
  'x-client-subject-dn',
  'x-client-issuer-dn',
  'x-tls-client-cert',
  'x-client-san',
  'x-client-cn',
  'x-client-fingerprint',
  'x-client-serial',
  'x-ssl',
  'x-ssl-subject',
  'x-ssl-issuer',
  'x-ssl-verified',
  'x-spiffe-id',
];
const identityPrefixes = [
  'x-client-cert',
  'x-ssl-client',
  'x-tls-client-',
  'x-forwarded-tls-client-cert',
  'x-forwarded-client-cert',
  'ssl-client-',
  'x-amzn-mtls-clientcert',
  'cf-cert-',
  'cf-client-cert-',
  // WebLogic and WebSphere take the word of any proxy in front for the client's certificate, user and address.
  'wl-proxy-',
  '$ws',
];

/** What we set ourselves, and the claims about the connection that go with it: forwarding.ts writes them anew. */
const forwardingNames = [
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-forwarded-protocol',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-scheme',
  'x-forwarded-ssl',
  'x-forwarded-server',
  'x-forwarded-by',
  'x-url-scheme',
  'x-scheme',
  'front-end-https',
  'x-real-ip',
  'x-client-ip',
  'true-client-ip',
  'x-request-id',
];

/** CGI programs read it as HTTP_PROXY and send their own requests there (httpoxy, CVE-2016-5385); no standard has it. */
const dangerousNames = ['proxy'];

/** Spellings whose answer is remembered; what comes later is classified each time. */
const cacheLimit = 4096;

export class StripList {
  readonly #names: ReadonlySet<string>;
  readonly #answers = new Map<string, boolean>();

  /** `ownNames`: further names that the configuration makes the gateway set (custom identity fields), in any spelling. */
  constructor(ownNames: readonly string[] = []) {
    this.#names = new Set([...identityNames, ...forwardingNames, ...dangerousNames, ...ownNames.map(fold)]);
  }

  /** True where a client's field of this name must not pass on. */
  takes(name: FieldName): boolean {
    const known = this.#answers.get(name.folded);
    if (known !== undefined) return known;
    const answer = this.#names.has(name.folded) || identityPrefixes.some((prefix) => name.folded.startsWith(prefix));
    if (this.#answers.size < cacheLimit) this.#answers.set(name.folded, answer);
    return answer;
  }

  /** The fields without those that `takes` names: the same object where there are none, else a new one. */
  strip(fields: Fields): Fields {
    const { names, values } = fields;
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name !== undefined && this.takes(name)) return this.#copyWithout(names, values, i);
    }
    return fields;
  }

  #copyWithout(names: readonly FieldName[], values: readonly string[], first: number): Fields {
    const kept = new Fields();
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      if (name !== undefined && (i < first || !this.takes(name))) kept.push(name, values[i] ?? '');
    }
    return kept;
  }
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
