// `gateway.tracing`: where spans go, and which requests have some.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, durationBetween, list, map, oneOf, ratio, secret, text } from './atoms.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import type { GatewayConfig } from './gateway-config.ts';
import { key } from './key.ts';
import { isLoopback } from './listen-address.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import { readMaterialText } from './source-settings.ts';

const example = 'For example tracing: {endpoint: "http://127.0.0.1:4318/v1/traces"}.';
/** Those that are the exporter's own, and those of one hop. */
const ownHeaders = new Set(['host', 'content-type', 'content-length', 'transfer-encoding', 'connection', 'user-agent']);

const headerShape = closedMap({
  name: key(text, { says: 'Name of a field.', unset: 'required' }),
  value: key(secret(text), { says: 'Its value.', unset: 'required' }),
});

export const tracingKeys = {
  endpoint: key(text, {
    says: 'URL of a collector that takes OTLP over HTTP. Without it nothing is traced.',
    unset: 'nothing is traced',
    page: 'own. URL of a collector that takes OTLP over HTTP in JSON, as `http://127.0.0.1:4318/v1/traces`.',
  }),
  sample: key(ratio, {
    says: 'Share of the traces that begin here, 0 to 1. Default {default}.',
    default: 0.01,
    page: 'own. Share of the traces that begin here, 0 to 1. A trace that came along is recorded as its sender says.',
  }),
  followFrom: key(oneOf(['proxies', 'verified', 'everybody'], true), {
    says: 'Whose traceparent is followed: proxies (trustedProxies), verified (also of clients with a verified certificate), everybody. Default {default}.',
    default: 'verified',
    page: 'own. Whose `traceparent` is followed: `proxies` (those of `proxy.trustedProxies`), `verified` (also clients whose certificate passed), `everybody`. A request of others begins a new trace.',
  }),
  serviceName: key(text, {
    says: 'service.name of the spans. Default {default}.',
    default: 'countersign',
    page: 'own.',
  }),
  headers: key(list(headerShape), {
    says: 'Fields that the collector asks for.',
    default: [],
    page: 'own. `{name, value}`: fields that the collector asks for, such as a key.',
  }),
  ca: key(text, {
    says: 'CA certificates that verify the collector: path, PEM text, or base64 of PEM or DER. Default: public CAs.',
    unset: 'those of Node',
    page: 'own. `S`. Verifies the collector. Read at the start.',
  }),
  timeout: key(durationBetween('100ms', '1m'), {
    says: 'For one batch, {min} to {max}. Default {default}.',
    default: '10s',
    page: 'own. For one batch, `{min}` to `{max}`.',
  }),
};

const tracing = map(tracingKeys);

/** `around`: `gateway`. Undefined where nothing is traced, or it cannot be read (reported). */
export function readTracing(
  shape: z.output<typeof tracing>,
  around: Cursor,
  problems: ProblemList,
): GatewayConfig['tracing'] {
  const at = around.down('tracing');
  for (const name of ['endpoint', 'serviceName', 'ca']) reportEmpty(at, name, problems);
  const { endpoint, sample, followFrom, serviceName, timeout: timeoutMs } = shape;
  if (endpoint === undefined || endpoint === '') {
    const others = Object.keys(tracingKeys).filter((name) => name !== 'endpoint' && at.has(name));
    if (others.length > 0 && !at.isBroken('endpoint'))
      problems.error('missing_key', at.place, '`endpoint` is missing: nothing would be traced', example);
    return undefined;
  }
  const endpointAt = at.down('endpoint');
  const parsed = parseFetchUrl(endpoint);
  if ('problem' in parsed) {
    reportMistake(problems, 'bad_url', endpointAt, withoutPassword(endpoint), { ...parsed, hint: example });
    return undefined;
  }
  const url = new URL(parsed.url);
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, '')))
    problems.warn(
      'plain_server',
      endpointAt.place,
      'the collector is plain HTTP: paths and identities of clients can be read on the way',
      'Write https://, or send to a collector on this machine.',
    );
  const headers = shape.headers.flatMap(({ name, value }, i): [string, string][] => {
    const here = at.down('headers').down(i);
    if (name === undefined || value === undefined) {
      problems.error(
        'missing_key',
        here.place,
        'a header has `name` and `value`',
        'For example {name: Api-Key, value: "${KEY}"}.',
      );
      return [];
    }
    const isName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !ownHeaders.has(name.toLowerCase());
    if (isName && /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) return [[name, value]];
    const what = isName
      ? 'the value of a header is not one line of plain text'
      : 'this is no header that can be set here';
    problems.error(
      'bad_value',
      here.down(isName ? 'value' : 'name').place,
      what,
      'For example {name: Api-Key, value: "${KEY}"}.',
    );
    return [];
  });
  const ca = readMaterialText(shape.ca, at, 'ca', problems);
  return { endpoint: parsed.url, sample, followFrom, serviceName, headers, ca, timeoutMs };
}
