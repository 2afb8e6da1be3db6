// Words that are about trust: who may come in, what is verified, with which keys. A key that nobody knows is never passed over
// where such a word stands in it or anywhere below it, in whatever case and with whatever separators.
import type { Place } from '../yaml/place.ts';
import { findNearest } from '../yaml/nearest.ts';
import type { TreeNode } from '../yaml/tree.ts';

/** Found anywhere in a key, once its case and separators are gone. */
const stems =
  /tls|ssl|tsl|secur|auth(?!or(?:s|ed|edby)?$)|cert|verif|crl|ocsp|revo[ck]|spiffe|spki|svid|x509|pki|pem|fingerprint|trust|anchor|polic|requir|allow|den[yi]|permit|forbid|restrict|protect|guard|(?:white|black|block|ban)list|(?:root|client|trusted|server|issuer)ca|(?:api|private|public|client|server)key|keystore|jwt|jwks|oidc|saml|ldap|rbac|credential|passw|passphrase|secret|token|identit|login|cipher|handshake|middleware|entrypoint|sourcerange|forward(?:ed)?client|ratelimit|maxbody|bodylimit|maintenance|vhost|hosts|hostnames|domains|exploit|maxdepth|partialchain|onmissing|onstale|minversion|maxversion|servername/;

/** Too short to be looked for within words: they count as whole words of a key. */
const short: ReadonlySet<string> = new Set([
  'ca',
  'cas',
  'key',
  'keys',
  'pin',
  'pins',
  'san',
  'sans',
  'acl',
  'sni',
  'block',
  'hosts',
  'methods',
]);

/** Shorter words are near to too much. */
const minNearLength = 5;
/** Keys and values looked at below unknown keys of one file; what lies beyond counts as a word of trust. */
const maxLookedAt = 10_000;

export type TrustWord = { readonly word: string; readonly place: Place };

/** What is declared (key-places.ts): what is nearly a key of ours that is about trust counts as well. */
export type KnownKeys = { readonly names: readonly string[]; readonly oursAlone: ReadonlySet<string> };

/** True for a key that is about trust. */
export function isTrustWord(key: string): boolean {
  const text = key.normalize('NFKC');
  const folded = text.replace(/[^\p{L}\p{N}]/gu, '').toLowerCase();
  if (stems.test(folded) || short.has(folded)) return true;
  return (text.match(/\p{Lu}+(?!\p{Ll})|\p{Lu}?\p{Ll}+/gu) ?? []).some((word) => short.has(word.toLowerCase()));
}

/** Looks for words of trust below unknown keys. One for each file: it looks at a bounded number of keys in all. */
export class TrustWords {
  readonly #known: KnownKeys;
  #ours: readonly string[] | undefined;
  #lookedAt = 0;

  constructor(known: KnownKeys) {
    this.#known = known;
  }

  /** Whether the key is a word of trust, or nearly one of ours. */
  has(key: string): boolean {
    if (isTrustWord(key)) return true;
    this.#ours ??= this.#known.names.filter(isTrustWord);
    return key.length >= minNearLength && findNearest(key, this.#ours) !== undefined;
  }

  /** The first key below one without effect that has an effect in its own place. */
  findOurs(node: TreeNode): TrustWord | undefined {
    if (node.kind === 'scalar') return undefined;
    if (++this.#lookedAt > maxLookedAt) return { word: '…', place: node.place };
    for (const item of node.kind === 'list' ? node.items : []) {
      const found = this.findOurs(item);
      if (found !== undefined) return found;
    }
    for (const [key, { keyPlace, value }] of node.kind === 'map' ? node.entries : []) {
      // Goma has a file of that name below redis.tls.
      if (this.#known.oursAlone.has(key) || (key === 'clientCert' && value.kind === 'map'))
        return { word: key, place: keyPlace };
      const found = this.findOurs(value);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first word of trust below an unknown key: a key, or a value of one word (`filters: [require_tls]`). */
  findBelow(node: TreeNode): TrustWord | undefined {
    if (++this.#lookedAt > maxLookedAt) return { word: '…', place: node.place };
    if (node.kind === 'scalar') {
      const named = !node.substituted && /^[A-Za-z][\w-]*$/.test(node.text) && isTrustWord(node.text);
      return named ? { word: node.text, place: node.place } : undefined;
    }
    if (node.kind === 'list') {
      for (const item of node.items) {
        const found = this.findBelow(item);
        if (found !== undefined) return found;
      }
      return undefined;
    }
    for (const [key, { keyPlace, value }] of node.entries) {
      const found = this.has(key) ? { word: key, place: keyPlace } : this.findBelow(value);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}
