// The Connection field (RFC 9110 section 7.6.1): close, keep-alive, and the fields it nominates as hop-by-hop.
// A nomination can never remove a field that is meant for the origin: clients use it to strip what others rely on.
import { claimOf, FieldClaim } from '../http/field-claim.ts';
import { type Fields, Fields as FieldList, isToken } from '../http/field.ts';
import { foldName } from '../http/fold-name.ts';
import { ParseError } from '../http/parse-error.ts';

export type ConnectionOptions = {
  readonly close: boolean;
  readonly keepAlive: boolean;
  readonly upgrade: boolean;
  /** Lower-case names of fields to remove. */
  readonly nominated: readonly string[];
};

const none: ConnectionOptions = { close: false, keepAlive: false, upgrade: false, nominated: [] };
const close: ConnectionOptions = { ...none, close: true };
const keepAlive: ConnectionOptions = { ...none, keepAlive: true };

/** Fields that end-to-end recipients rely on, so that no hop may be told to drop them. Compared folded. */
const endToEnd =
  /^(?:accept.*|age|allow|authorization|cache-control|content-.*|cookie|date|etag|expires|from|host|if-.*|last-modified|location|origin|range|referer|server|set-cookie|user-agent|vary|via|www-authenticate|traceparent|tracestate)$/;

/** Whether a hop may be told to drop the field. What says something about the client reaches who relies on it, or the strip list. */
function isForOneHop(option: string): boolean {
  const folded = foldName(option);
  return claimOf(folded) === FieldClaim.none && !endToEnd.test(folded);
}

/** Reads the joined values of all Connection fields. */
export function parseConnection(value: string | undefined): ConnectionOptions | ParseError {
  if (value === undefined) return none;
  if (value === 'keep-alive' || value === 'Keep-Alive') return keepAlive;
  if (value === 'close') return close;
  const options = { close: false, keepAlive: false, upgrade: false, nominated: [] as string[] };
  for (const part of value.split(',')) {
    const option = part.trim().toLowerCase();
    if (option === '') continue;
    if (!isToken(option)) return new ParseError('bad_request', 'Connection holds something that is not a token');
    if (option === 'close') options.close = true;
    else if (option === 'keep-alive') options.keepAlive = true;
    else if (option === 'upgrade') options.upgrade = true;
    else if (isForOneHop(option)) options.nominated.push(option);
  }
  return options;
}

/** The fields without the nominated ones. */
export function withoutNominated(fields: Fields, nominated: readonly string[]): Fields {
  const kept = new FieldList();
  for (let i = 0; i < fields.length; i++) {
    const name = fields.names[i];
    const value = fields.values[i];
    if (name !== undefined && value !== undefined && !nominated.includes(name.lower)) kept.push(name, value);
  }
  return kept;
}
