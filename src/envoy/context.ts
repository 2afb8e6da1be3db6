// What every part of the import of Envoy's configuration shares: the report, the draft, and how values of protobuf's JSON form are read.
// A value that cannot be read is refused, never taken for absent.
import type { DraftMap } from '../import/draft.ts';
import type { ImportWorld } from '../import/import-config.ts';
import type { LossCode } from '../import/losses.ts';
import type { Reading, SourceMap, SourceValue } from '../import/source-map.ts';
import type { ImportReport } from '../import/report.ts';
import type { Place } from '../yaml/place.ts';

/** `requireClientCertificate` and `require_client_certificate` are one field; `@type` stays. */
export function snakeCase(name: string): string {
  return name.includes('.') || name.startsWith('@') || /^[A-Z_]+$/.test(name)
    ? name
    : name.replace(/(?<=[a-z0-9])[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export class Context {
  readonly reading: Reading;
  readonly world: ImportWorld;
  /** `static_resources.secrets` and those of files, by name. */
  readonly secrets = new Map<string, SourceMap>();
  readonly clusters = new Map<string, SourceMap>();
  readonly routeConfigs = new Map<string, SourceMap>();
  /** What an EDS server said, in a dump. */
  readonly endpoints = new Map<string, SourceMap>();
  /** `gateway.certificates` and `gateway.caBundles`. */
  readonly certificates: DraftMap[] = [];
  readonly caBundles: DraftMap[] = [];
  /** Of the first file. */
  readonly start: Place;

  constructor(reading: Reading, world: ImportWorld, start: Place) {
    this.reading = reading;
    this.start = start;
    this.world = world;
  }

  get report(): ImportReport {
    return this.world.report;
  }

  taken(map: SourceMap, name: string, became: string): void {
    const value = map.get(name);
    if (value !== undefined) this.report.taken(value, value.shown, became);
  }

  loses(code: LossCode, value: SourceValue, says: string, at?: object): boolean {
    return this.report.loses(code, value, value.shown, says, at ?? (() => this.reading.nodeOf(value.path)));
  }

  /** `true` and `false`, as JSON has them; undefined where it is not written. */
  flag(map: SourceMap, name: string): boolean | undefined {
    const value = map.get(name);
    const text = map.text(name)?.toLowerCase();
    if (value === undefined || text === undefined) return undefined;
    if (text === 'true' || text === 'false') return text === 'true';
    this.report.refuse('bad_value', value, value.shown, 'has to be true or false');
    return undefined;
  }

  /** A whole number; undefined where it is not written. */
  number(map: SourceMap, name: string): number | undefined {
    const value = map.get(name);
    const text = map.text(name);
    if (value === undefined || text === undefined) return undefined;
    if (/^\d{1,15}$/.test(text)) return Number(text);
    this.report.refuse('bad_value', value, value.shown, 'has to be a whole number');
    return undefined;
  }

  /** The word of an enum, in capitals, also where it is written as its number. `words`: by number. */
  word(map: SourceMap, name: string, words: readonly string[]): string | undefined {
    const value = map.get(name);
    const text = map.text(name)?.toUpperCase();
    if (value === undefined || text === undefined) return undefined;
    const found = /^\d+$/.test(text) ? words[Number(text)] : words.find((word) => word === text);
    if (found === undefined)
      this.report.refuse('bad_value', value, value.shown, `has to be one of ${words.filter(Boolean).join(', ')}`);
    return found;
  }

  /** `0.25s` as milliseconds. */
  durationMs(map: SourceMap, name: string): number | undefined {
    const value = map.get(name);
    if (value?.map !== undefined) {
      const { map: parts } = value;
      return (this.number(parts, 'seconds') ?? 0) * 1000 + (this.number(parts, 'nanos') ?? 0) / 1e6;
    }
    const text = map.text(name);
    if (value === undefined || text === undefined) return undefined;
    const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text)?.[1];
    if (seconds !== undefined) return Math.round(Number(seconds) * 1000);
    this.report.refuse('bad_value', value, value.shown, 'has to be a duration in seconds: 5s, 0.25s');
    return undefined;
  }

  /** The map of `typed_config` where its `@type` ends in `type`. Another one, and none, is refused. */
  typed(map: SourceMap, type: string): SourceMap | undefined {
    if (map.has('config') && !map.has('typed_config')) {
      const value = map.get('config');
      if (value !== undefined)
        this.report.refuse(
          'v2_api',
          value,
          'config',
          "is the form of Envoy's API v2, which Envoy itself refuses today",
        );
      return undefined;
    }
    const config = map.map('typed_config');
    if (config === undefined) return undefined;
    if (typeOf(config) === type) return config;
    const value = config.get('@type');
    this.report.refuse(
      isV2(config) ? 'v2_api' : 'bad_type',
      value ?? config,
      value?.shown ?? 'typed_config',
      isV2(config) ? "is of Envoy's API v2, which Envoy itself refuses today" : `has to be a ${type}`,
    );
    config.readAll();
    return undefined;
  }
}

/** The last word of `@type`; '' where there is none. */
export function typeOf(map: SourceMap): string {
  return map.text('@type')?.replace(/^.*[./]/, '') ?? '';
}

function isV2(map: SourceMap): boolean {
  return /\.v2(?:alpha\d*)?\.|envoy\.api\.v2/.test(map.text('@type') ?? '');
}

/** A duration as the configuration has it: `250ms`, `5s`, `1h`. */
export function duration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms % 3_600_000 === 0) return `${ms / 3_600_000}h`;
  if (ms % 60_000 === 0) return `${ms / 60_000}m`;
  return ms % 1000 === 0 ? `${ms / 1000}s` : `${Math.max(1, Math.round(ms))}ms`;
}

/** Everything below was looked at. */
export function readDeep(value: SourceValue | undefined): void {
  if (value?.node.kind === 'list') for (const item of value.items) readDeep(item);
  const map = value?.map;
  for (const name of map?.names ?? []) readDeep(map?.getEmpty(name));
  map?.readAll();
}
