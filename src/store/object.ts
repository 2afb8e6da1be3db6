// An object of a revision: a document in the language of the configuration, under a kind and a stable id. The caller has
// validated it; here it is only made sure that it can be kept, that no private key is in it, and what sealed keys it refers to.
import { canonicalJson, type Json, type JsonObject } from './canonical-json.ts';
import { type Digest, digestOf, isDigest } from './digest.ts';
import { maxObjectBytes, maxObjectDepth } from './limits.ts';
import { checkName } from './names.ts';
import { StoreProblem } from './store-problem.ts';

/** `kind` is the list in the configuration (`certificates`, `services`); `id` stays when the document changes. */
export type ObjectName = { readonly kind: string; readonly id: string };

export type ObjectChange = ObjectName &
  (
    | { readonly put: JsonObject }
    /** An earlier version, as `versions` counts them, is current again. */
    | { readonly version: number }
    | { readonly remove: true }
  );

export type StoredObject = ObjectName & {
  readonly digest: Digest;
  /** The revision that put it there: who changes the object names it, and it says who did last, and when. */
  readonly revision: number;
  readonly body: JsonObject;
};

/** A document as it is kept. */
export type PreparedObject = {
  readonly text: string;
  readonly digest: Digest;
  /** What it refers to; each must be there, and sealed for this object. */
  readonly sealed: readonly Digest[];
};

/** Throws `object_refused` or `invalid`; no message shows what is in the document. */
export function prepareObject(name: ObjectName, body: JsonObject): PreparedObject {
  const where = `${name.kind}/${name.id}`;
  if (body === null || typeof body !== 'object' || Array.isArray(body)) {
    throw new StoreProblem('object_refused', `${where} is not an object of JSON`);
  }
  const text = canonicalJson(body, maxObjectDepth);
  const bytes = Buffer.byteLength(text);
  if (bytes > maxObjectBytes) {
    throw new StoreProblem('object_refused', `${where} has ${bytes} bytes; ${maxObjectBytes} are allowed`);
  }
  const sealed = new Set<Digest>();
  inspect(body, where, sealed);
  return { text, digest: objectDigest(text), sealed: [...sealed] };
}

/** Of the canonical text. */
export function objectDigest(text: string): Digest {
  return digestOf('object', text);
}

export function checkObjectName({ kind, id }: ObjectName): void {
  checkName(kind, 'the kind of an object');
  checkName(id, 'the id of an object');
}

/** One string for both, that no other name has. */
export function objectKey({ kind, id }: ObjectName): string {
  return JSON.stringify([kind, id]);
}

/** For sorting: by kind, then by id, by UTF-16 code units. */
export function compareNames(one: ObjectName, other: ObjectName): number {
  if (one.kind !== other.kind) return one.kind < other.kind ? -1 : 1;
  return one.id === other.id ? 0 : one.id < other.id ? -1 : 1;
}

function inspect(value: Json, where: string, sealed: Set<Digest>): void {
  if (typeof value === 'string') {
    if (holdsPrivateKey(value)) {
      throw new StoreProblem('object_refused', `${where} holds a private key; only sealed ones may be stored`);
    }
  } else if (Array.isArray(value)) {
    for (const item of value as readonly Json[]) inspect(item, where, sealed);
  } else if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value as JsonObject);
    const [only] = members;
    if (members.length === 1 && only?.[0] === 'sealed') {
      if (!isDigest(only[1])) throw new StoreProblem('object_refused', `${where} refers to no digest in "sealed"`);
      sealed.add(only[1]);
    } else for (const [, member] of members) inspect(member, where, sealed);
  }
}

const pemKey = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY-----/;
/** `-----BEGIN ` in base64 at each of the three places where it can begin. */
const encodedPem = /LS0tLS1CRUdJTi|0tLS0tQkVHSU4g|tLS0tLUJFR0lOI/;

/** The last look, not the only one: as PEM, or as base64 of PEM, which the configuration reads as well. */
function holdsPrivateKey(text: string): boolean {
  if (pemKey.test(text)) return true;
  return encodedPem.test(text) && pemKey.test(Buffer.from(text.replace(/\s+/g, ''), 'base64').toString('latin1'));
}
