// Where the keys come from that verify tokens: exactly one of a secret, a public key, a set of keys in a file or behind a URL.
import { isIP } from 'node:net';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import { refTo } from './material-ref.ts';
import { readRef, reportMistake } from './reading.ts';
import type { PlainRef, Ref, WrittenRef } from './ref.ts';

export type JwtKeys =
  | { readonly kind: 'secret'; readonly secret: string }
  /** A public key or a certificate (PEM), or a set of keys (JSON): the text tells. */
  | { readonly kind: 'file'; readonly ref: PlainRef }
  | {
      readonly kind: 'url';
      readonly url: string;
      readonly refreshMs: number;
      readonly maxAgeMs: number;
      readonly ca: Ref | undefined;
    };

type Written = {
  readonly secret?: string | undefined;
  readonly publicKey?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly jwksFile?: string | undefined;
  readonly jwks?:
    | {
        readonly url?: string | undefined;
        readonly file?: string | undefined;
        readonly refresh: number;
        readonly maxAge: number;
        readonly ca?: string | undefined;
      }
    | undefined;
};

const minSecretBytes = 16;
const goodSecretBytes = 32;
const defaultRefreshMs = 600_000;
const defaultMaxAgeMs = 86_400_000;

/** Undefined where an error was reported. `at`: the rule. */
export function readJwtKeys(written: Written, at: Cursor, problems: ProblemList): JwtKeys | undefined {
  const { jwks } = written;
  const places = [
    { name: 'secret', at, value: written.secret },
    { name: 'publicKey', at, value: written.publicKey },
    { name: 'jwksUrl', at, value: written.jwksUrl },
    { name: 'jwksFile', at, value: written.jwksFile },
    { name: 'url', at: at.down('jwks'), value: jwks?.url },
    { name: 'file', at: at.down('jwks'), value: jwks?.file },
  ];
  const given = places.filter((place) => place.at.has(place.name));
  const [first, second] = given;
  if (first === undefined || second !== undefined) {
    problems.error(
      first === undefined ? 'missing_key' : 'contradiction',
      second === undefined ? at.place : second.at.keyPlace(second.name),
      first === undefined
        ? 'jwtAuth has nothing to verify tokens with'
        : `keys come from ${first.name} and from ${second?.name}: which of them verify a token?`,
      'Give one of secret, publicKey, jwks.url, jwks.file.',
    );
    return undefined;
  }
  const { name, at: around, value } = first;
  if (value === undefined || value.trim() === '') {
    if (!around.isBroken(name))
      problems.error(
        'empty_value',
        around.keyPlace(name),
        `${name} is written but has no value`,
        'Give it, or name other keys.',
      );
    return undefined;
  }
  if (name === 'secret') return readSecret(value, at, problems);
  if (name === 'publicKey') return fileOf(readRef(value, at, name, problems));
  if (name === 'jwksFile' || name === 'file') {
    const here = around.down(name);
    if (here.place.stored !== undefined && !isJson(value)) {
      problems.error(
        'bad_material',
        here.place,
        `${name} names a file, and an object of the store names none`,
        'Give the JSON itself.',
      );
      return undefined;
    }
    return fileOf(setOf(value, here));
  }
  return readUrl(value, jwks, around.down(name), at, problems);
}

function fileOf(ref: WrittenRef | undefined): JwtKeys | undefined {
  return ref && { kind: 'file', ref };
}

function isJson(value: string): boolean {
  return value.trimStart().startsWith('{');
}

/** The JSON itself, or a file. */
function setOf(value: string, at: Cursor): WrittenRef {
  return isJson(value) ? { place: at.place, pem: value } : refTo(value, at);
}

function readSecret(secret: string, at: Cursor, problems: ProblemList): JwtKeys | undefined {
  const here = at.down('secret');
  const bytes = Buffer.byteLength(secret);
  const hint = 'Make one with `openssl rand -hex 32`.';
  if (bytes < minSecretBytes) {
    problems.error('weak_secret', here.place, `a secret of ${bytes} bytes can be guessed from any token`, hint);
    return undefined;
  }
  if (bytes < goodSecretBytes)
    problems.warn(
      'weak_secret',
      here.place,
      `the secret has ${bytes} bytes; RFC 7518 asks for ${goodSecretBytes} at least`,
      hint,
    );
  return { kind: 'secret', secret };
}

function readUrl(
  value: string,
  jwks: Written['jwks'],
  here: Cursor,
  at: Cursor,
  problems: ProblemList,
): JwtKeys | undefined {
  const reading = parseFetchUrl(value);
  if ('problem' in reading) {
    reportMistake(problems, 'bad_url', here, withoutPassword(value), {
      ...reading,
      hint: 'For example https://login.example.com/jwks.json.',
    });
    return undefined;
  }
  if (reading.url.startsWith('http://') && !isLocal(reading.url)) {
    problems.error(
      'plain_url',
      here.place,
      'keys that come over plain http can be replaced by anybody on the way, who could then make tokens',
      'Write https:// (with jwks.ca where a private CA issued its certificate).',
    );
    return undefined;
  }
  const ca = jwks?.ca === undefined ? undefined : readRef(jwks.ca, at.down('jwks'), 'ca', problems);
  const { refresh = defaultRefreshMs, maxAge = defaultMaxAgeMs } = jwks ?? {};
  if (maxAge < refresh)
    problems.error('contradiction', at.down('jwks').keyPlace('maxAge'), 'maxAge is shorter than refresh');
  return { kind: 'url', url: reading.url, refreshMs: refresh, maxAgeMs: maxAge, ca };
}

/** What never leaves this machine. */
function isLocal(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'));
}
