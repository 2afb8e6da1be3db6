// A configuration in a file, with extra files beside it and certificates and keys by path. It has no named material.
import { resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { Watch } from '../base/file-watch.ts';
import { type MaterialBytes, readMaterialFile, readMaterialFiles, type StoredRef } from '../certs/material.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';
import type { ConfigSource, ConfigWatch } from './config-source.ts';

export class FileSource implements ConfigSource {
  /** As it was given. */
  readonly name: string;
  readonly #path: string;

  constructor(file: string) {
    this.name = file;
    this.#path = resolve(file);
  }

  /** Which files there are beside it is known only when it has been parsed: so all of them are read where that is done. */
  async readTexts(): Promise<ConfigOrigin> {
    return { file: this.#path };
  }

  async readMaterial(ref: StoredRef, maxBytes: number): Promise<MaterialBytes> {
    return readMaterialFile(ref, maxBytes);
  }

  async readMaterials(
    refs: readonly Extract<StoredRef, { path: string }>[],
    maxBytes: number,
  ): Promise<readonly MaterialBytes[]> {
    return readMaterialFiles(refs, maxBytes);
  }

  watch(clock: Clock, onChange: () => Promise<void>): ConfigWatch {
    const files = new Watch(clock, onChange);
    return {
      mark: async () => files.mark(),
      set: async ({ watch }) => files.set(watch),
      close: () => files.close(),
    };
  }
}
