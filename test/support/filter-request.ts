// A request as filters see it, without anything around: for tests of one filter.
import { EncoderBudget } from '../../src/filters/encoder-budget.ts';
import type { Fault } from '../../src/base/fault.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { FilterDependencies } from '../../src/filters/dependencies.ts';
import { FieldEdits } from '../../src/filters/field-edits.ts';
import type { FilterRequest } from '../../src/filters/filter.ts';
import { KeySets } from '../../src/filters/key-sets.ts';
import { PasswordChecks } from '../../src/filters/password-checks.ts';
import { RateCounters } from '../../src/filters/rate-counters.ts';
import { FieldBlock, FieldNames, Fields } from '../../src/http/field.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import type { Identity } from '../../src/trust/verdict.ts';

const names = new FieldNames();

export function filterRequest(
  pairs: readonly (readonly [name: string, value: string])[] = [],
  more: {
    readonly identity?: Identity;
    readonly address?: string;
    readonly path?: string;
    readonly query?: string;
  } = {},
): FilterRequest {
  const fields = new Fields();
  for (const [text, value] of pairs) {
    const name = names.find(text);
    if (name === undefined) throw new RangeError(text);
    fields.push(name, value);
  }
  const path = more.path ?? '/';
  return {
    requestId: 'r-1',
    method: 'GET',
    host: 'a.test',
    receivedPath: path,
    path,
    query: more.query ?? '',
    setTarget: () => {},
    maxBodyBytes: 0,
    limitBody: () => {},
    note: () => {},
    route: 'a',
    secure: true,
    scheme: 'https',
    secureAuthority: 'a.test',
    identity: more.identity,
    address: more.address ?? '192.0.2.1',
    gatewayFields: () => [
      new FieldBlock([
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'a.test'],
      ]),
    ],
    received: fields,
    fields: new FieldEdits(fields),
    onCancel: undefined as ((why: Fault) => void) | undefined,
  };
}

/** The fields as a backend would get them: `Name: value`, in order. */
export function linesOf({ fields }: FilterRequest): string[] {
  const { names: found, values } = fields.current;
  return found.map(({ raw }, at) => `${raw}: ${values[at] ?? ''}`);
}

export function filterDependencies(more: Partial<FilterDependencies> = {}) {
  const { of } = new Metrics();
  const lines: { readonly about: object; readonly message: string }[] = [];
  const dependencies: FilterDependencies = {
    clock: systemClock,
    lookup: () => {
      throw new Error('nothing is looked up here');
    },
    metrics: of,
    passwords: new PasswordChecks(systemClock),
    keySets: new KeySets(),
    rates: new RateCounters(systemClock, Math.random, () => {}),
    encoders: new EncoderBudget(),
    warn: (_, about, message) => lines.push({ about, message }),
    shared: new Map(),
    openService: () => {
      throw new Error('there is no service here');
    },
    ...more,
  };
  const results = (middleware: string, result: 'passed' | 'missing' | 'refused' | 'unavailable'): number =>
    of.authResults.labels({ middleware, result }).value;
  return { dependencies, lines, results };
}
