// request_headers_to_add and its like as the middlewares requestHeaders and responseHeaders. A field that would be set and is not is a loss:
// backends would get what the client sent under that name.
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';
import type { DraftMiddlewares } from '../import/draft-middlewares.ts';

/** Words between percent signs, as ours. */
const words: Readonly<Record<string, string>> = {
  DOWNSTREAM_PEER_FINGERPRINT_256: '{identity.fingerprint}',
  DOWNSTREAM_PEER_SUBJECT: '{identity.subject}',
  DOWNSTREAM_PEER_ISSUER: '{identity.issuer}',
  DOWNSTREAM_PEER_SERIAL: '{identity.serial}',
  DOWNSTREAM_PEER_URI_SAN: '{identity.uri}',
  DOWNSTREAM_PEER_DNS_SAN: '{identity.dns}',
  DOWNSTREAM_PEER_EMAIL_SAN: '{identity.email}',
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: '{client.address}',
  ROUTE_NAME: '{route.name}',
  'REQ(:METHOD)': '{request.method}',
  'REQ(:AUTHORITY)': '{request.host}',
  'REQ(:PATH)': '{request.path}{request.query}',
  'REQ(:SCHEME)': '{request.scheme}',
  'REQ(X-REQUEST-ID)': '{request.id}',
};
const actions = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS'];

/** Names of the middlewares that `map` (a route, a virtual host, a route table, an action) asks for. */
export function readHeaderEdits(context: Context, map: SourceMap, middlewares: DraftMiddlewares): string[] {
  return (['request', 'response'] as const).flatMap((side) => {
    const remove = map.items(`${side}_headers_to_remove`).flatMap((item) => {
      context.report.taken(item, `${side}_headers_to_remove`, `middleware ${side}Headers`);
      return item.text ?? [];
    });
    const set: DraftMap = {};
    const append: DraftMap = {};
    for (const value of map.items(`${side}_headers_to_add`)) readOption(context, value, side, set, append);
    const rule: DraftMap = {};
    if (remove.length > 0) rule['removeHeaders'] = remove;
    if (Object.keys(set).length > 0) rule['setHeaders'] = set;
    if (Object.keys(append).length > 0) rule['append'] = append;
    return Object.keys(rule).length === 0 ? [] : [middlewares.add(`${side}Headers`, rule, `${side}-headers`)];
  });
}

function readOption(
  context: Context,
  value: SourceValue,
  side: 'request' | 'response',
  set: DraftMap,
  append: DraftMap,
): void {
  const option = value.map;
  const header = option?.map('header');
  const name = header?.text('key');
  const written = header?.text('value') ?? '';
  const old = option && context.flag(option, 'append');
  const word = (option && context.word(option, 'append_action', actions)) ?? (old === false ? actions[2] : actions[0]);
  if (option !== undefined) context.flag(option, 'keep_empty_value');
  if (option === undefined || header === undefined || name === undefined) {
    context.report.refuse('bad_value', value, value.shown, 'has to have a header with key and value');
    return;
  }
  const at = header.get('key') ?? value;
  const text = translate(written);
  if (text === undefined || word === 'ADD_IF_ABSENT' || word === 'OVERWRITE_IF_EXISTS') {
    const why = text === undefined ? `the value ${written} has no counterpart` : `${word} has no counterpart`;
    if (side === 'request')
      context.report.loses('header_edit', at, at.shown, why, () => context.reading.nodeOf(value.path));
    else context.report.left(at, at.shown, why);
    return;
  }
  const taken = word === 'OVERWRITE_IF_EXISTS_OR_ADD' ? set : append;
  // What names the client is removed from its request in any case: to append to it is to set it.
  const target = side === 'request' && /\{(?:identity|client)\./.test(text) ? set : taken;
  if (Object.keys(target).some((other) => other.toLowerCase() === name.toLowerCase())) {
    if (side === 'request')
      context.report.loses('header_edit', at, at.shown, 'stands twice; a field has one value here');
    else context.report.left(at, at.shown, 'stands twice; a field has one value here');
    return;
  }
  target[name] = text;
  context.report.taken(at, at.shown, `middleware ${side}Headers`);
}

/** Undefined where a word in it is not known. `%%` is a percent sign. */
function translate(value: string): string | undefined {
  let isKnown = true;
  const text = value.replace(/%([^%]*)%/g, (_, word: string) => {
    if (word === '') return '%';
    const ours = words[word.toUpperCase().replace(/^REQ\((.*)\)$/i, (whole) => whole)];
    if (ours === undefined) isKnown = false;
    return ours ?? '';
  });
  // A brace with a dot in it would mean something here.
  return isKnown && !/\{[a-z]+\.[a-z]+\}/i.test(value) ? text : undefined;
}
