// What a line of the access log may say of a connection and of the certificates on both sides, each part declared once: its name, how
// long it may be, where it comes from. What was not asked for is never computed.
import { jsonText } from './log-escape.ts';

/** What the log needs to know of a connection; downstream/peer.ts has it. */
export type AccessLogPeer = {
  readonly remoteAddress: string;
  readonly serverName: string | undefined;
  readonly policy: string;
  readonly verdict:
    | {
        readonly version: string;
        readonly resumed: boolean;
        readonly cipher: string;
        readonly group?: string | undefined;
      }
    | undefined;
  readonly identity: { readonly leaf: AccessLogCertificate } | undefined;
};

export type AccessLogCertificate = {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly notAfter: number;
  readonly sans: readonly { readonly type: string; readonly value: string }[];
};

/** `max`: longest encoded form. `of` gives text, a list of which as many are written as fit, or undefined for nothing. */
type Part<T> = { readonly max: number; readonly of: (from: T) => string | boolean | readonly string[] | undefined };

const tlsParts = {
  version: { max: 16, of: ({ verdict }) => verdict?.version },
  resumed: { max: 5, of: ({ verdict }) => verdict?.resumed },
  cipher: { max: 40, of: ({ verdict }) => verdict?.cipher || undefined },
  group: { max: 24, of: ({ verdict }) => verdict?.group },
  serverName: { max: 255, of: ({ serverName }) => serverName },
  policy: { max: 160, of: ({ policy }) => policy || undefined },
} as const satisfies Record<string, Part<AccessLogPeer>>;

const certificateParts = {
  subject: { max: 640, of: ({ subject }) => subject },
  sha256: { max: 64, of: ({ sha256 }) => sha256 },
  issuer: { max: 640, of: ({ issuer }) => issuer },
  serial: { max: 48, of: ({ serial }) => serial },
  notAfter: { max: 24, of: ({ notAfter }) => new Date(notAfter).toISOString() },
  uris: { max: 1024, of: ({ sans }) => namesOf(sans, 'URI') },
  dns: { max: 512, of: ({ sans }) => namesOf(sans, 'DNS') },
} as const satisfies Record<string, Part<AccessLogCertificate>>;

const { subject, sha256, issuer, serial, notAfter } = certificateParts;
const backendParts = { subject, sha256, issuer, serial, notAfter };

const groups = { tls: tlsParts, client: certificateParts, backendCertificate: backendParts } as const;
type Groups = typeof groups;

/** `tls.version`, `client.subject`, `backendCertificate.sha256`, …: as they stand in a line. */
export type AccessLogField = { [G in keyof Groups]: `${G}.${keyof Groups[G] & string}` }[keyof Groups];

export const accessLogFields = Object.entries(groups).flatMap(([group, parts]) =>
  Object.keys(parts).map((key) => `${group}.${key}` as AccessLogField),
);

/** What is logged where nothing is said. */
export const defaultAccessLogFields: readonly AccessLogField[] = [
  'tls.version',
  'tls.resumed',
  'client.subject',
  'client.sha256',
  'client.uris',
];

/** Of all parts together: a line fits into one atomic write beside what is said of the request. */
const maxBytes = 1900;
const maxAddress = 64;
/** Names are cut where too much was asked for; shorter parts never are. */
const mayBeCut = 100;
/** Around each part: its key, its quotes, a comma; beside a list what did not fit. */
const around = (key: string): number => key.length + 6;

type Chosen<T> = readonly (Part<T> & { readonly key: string })[];

/** The parts that were chosen, written as fragments of JSON without outer braces. */
export class AccessLogFields {
  readonly #tls: Chosen<AccessLogPeer>;
  readonly #client: Chosen<AccessLogCertificate>;
  readonly #backend: Chosen<AccessLogCertificate>;
  readonly #backends = new WeakMap<AccessLogCertificate, string>();

  constructor(names: readonly AccessLogField[] = defaultAccessLogFields) {
    const share = shareOf(names);
    this.#tls = choose('tls', tlsParts, names, share);
    this.#client = choose('client', certificateParts, names, share);
    this.#backend = choose('backendCertificate', backendParts, names, share);
  }

  /** The same for all requests of a connection. */
  describePeer(peer: AccessLogPeer): string {
    let text = `"remote":${jsonText(peer.remoteAddress, maxAddress)}`;
    if (peer.verdict !== undefined && peer.verdict.version !== '') text += group('tls', this.#tls, peer);
    return peer.identity === undefined ? text : text + group('client', this.#client, peer.identity.leaf);
  }

  /** '' or what follows a comma; made once for a certificate. */
  describeBackend(certificate: AccessLogCertificate | undefined): string {
    if (certificate === undefined || this.#backend.length === 0) return '';
    let text = this.#backends.get(certificate);
    if (text === undefined) {
      text = group('backendCertificate', this.#backend, certificate);
      this.#backends.set(certificate, text);
    }
    return text;
  }
}

function choose<T>(
  name: string,
  parts: Readonly<Record<string, Part<T>>>,
  names: readonly string[],
  share: number,
): Chosen<T> {
  return Object.entries(parts)
    .filter(([key]) => names.includes(`${name}.${key}`))
    .map(([key, { max, of }]) => ({ key, of, max: max < mayBeCut ? max : Math.floor(max * share) }));
}

/** How much of its length each name may have. */
function shareOf(names: readonly AccessLogField[]): number {
  let fixed = maxAddress + 60;
  let ofNames = 0;
  for (const [name, parts] of Object.entries(groups)) {
    for (const [key, { max }] of Object.entries<Part<never>>(parts)) {
      if (!names.includes(`${name}.${key}` as AccessLogField)) continue;
      fixed += around(key) + (max < mayBeCut ? max : 0);
      if (key === 'uris' || key === 'dns') fixed += around(`${key}Omitted`) + 6;
      if (max >= mayBeCut) ofNames += max;
    }
  }
  return ofNames === 0 ? 1 : Math.min(1, (maxBytes - fixed) / ofNames);
}

function group<T>(name: string, parts: Chosen<T>, from: T): string {
  let text = '';
  for (const { key, max, of } of parts) {
    const value = of(from);
    if (value === undefined) continue;
    const comma = text === '' ? '' : ',';
    if (typeof value === 'string') text += `${comma}"${key}":${jsonText(value, max)}`;
    else if (typeof value === 'boolean') text += `${comma}"${key}":${String(value)}`;
    else if (value.length > 0) text += comma + list(key, value, max);
  }
  return text === '' ? '' : `,"${name}":{${text}}`;
}

/** As many as fit; how many did not is said beside. */
function list(key: string, values: readonly string[], max: number): string {
  let text = '';
  let written = 0;
  for (const value of values) {
    const one = jsonText(value, Math.floor(max / 2) - 3);
    if (text.length + one.length + 1 > max) break;
    text += written === 0 ? one : `,${one}`;
    written += 1;
  }
  const omitted = values.length - written;
  return `"${key}":[${text}]${omitted === 0 ? '' : `,"${key}Omitted":${omitted}`}`;
}

function namesOf(sans: AccessLogCertificate['sans'], type: string): string[] {
  return sans.filter((san) => san.type === type).map(({ value }) => value);
}
