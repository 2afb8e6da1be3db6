// The files that were approved last, as they were: what a gateway with a store starts from where those on the disk are not approved. Sealed
// as a whole with the opening key, private keys in it too, so that nobody else can have written it; and what is loaded from it is
// compared with the approval all the same.
import { hash } from 'node:crypto';
import { readRegularFile, readRegularFileSync } from '../base/read-regular-file.ts';
import type { FileDigest } from '../config/load-config.ts';
import type { ConfigSource } from '../loading/config-source.ts';
import { checkPrivateFile, replacePrivateFile } from '../store/private-file.ts';
import type { Opener } from '../store/seal.ts';

type Held = { readonly path: string; readonly isText: boolean; readonly bytes: string };

export type Copy = {
  readonly texts: readonly { readonly file: string; readonly text: string }[];
  readonly materials: ReadonlyMap<string, Buffer>;
  readonly digests: readonly FileDigest[];
};

const maxBytes = 64 * 1024 * 1024;

export class ApprovedCopy {
  readonly #path: string;
  readonly #purpose: string;
  readonly #opener: () => Opener | undefined;
  #holds = '';

  constructor(path: string, gateway: string, opener: () => Opener | undefined) {
    this.#path = path;
    this.#purpose = `approved copies for ${gateway}`;
    this.#opener = opener;
  }

  /** Rejects where it cannot be kept; the one before stays. A file that has become another since it was loaded keeps all out. */
  async keep(digests: readonly FileDigest[]): Promise<void> {
    const holds = JSON.stringify(digests);
    const opener = this.#opener();
    if (holds === this.#holds || opener === undefined) return;
    const held: Held[] = [];
    let left = maxBytes;
    for (const { path, sha256, isText = false } of digests) {
      const bytes = await readRegularFile(path, left);
      left -= bytes.length;
      if (hash('sha256', bytes, 'hex') !== sha256) return;
      held.push({ path, isText, bytes: bytes.toString('base64') });
    }
    replacePrivateFile(this.#path, opener.sealOwn(this.#purpose, Buffer.from(JSON.stringify(held))));
    this.#holds = holds;
  }

  /** Undefined where there is none. Throws where it is not what was kept. */
  read(): Copy | undefined {
    const opener = this.#opener();
    if (opener === undefined || !checkPrivateFile(this.#path, 'path_refused')) return undefined;
    const sealed = readRegularFileSync(this.#path, 2 * maxBytes);
    const held = JSON.parse(opener.openOwn(this.#purpose, sealed).toString('utf8')) as readonly Held[];
    const all = held.map(({ path, isText, bytes }) => ({ path, isText, bytes: Buffer.from(bytes, 'base64') }));
    return {
      texts: all
        .filter(({ isText }) => isText)
        .map(({ path, bytes }) => ({ file: path, text: bytes.toString('utf8') })),
      materials: new Map(all.filter(({ isText }) => !isText).map(({ path, bytes }) => [path, bytes])),
      digests: all
        .filter(({ isText }) => isText)
        .map(({ path, bytes }) => ({ path, sha256: hash('sha256', bytes, 'hex'), isText: true })),
    };
  }
}

/** The texts of the copy in place of those of the source; what was not copied, and the objects of a store, are the source's. */
export function sourceOfCopy({ texts, materials }: Copy, source: ConfigSource): ConfigSource {
  const [main, ...extra] = texts;
  if (main === undefined) return source;
  return {
    name: source.name,
    readTexts: async () => {
      const { stored } = await source.readTexts();
      return { ...main, extra, isWhole: true, ...(stored !== undefined && { stored }) };
    },
    readMaterial: async (ref, most) => {
      const bytes = 'path' in ref ? materials.get(ref.path) : undefined;
      return bytes === undefined || bytes.length > most ? source.readMaterial(ref, most) : { ok: true, bytes };
    },
    watch: (clock, onChange) => source.watch(clock, onChange),
  };
}
