// Where a configuration says that text which is no configuration is found: keys, certificates, lists of them.
import type { Place } from '../yaml/place.ts';

/** Key or certificate material, classified but not read: a file, PEM text in its place, or what a source has under an id. */
export type Ref = WrittenRef | NamedRef;

/** What the configuration file can say: `S` of docs/configuration.md. */
export type WrittenRef = PathRef | InlineRef;

/** PEM text given inline or as base64. */
export type InlineRef = { readonly place: Place; readonly pem: string };

/** A file, by its absolute path. `label`: what people are shown instead of the path, which may be a secret that was given in its place (materialName). */
export type PathRef = { readonly place: Place; readonly path: string; readonly label?: string };

/** Material that the source of the configuration has under this id (ConfigSource). The file has none; a store will. */
export type NamedRef = { readonly place: Place; readonly id: string };
