// Compresses answers on their way to the client (RFC 9110 section 8.4). Which, is decided by the head; the bytes go through
// flow/encoded-body.ts. What a client and a secret share is not compressed: from the length of such an answer a stranger who can
// choose a part of it learns the rest (BREACH).
import {
  constants,
  createBrotliCompress,
  createGzip,
  createZstdCompress,
  type BrotliOptions,
  type ZlibOptions,
  type ZstdOptions,
} from 'node:zlib';
import type { Encoding } from '../config/compress-filter.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { chooseEncoding } from './accept-encoding.ts';
import type { EncoderBudget } from './encoder-budget.ts';
import type { FieldEdits } from './field-edits.ts';
import type { BodyEncoder, Filter, FilterRequest, FilterResponse, FilterResult } from './filter.ts';
import type { Fields } from '../http/field.ts';
import { fieldName } from './header-edits.ts';

const contentEncoding = fieldName('Content-Encoding');
const acceptRanges = fieldName('Accept-Ranges');
const etagName = fieldName('ETag');
const vary = fieldName('Vary');

// Windows of at most 1 MiB, and levels that keep up with a network: what is small pays little, what is large is streamed.
const gzipOptions: ZlibOptions = { level: 5, memLevel: 8 };
const brotliOptions: BrotliOptions = {
  params: { [constants.BROTLI_PARAM_QUALITY]: 4, [constants.BROTLI_PARAM_LGWIN]: 19 },
};
const zstdOptions: ZstdOptions = {
  params: { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_windowLog]: 20 },
};

const makers: Readonly<Record<Encoding, () => BodyEncoder>> = {
  gzip: () => createGzip(gzipOptions),
  br: () => createBrotliCompress(brotliOptions),
  zstd: () => createZstdCompress(zstdOptions),
};

/** Digests of what was sent so far: they would be wrong. */
const digests = ['content-digest', 'repr-digest', 'digest', 'content-md5'];

export class CompressFilter implements Filter {
  readonly name: string;
  readonly #encodings: readonly Encoding[];
  readonly #types: ReadonlySet<string>;
  readonly #minLength: number;
  readonly #withCredentials: boolean;
  readonly #budget: EncoderBudget;
  readonly #sticky: string | undefined;

  /** `sticky`: name of the cookie by which the route finds a client's backend, which is no secret. */
  constructor(
    config: Extract<FilterConfig, { readonly kind: 'compress' }>,
    budget: EncoderBudget,
    sticky: string | undefined,
  ) {
    this.name = config.name;
    this.#encodings = config.encodings;
    this.#types = new Set(config.contentTypes);
    this.#minLength = config.minLength;
    this.#withCredentials = config.withCredentials;
    this.#budget = budget;
    this.#sticky = sticky;
  }

  onRequest(): FilterResult {
    return 'pass';
  }

  onResponse(response: FilterResponse, request: FilterRequest): void {
    if (!this.#isWorthIt(response, request)) return;
    const { fields } = response;
    if (!/(?:^|,)\s*(?:\*|accept-encoding)\s*(?:,|$)/i.test(fields.find('vary') ?? ''))
      fields.append(vary, 'Accept-Encoding');
    if (request.method === 'HEAD' || (!this.#withCredentials && this.#isPrivate(response, request))) return;
    const encoding = chooseEncoding(request.received.find('accept-encoding'), this.#encodings);
    if (encoding === undefined || !this.#budget.isFree) return;
    response.encode(() => this.#open(makers[encoding]()));
    fields.set(contentEncoding, encoding);
    fields.remove(acceptRanges);
    // The bytes are others, what they stand for is the same (RFC 9110 section 8.8.1).
    const etag = fields.find('etag');
    if (etag?.startsWith('"') === true) fields.set(etagName, `W/${etag}`);
  }

  #open(encoder: BodyEncoder): BodyEncoder {
    this.#budget.take();
    encoder.once('close', () => this.#budget.release());
    return encoder;
  }

  /** By what the answer is, whoever asked. */
  #isWorthIt({ isOwn, status, bodyLength, fields }: FilterResponse, { method }: FilterRequest): boolean {
    if (isOwn || status < 200 || status === 204 || status === 205 || status === 206 || status === 304) return false;
    // To HEAD it is said what the answer to GET depends on.
    if (method !== 'HEAD' && bodyLength >= 0 && bodyLength < this.#minLength) return false;
    const type = fields.find('content-type')?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
    // gRPC compresses its messages itself.
    if (!this.#types.has(type) || type.startsWith('application/grpc') || fields.find('content-encoding') !== undefined)
      return false;
    if (/(?:^|,)\s*no-transform\s*(?:,|$)/i.test(fields.find('cache-control') ?? '')) return false;
    return fields.find('content-range') === undefined && !hasDigest(fields);
  }

  /** It may hold a secret of this client's, and a stranger may have had a hand in it. */
  #isPrivate(response: FilterResponse, { received, identity }: FilterRequest): boolean {
    if (response.fields.find('set-cookie') !== undefined) return true;
    if (this.#hasCookies(received) || received.find('authorization') !== undefined) return true;
    // A browser presents its certificate to whatever a page of another site makes it ask for.
    const site = received.find('sec-fetch-site');
    return identity !== undefined && site !== undefined && site !== 'same-origin' && site !== 'none';
  }

  #hasCookies(received: Fields): boolean {
    return received.names.some(({ folded }, at) => {
      if (folded !== 'cookie') return false;
      const pairs = received.values[at]?.split(/[;,]/) ?? [];
      return pairs.some((pair) => pair.split('=', 1)[0]?.trim() !== this.#sticky);
    });
  }
}

function hasDigest(fields: FieldEdits): boolean {
  return digests.some((name) => fields.find(name) !== undefined);
}
