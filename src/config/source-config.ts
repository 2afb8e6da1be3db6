// What a configuration says of a source that delivers certificates or CAs while the gateway runs, as plain data. How it is read
// stands in pair-sources.ts and bundle-sources.ts; who talks to the source is src/sources.
import { hash } from 'node:crypto';
import type { Place } from '../yaml/place.ts';

/** `pair`: a certificate, its chain and its key. `anchors`: certificates of CAs. */
export type SourceWant = 'pair' | 'anchors';

export type SourceConfig = SourceSettings & {
  readonly want: SourceWant;
  /** What messages, metrics and listings call it; never a secret. */
  readonly label: string;
  /** Whoever is asked has to reach our listeners first: a start does not wait for it, and what it delivers later is taken then. */
  readonly mayStartWithout: boolean;
  readonly place: Place;
};

/** One member for each kind of source. Everything that makes two of them differ stands here, and nothing else. */
export type SourceSettings = ExecSettings | SpiffeSettings | SpiffeBundleSettings;

/** A command that prints the material. */
export type ExecSettings = {
  readonly kind: 'exec';
  /** Program and arguments; no shell reads them. The program is an absolute path. */
  readonly command: readonly string[];
  /** The environment of the command: nothing else is in it. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  /** Longest time between two runs; undefined: two thirds of the lifetime of what it printed. */
  readonly refreshMs: number | undefined;
};

/** The SPIFFE Workload API. */
export type SpiffeSettings = {
  readonly kind: 'spiffe';
  /** `unix:///path` or `tcp://ip:port`; undefined: SPIFFE_ENDPOINT_SOCKET. */
  readonly socket: string | undefined;
  /** Which SVID; undefined: any, the first. Of pairs. */
  readonly id?: string | undefined;
  readonly hint?: string | undefined;
  /** Whose CAs. Of anchors. */
  readonly trustDomain?: string | undefined;
};

/** A SPIFFE bundle endpoint. */
export type SpiffeBundleSettings = {
  readonly kind: 'spiffeBundle';
  /** https. */
  readonly url: string;
  readonly profile: 'https_web' | 'https_spiffe';
  readonly trustDomain: string;
  /** Of https_web; undefined: the CAs of the system. */
  readonly ca?: TextRef | undefined;
  /** Of https_spiffe: always there. */
  readonly endpointId?: string;
  readonly bootstrap?: TextRef;
};

/** As WrittenRef, wherever it is written. */
export type TextRef = { readonly path: string; readonly label?: string } | { readonly pem: string };

/** Equal for equal settings only, wherever and under whatever name they are written: one source serves all of them. */
export function sourceKey({ place: _place, label: _label, ...settings }: SourceConfig): string {
  const sorted = Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));
  return hash('sha256', JSON.stringify(sorted));
}
