// What a route says of paths, as segments: text, {parameters}, expressions. One pattern is read twice: as it is written, for
// paths, and as a backend may read it, for readings (http/path-readings.ts).
import type { PathMatch } from '../config/gateway-config.ts';
import { parsePathRegex } from '../config/path-regex.ts';
import { matchInputLimit } from '../config/safe-regex.ts';
import { readSegment } from '../http/path-readings.ts';
import { comparablePath, isParam, patternSegments } from './normalize-target.ts';

/** What routes say of paths. */
export type PathRule = { readonly path: string; readonly match: { readonly path: PathMatch } };

export type PatternSegment =
  /** `text`: as it is compared; `reading`: the same as a backend may read it. */
  | { readonly kind: 'text'; readonly text: string; readonly reading: string }
  /** A whole segment. `name`: '' where the pattern gives it none. */
  | { readonly kind: 'param'; readonly name: string; readonly groups: number }
  | SegmentRegex;

export type PathPattern = {
  readonly segments: readonly PatternSegment[];
  /** The path ends with the last of them: nothing below it matches, nor does it with a slash at the end. */
  readonly whole: boolean;
};

export type TestResult = boolean | 'too_long';

/** An expression over one segment. What it matches is the same for every server, case aside. */
export class SegmentRegex {
  readonly kind = 'regex';
  readonly source: string;
  readonly groups: number;
  readonly sample: string;
  readonly #exact: RegExp;
  readonly #folded: RegExp;

  constructor(source: string, groups: number, sample: string) {
    this.source = source;
    this.groups = groups;
    this.sample = sample;
    this.#exact = new RegExp(`^(?:${source})$`);
    this.#folded = new RegExp(`^(?:${source})$`, 'i');
  }

  /** `segment`: as comparablePath gives it, or of a reading (`folded`). Servers drop dots at the end: such a one never matches. */
  test(segment: string, folded: boolean): TestResult {
    if (segment.length > matchInputLimit) return 'too_long';
    return !segment.endsWith('.') && (folded ? this.#folded : this.#exact).test(segment);
  }

  /** Of a segment that matches: what its groups hold. */
  capture(segment: string): readonly string[] {
    return (this.#exact.exec(segment) ?? []).slice(1).map((group: string | undefined) => group ?? '');
  }
}

/** Undefined where no request can have such a path: the configuration refuses it. */
export function patternOf({ path, match }: PathRule): PathPattern | undefined {
  if (match.path === 'regex') return regexPattern(path);
  const segments = patternSegments(path);
  if (segments === undefined) return undefined;
  return {
    segments: segments.map((segment) =>
      isParam(segment) ? { kind: 'param', name: segment.slice(1, -1), groups: 0 } : textSegment(segment),
    ),
    whole: match.path === 'exact',
  };
}

function regexPattern(path: string): PathPattern | undefined {
  const parsed = parsePathRegex(path);
  if ('problem' in parsed) return undefined;
  const segments = parsed.segments.map((segment): PatternSegment => {
    if (segment.kind === 'text') return textSegment(segment.text);
    if (segment.kind === 'any') return { kind: 'param', name: '', groups: segment.groups };
    return new SegmentRegex(segment.source, segment.groups, segment.sample);
  });
  return { segments, whole: !parsed.open };
}

function textSegment(segment: string): PatternSegment {
  return { kind: 'text', text: comparablePath(segment), reading: readSegment(segment) };
}

/** True where readings are looked up in the pattern as it is written. */
export function isOwnReading({ segments }: PathPattern): boolean {
  return segments.every((segment) => {
    if (segment.kind === 'text') return segment.text === segment.reading;
    return segment.kind === 'param' || !/[A-Z]/.test(segment.source.replaceAll(/\\./g, ''));
  });
}

/** A path that the pattern matches. */
export function samplePathOf({ segments }: PathPattern): string {
  const parts = segments.map((segment) => {
    if (segment.kind === 'text') return segment.text;
    return segment.kind === 'param' ? 'some-value' : segment.sample;
  });
  return `/${parts.join('/')}`;
}
