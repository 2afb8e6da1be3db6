// `setHeaders`, `append` and `removeHeaders` of a middleware: which fields it changes. What frames a message or belongs to the
// gateway is nobody else's to set, which is said here and not by the first request.
import { z } from 'zod';
import { FieldKind, isToken, kindOf } from '../http/field.ts';
import { neverPassed } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { list, text } from './atoms.ts';
import { type FieldTemplate, parseTemplate } from './field-template.ts';
import { type Mistake, reportMistake } from './reading.ts';
import type { Place } from '../yaml/place.ts';

/** Fields by name. */
export const fieldMap = z.record(z.string(), text, { error: () => 'expected a map of names and values' });
export const fieldNames = list(text);

export type FieldEdit = { readonly name: string; readonly value: FieldTemplate; readonly place: Place };

export type FieldEditsConfig = {
  /** In this order: removed, set, added to what is there. */
  readonly remove: readonly string[];
  readonly set: readonly FieldEdit[];
  readonly append: readonly FieldEdit[];
};

/** Of one middleware. */
const maxEdits = 64;
const maxNameLength = 128;

export type FieldEditsShape = {
  readonly setHeaders?: Readonly<Record<string, string>> | undefined;
  readonly append?: Readonly<Record<string, string>> | undefined;
  readonly removeHeaders?: readonly string[] | undefined;
};

/** `side`: of the messages that are changed. `at`: the rule. `setKey`: where `setHeaders` stands in it. */
export function readFieldEdits(
  shape: FieldEditsShape,
  side: 'request' | 'response',
  at: Cursor,
  problems: ProblemList,
  setKey = 'setHeaders',
): FieldEditsConfig {
  const reader = new EditReader(side, problems);
  const set = reader.edits(shape.setHeaders, at.down(setKey));
  // As in Goma: what is set to nothing is removed.
  const emptied = set.filter(({ value }) => value.length === 1 && value[0] === '');
  const append = reader.edits(shape.append, at.down('append'));
  const removed = (shape.removeHeaders ?? []).filter((name, i) => reader.isName(name, at.down('removeHeaders', i)));
  const count = set.length + append.length + removed.length;
  if (count > maxEdits) problems.error('too_many', at.place, `more than ${maxEdits} fields`);
  for (const name of [...removed, ...emptied.map((edit) => edit.name)]) reader.warnOurs(name, at);
  for (const edit of set) if (!emptied.includes(edit)) reader.checkSettable(edit.name, at.down(setKey));
  for (const { name } of append) reader.checkSettable(name, at.down('append'));
  return {
    remove: [...removed, ...emptied.map(({ name }) => name)],
    set: set.filter((edit) => !emptied.includes(edit)),
    append,
  };
}

class EditReader {
  readonly #side: 'request' | 'response';
  readonly #problems: ProblemList;

  constructor(side: 'request' | 'response', problems: ProblemList) {
    this.#side = side;
    this.#problems = problems;
  }

  edits(written: Readonly<Record<string, string>> | undefined, at: Cursor): FieldEdit[] {
    const seen = new Set<string>();
    const edits: FieldEdit[] = [];
    for (const name of written === undefined ? [] : at.keys) {
      if (at.isBroken(name) || !this.isName(name, new KeyCursor(at, name))) continue;
      const place = at.keyPlace(name);
      if (seen.has(foldName(name)))
        this.#problems.error('duplicate_name', place, `${quote(name)} stands here twice, in two spellings`);
      seen.add(foldName(name));
      const value = written?.[name] ?? '';
      const template = parseTemplate(value);
      if ('problem' in template) reportMistake(this.#problems, 'bad_header', at.down(name), value, template);
      else edits.push({ name, value: template, place });
    }
    return edits;
  }

  isName(name: string, at: Pick<Cursor, 'place'>): boolean {
    if (isToken(name) && name.length <= maxNameLength) return true;
    this.#problems.error('bad_header', at.place, `${quote(name)} is not the name of a field`);
    return false;
  }

  checkSettable(name: string, at: Cursor): void {
    const mistake = this.#mistakeIn(name);
    if (mistake !== undefined)
      this.#problems.error('bad_header', at.keyPlace(name), `${name} ${mistake.problem}`, mistake.hint);
  }

  /** To take away what the gateway sets afterwards, or what goes no further anyway, does nothing. */
  warnOurs(name: string, at: Cursor): void {
    const mistake = this.#mistakeIn(name);
    if (mistake !== undefined)
      this.#problems.warn('unused_value', at.place, `to remove ${name} has no effect: it ${mistake.problem}`);
  }

  #mistakeIn(name: string): Mistake | undefined {
    const folded = foldName(name);
    const kind = kindOf(name.toLowerCase(), folded);
    if (kind === FieldKind.host)
      return {
        problem: 'is the host that the request is for',
        hint: 'What the backend sees as Host: security.forwardHostHeaders of the route.',
      };
    if (kind !== FieldKind.plain)
      return { problem: 'frames the message or concerns one connection', hint: 'The gateway sets it where it is due.' };
    if (this.#side === 'request' && neverPassed.has(folded)) return ofTheGateway(folded);
    return undefined;
  }
}

function ofTheGateway(folded: string): Mistake {
  const problem = 'is set by the gateway itself';
  if (folded === 'x-forwarded-client-cert' || folded.startsWith('client-cert'))
    return { problem, hint: 'forwardClientCert says what is in it.' };
  return { problem, hint: 'What a proxy in front says in it counts where gateway.proxy.trustedProxies names it.' };
}

/** The position of a key. */
class KeyCursor {
  readonly place: Place;

  constructor(map: Cursor, name: string) {
    this.place = map.keyPlace(name);
  }
}
