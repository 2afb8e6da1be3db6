// A configuration that nobody runs yet: the main file as it is, with objects that a store holds, or would hold after a change.
import type { MaterialBytes, StoredRef } from '../certs/material.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';
import type { StoredDocument } from '../config/stored-objects.ts';
import type { Opener } from '../store/seal.ts';
import type { SealedBlob } from '../store/sealed.ts';
import type { ConfigSource, ConfigWatch } from './config-source.ts';
import { FileSource } from './file-source.ts';
import { SealedMaterial } from './stored-revision.ts';

export type Proposal = {
  readonly file: string;
  /** What messages call it: `proposed revision 13`. */
  readonly name: string;
  readonly objects: readonly StoredDocument[];
  readonly sealed: ReadonlyMap<string, SealedBlob>;
  readonly opener: Opener | undefined;
};

export class ProposedSource implements ConfigSource {
  readonly name: string;
  readonly #proposal: Proposal;
  readonly #files: FileSource;
  readonly #material: SealedMaterial;

  constructor(proposal: Proposal) {
    this.name = proposal.file;
    this.#proposal = proposal;
    this.#files = new FileSource(proposal.file);
    this.#material = new SealedMaterial(proposal, proposal.opener);
  }

  async readTexts(): Promise<ConfigOrigin> {
    const { name, objects } = this.#proposal;
    const plain = objects.map(({ kind, id, body, inPlaceOfFile }) => ({
      kind,
      id,
      body,
      ...(inPlaceOfFile === true && { inPlaceOfFile }),
    }));
    return { ...(await this.#files.readTexts()), stored: { name, objects: plain } };
  }

  async readMaterial(ref: StoredRef, maxBytes: number): Promise<MaterialBytes> {
    return 'path' in ref ? this.#files.readMaterial(ref, maxBytes) : this.#material.read(ref, maxBytes);
  }

  async readMaterials(
    refs: readonly Extract<StoredRef, { path: string }>[],
    maxBytes: number,
  ): Promise<readonly MaterialBytes[]> {
    return this.#files.readMaterials(refs, maxBytes);
  }

  /** It does not change. */
  watch(): ConfigWatch {
    return { mark: async () => {}, set: async () => {}, close: () => {} };
  }
}
