/** What starts as a process or a thread of its own, by its path below the program's root, without an ending. */
export const entryModules = [
  'base/file-thread',
  'cli/main',
  'config/config-child',
  'control/control',
  'crl/thread',
  'filters/bcrypt-thread',
  'process/worker',
] as const;

export type EntryModule = (typeof entryModules)[number];

/**
 * Where it lies. In a checkout this file is src/base/entry-module.ts; in the built package it is part of some file one folder
 * below dist, where the entry modules keep their paths: from both the root is one folder up.
 */
export function entryModule(name: EntryModule): URL {
  return new URL(`../${name}${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url);
}
