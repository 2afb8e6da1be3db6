// Where a configuration says that text which is no configuration is found: keys, certificates, lists of them.
import type { Place } from '../yaml/place.ts';
import type { SourceConfig } from './source-config.ts';

/**
 * Key or certificate material, classified but not read: a file, PEM text in its place, what the source of the configuration has
 * under an id, a part of a PKCS #12 file, or a part of what a source of certificates delivers.
 */
export type Ref = PlainRef | Pkcs12Ref | SourcedRef;

/** Text, wherever it is found. */
export type PlainRef = WrittenRef | NamedRef;

/** What the configuration file can say: `S` of docs/configuration.md. */
export type WrittenRef = PathRef | InlineRef;

/** PEM text given inline or as base64. */
export type InlineRef = { readonly place: Place; readonly pem: string };

/** A file, by its absolute path. `label`: what people are shown instead of the path, which may be a secret that was given in its place (materialName). */
export type PathRef = { readonly place: Place; readonly path: string; readonly label?: string };

/** Material that the source of the configuration has under this id (ConfigSource). The file has none; a store will. */
export type NamedRef = { readonly place: Place; readonly id: string };

/** Of a file that holds a certificate, its chain and its key under one password. */
export type Pkcs12Ref = {
  readonly place: Place;
  readonly part: 'chain' | 'key';
  readonly pkcs12: PathRef | { readonly place: Place; readonly base64: string };
  readonly password: string;
  readonly label: string;
};

/** Of what a source delivers while the gateway runs. `label`: as that of the source. */
export type SourcedRef = {
  readonly place: Place;
  readonly part: 'chain' | 'key' | 'anchors';
  readonly sourced: SourceConfig;
  readonly label: string;
};
