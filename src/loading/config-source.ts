// Where a configuration comes from. A file is one such source (file-source.ts), a store will be another: it has the texts, what
// they refer to, and tells when any of it has changed. What the texts mean is none of its business.
import type { Clock } from '../base/clock.ts';
import type { MaterialBytes, StoredRef } from '../certs/material.ts';
import type { ConfigOrigin } from '../config/config-origin.ts';

export type ConfigSource = {
  /** What people are told of it: a path, the name of a store. */
  readonly name: string;
  /**
   * The texts as they are now, or where they are on the disk. A text that is handed on here goes to the process that parses it
   * (decision 0025), and is held to the same limits as a file. Rejects where the source cannot be reached.
   */
  readTexts(): Promise<ConfigOrigin>;
  /** The bytes of what the configuration refers to, by path or by id. Never rejects; a failure says what and how to mend it. */
  readMaterial(ref: StoredRef, maxBytes: number): Promise<MaterialBytes>;
  /** As readMaterial, of many files, in their order; absent: they are asked for one by one. */
  readMaterials?(
    refs: readonly Extract<StoredRef, { path: string }>[],
    maxBytes: number,
  ): Promise<readonly MaterialBytes[]>;
  /**
   * Calls `onChange` when a text, or anything that the last load depended on, became another, and when a source that was out of
   * reach can be reached again: never while a call of it runs.
   */
  watch(clock: Clock, onChange: () => Promise<void>): ConfigWatch;
};

/** What a load depended on, beside the texts that the source has itself. */
export type Dependencies = {
  /** Absolute paths of files and folders. */
  readonly watch: readonly string[];
  /** Ids of named material. */
  readonly materialIds: readonly string[];
};

export type ConfigWatch = {
  /** Notes what everything is now. Call it before a load, so that a change during the load is told after it. */
  mark(): Promise<void>;
  /** What to watch from now on: after each load. What was watched before keeps the mark from before the load. */
  set(dependencies: Dependencies): Promise<void>;
  /** Nothing is told any more. */
  close(): void;
};
