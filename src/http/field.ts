// Header and trailer fields (RFC 9110 section 5): interned names and the ordered list that both codecs fill.
// A name is validated and classified once, the first time it is seen; afterwards it costs one map look-up.
import { claimOf, type FieldClaim } from './field-claim.ts';
import { foldName } from './fold-name.ts';

/** What a field means to a proxy; a name has at most one. */
export const FieldKind = {
  plain: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Other hop-by-hop fields: Keep-Alive, Proxy-Connection, Proxy-Authenticate, … (RFC 9110 section 7.6.1). */
  hopByHop: 5,
  upgrade: 6,
  te: 7,
  expect: 8,
  trailer: 9,
  /** Nobody's field, but some servers read it as Content-Length or Transfer-Encoding: `Transfer_Encoding`, `Content.Length`. */
  framingLookalike: 10,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

/** An interned field name. Two spellings of one name are two values with the same `lower`. */
export type FieldName = {
  /** As it was received. */
  readonly raw: string;
  readonly lower: string;
  /** What CGI-like backends see, so what forgeries are compared by (`foldName`). */
  readonly folded: string;
  readonly kind: FieldKind;
  /** What a client must not say by it, in any spelling. */
  readonly claim: FieldClaim;
  /** `raw` as it stands in an HTTP/1.1 message: `\r\nName: `. */
  readonly lead: string;
  /** Whoever sent it forbids every table to keep its value, further hops included (RFC 7541 section 6.2.3). */
  readonly neverIndexed: boolean;
};

const kinds = new Map<string, FieldKind>([
  ['host', FieldKind.host],
  ['content-length', FieldKind.contentLength],
  ['transfer-encoding', FieldKind.transferEncoding],
  ['connection', FieldKind.connection],
  ['keep-alive', FieldKind.hopByHop],
  ['proxy-connection', FieldKind.hopByHop],
  ['proxy-authenticate', FieldKind.hopByHop],
  ['proxy-authorization', FieldKind.hopByHop],
  ['http2-settings', FieldKind.hopByHop],
  ['upgrade', FieldKind.upgrade],
  ['te', FieldKind.te],
  ['expect', FieldKind.expect],
  ['trailer', FieldKind.trailer],
]);

/** What a field of this lower-case name means to a proxy. `folded`: foldName(lower). */
export function kindOf(lower: string, folded = foldName(lower)): FieldKind {
  return kinds.get(lower) ?? kindOfLookalike(kinds.get(folded));
}

/** `kind`: of the field that an unknown name folds to, if any. A lookalike of a field of one hop goes no further either. */
function kindOfLookalike(kind: FieldKind | undefined): FieldKind {
  if (kind === undefined) return FieldKind.plain;
  const frames = kind === FieldKind.contentLength || kind === FieldKind.transferEncoding;
  return frames ? FieldKind.framingLookalike : FieldKind.hopByHop;
}

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** RFC 9110 section 5.6.2. */
export function isToken(text: string): boolean {
  return token.test(text);
}

/** Interns names. Holds at most `limit` spellings: what comes later is classified each time, so a client cannot fill memory. */
export class FieldNames {
  readonly #known = new Map<string, FieldName>();
  /** The same names for values that no table may keep. */
  readonly #guarded = new Map<string, FieldName>();
  readonly #limit: number;

  constructor(limit = 2048) {
    this.#limit = limit;
  }

  /** The interned name, or undefined where `raw` is not a token (RFC 9110 section 5.1). */
  find(raw: string, neverIndexed = false): FieldName | undefined {
    const known = neverIndexed ? this.#guarded : this.#known;
    return known.get(raw) ?? this.#intern(raw, neverIndexed, known);
  }

  #intern(received: string, neverIndexed: boolean, known: Map<string, FieldName>): FieldName | undefined {
    if (received.length > 256 || !isToken(received)) return undefined;
    // A slice keeps the whole text it was cut from alive: 2048 names would hold as many message heads. So it is copied.
    const raw = Buffer.from(received, 'latin1').toString('latin1');
    const lower = raw.toLowerCase();
    const folded = foldName(lower);
    const name: FieldName = {
      raw,
      lower,
      folded,
      kind: kindOf(lower, folded),
      claim: claimOf(folded),
      lead: `\r\n${raw}: `,
      neverIndexed,
    };
    if (known.size < this.#limit) known.set(raw, name);
    return name;
  }
}

/** Fields in the order of the message: `names[i]` belongs to `values[i]`. Values are latin1, without outer whitespace. */
export class Fields {
  readonly names: FieldName[] = [];
  readonly values: string[] = [];

  get length(): number {
    return this.names.length;
  }

  push(name: FieldName, value: string): void {
    this.names.push(name);
    this.values.push(value);
  }

  /** The first value of a field by its lower-case name. */
  find(lower: string): string | undefined {
    for (let i = 0; i < this.names.length; i++) if (this.names[i]?.lower === lower) return this.values[i];
    return undefined;
  }
}

/**
 * Ready-made fields that are added to many messages (identity, forwarding): built once, written many times.
 * `text` is the HTTP/1.1 form, each line ended by CRLF; `pairs` the same as [name, value] for HTTP/2.
 */
export class FieldBlock {
  static readonly empty = new FieldBlock([]);
  readonly pairs: readonly (readonly [name: string, value: string])[];
  readonly text: string;

  /** Throws RangeError where a name or a value could not stand in a message: a guard against our own mistakes. */
  constructor(pairs: readonly (readonly [string, string])[]) {
    for (const [name, value] of pairs) {
      if (!isToken(name) || /[^\t\x20-\x7e\x80-\xff]/.test(value))
        throw new RangeError(`illegal field ${JSON.stringify(name)}`);
    }
    this.pairs = pairs;
    this.text = pairs.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  }
}
