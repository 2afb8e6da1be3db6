// The last revision that this gateway committed, on its own disk: what it starts from where the store cannot be had. Sealed as
// a whole with the opening key, private keys in it a second time, so that nobody else can have written it.
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { canonicalJson } from '../store/canonical-json.ts';
import type { Digest } from '../store/digest.ts';
import { objectDigest, type StoredObject } from '../store/object.ts';
import { checkPrivateFile, makingProblem, replacePrivateFile } from '../store/private-file.ts';
import type { Revision } from '../store/revision.ts';
import type { Opener } from '../store/seal.ts';
import type { SealedBlob } from '../store/sealed.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkRevision } from '../store/verify.ts';
import type { StoredRevision } from './stored-revision.ts';

/** Objects are limited to less; keys and base64 come on top. */
const maxFileBytes = 256 * 1024 * 1024;
const firstLine = 'countersign last good revision 1';
const purpose = 'last good revision';

export type LastGood = {
  /** Whether there is one, readable or not. Throws where others could have put it there. */
  exists(): boolean;
  read(opener: Opener): StoredRevision | undefined;
  write(stored: StoredRevision, opener: Opener): void;
};

/** Beside the store, where nobody else can write. Of a gateway with a written name its own: several may share a file. */
export function lastGoodPath(storePath: string, gateway?: string): string {
  return gateway === undefined ? `${storePath}.last-good` : `${storePath}.${gateway}.last-good`;
}

export class LastGoodFile implements LastGood {
  readonly #path: string;
  /** Digest of the revision in it and id of the key, where they are known. */
  #holds = '';

  constructor(path: string) {
    this.#path = path;
  }

  exists(): boolean {
    return checkPrivateFile(this.#path, 'path_refused');
  }

  /** Undefined where there is none. Throws a StoreProblem where it is not what was written. */
  read(opener: Opener): StoredRevision | undefined {
    if (!this.exists()) return undefined;
    const bytes = readRegularFileSync(this.#path, maxFileBytes);
    const [head, keyId] = bytes.subarray(0, 128).toString('latin1').split('\n', 2);
    if (head !== firstLine || keyId === undefined)
      throw new StoreProblem('unsealable', `${showPath(this.#path)} is not a last good revision of this version`);
    const content = opener.openOwn(purpose, bytes.subarray(head.length + keyId.length + 2));
    const stored = parse(content);
    this.#holds = `${stored.revision?.digest} ${keyId}`;
    return stored;
  }

  /** On the disk when it returns, or the former one is there as before: then it throws a StoreProblem. */
  write(stored: StoredRevision, opener: Opener): void {
    const keyId = opener.publicParts()[0]?.id ?? '';
    const holds = `${stored.revision?.digest} ${keyId}`;
    if (stored.revision === undefined || holds === this.#holds) return;
    checkPrivateFile(this.#path, 'path_refused');
    const sealed = opener.sealOwn(purpose, Buffer.from(serialize(stored)));
    try {
      replacePrivateFile(this.#path, Buffer.concat([Buffer.from(`${firstLine}\n${keyId}\n`), sealed]));
    } catch (error) {
      throw makingProblem(error, this.#path);
    }
    this.#holds = holds;
  }
}

type Held = {
  readonly revision: Revision;
  readonly objects: readonly StoredObject[];
  readonly sealed: readonly (Omit<SealedBlob, 'bytes'> & { readonly bytes: string })[];
  /** Absent in what earlier versions wrote. */
  readonly store?: Digest;
};

function serialize({ revision, objects, sealed, store }: StoredRevision): string {
  const blobs = [...sealed.values()].map(({ digest, kind, id, sealKey, bytes }) => {
    return { digest, kind, id, sealKey, bytes: Buffer.from(bytes).toString('base64') };
  });
  return JSON.stringify({ revision, objects, sealed: blobs, store });
}

/** Only who holds the opening key wrote it; what a disk made of it since shows in the digests. */
function parse(content: Buffer): StoredRevision {
  const { revision, objects, sealed, store } = JSON.parse(content.toString('utf8')) as Held;
  const texts = objects.map(({ kind, id, digest, body }) => ({
    kind,
    id,
    digest,
    text: canonicalJson(body),
  }));
  if (texts.some(({ digest, text }) => objectDigest(text) !== digest))
    throw new StoreProblem('altered', 'an object of the last good revision is not what its digest says');
  checkRevision(revision, texts);
  const blobs = sealed.map((blob): [string, SealedBlob] => [
    blob.digest,
    { ...blob, bytes: Buffer.from(blob.bytes, 'base64') },
  ]);
  return { revision, objects, sealed: new Map(blobs), store };
}
