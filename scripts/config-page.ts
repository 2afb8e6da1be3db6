// The tables of docs/configuration.md, made from the declarations of the keys. A table stands between two markers, the first of
// which names the block that it is about: `<!-- keys: gateway.tls -->`, `<!-- end of keys -->`. The prose around is written by hand.
import { z } from 'zod';
import { ranges } from '../src/config/atoms.ts';
import { declared, type KeySays, type Written } from '../src/config/key.ts';
import { findFilterType } from '../src/config/filter-types.ts';
import { unwrapShape } from '../src/config/key-places.ts';
import { mainFileShape } from '../src/config/main-file.ts';
import { type Support, support } from '../src/config/support.ts';

const marked = /(<!-- keys: (\S+) -->\n)[^]*?(<!-- end of keys -->)/g;

/** The page with its tables as they should be. */
export function configurationPage(page: string): string {
  return page.replace(marked, (_, begin: string, path: string, end: string) => `${begin}${tableOf(path)}\n${end}`);
}

type Row = { readonly names: string[]; readonly byDefault: string; readonly text: string };

function tableOf(path: string): string {
  const shape = find(path);
  const rows = [...mergeAlike(rowsOf(shape, ''))].map(
    ({ names, byDefault, text }) =>
      `|${[names.map((name) => `\`${name}\``).join(', '), byDefault, text].map(pad).join('|')}|`,
  );
  return ['| key | default | |', '|---|---|---|', ...rows].join('\n');
}

/** Headings of the page under which the declarations say that a block has its table. */
export function tableHeadings(): string[] {
  const found = new Set<string>();
  const walk = (shape: z.ZodObject): void => {
    for (const field of Object.values(shape.shape)) {
      const heading = declared.get(field)?.table;
      if (heading !== undefined) found.add(heading);
      const inner = innermost(field);
      if (inner instanceof z.ZodObject) walk(inner);
    }
  };
  walk(mainFileShape);
  return [...found];
}

/** The block of a path; `.` for the whole file; `rule:type` for the rule of a middleware. */
function find(path: string): z.ZodObject {
  const [, type] = /^rule:(.*)$/.exec(path) ?? [];
  const filter = type === undefined ? undefined : findFilterType(type);
  if (filter !== undefined) return filter.rule;
  let current: unknown = mainFileShape;
  for (const name of path === '.' ? [] : path.split('.'))
    current = current instanceof z.ZodObject ? innermost(current.shape[name]) : undefined;
  if (!(current instanceof z.ZodObject)) throw new RangeError(`there is no block ${path} in the configuration`);
  return current;
}

/** A block, be it switched off in one word or an item of a list. */
function innermost(field: unknown): unknown {
  const inner = field instanceof z.ZodType ? unwrapShape(field) : undefined;
  return inner instanceof z.ZodArray ? innermost(inner.element) : inner;
}

function rowsOf(shape: z.ZodObject, prefix: string): Row[] {
  return Object.entries(shape.shape as Readonly<Record<string, z.ZodType>>).flatMap(([key, field]) => {
    const name = prefix + key;
    const lacking = support.get(field);
    if (lacking !== undefined) return [{ names: [name], byDefault: '', text: sayUnsupported(lacking) }];
    const says = declared.get(field);
    const inner = unwrapShape(field);
    const own = { names: [name], byDefault: sayDefault(says), text: sayWhat(says, field) };
    if (!(inner instanceof z.ZodObject) || says?.table !== undefined || says?.page !== undefined) return [own];
    // The block itself has a row where something is said of its absence.
    const inBlock = rowsOf(inner, `${name}.`);
    return says?.unset === undefined ? inBlock : [own, ...inBlock];
  });
}

/** Neighbours of which the same is said share a row. */
function mergeAlike(rows: readonly Row[]): Row[] {
  const merged: Row[] = [];
  for (const row of rows) {
    const last = merged.at(-1);
    if (last !== undefined && last.text === row.text && row.text !== '' && last.byDefault === row.byDefault)
      last.names.push(...row.names);
    else merged.push(row);
  }
  return merged;
}

function sayUnsupported({ severity, consequence, hint }: Support): string {
  const what =
    severity === 'error' ? `Error: ignoring it would ${consequence}.` : `Not supported (warning): ${consequence}.`;
  return cell(hint === '' ? what : `${what} ${hint}`);
}

function sayDefault(says: KeySays | undefined): string {
  if (says?.unset !== undefined) return cell(says.unset);
  return says?.default === undefined ? '' : sayWritten(says.default);
}

function sayWritten(written: Written): string {
  if (typeof written === 'number') return String(written);
  return `\`${typeof written === 'object' ? `[${written.join(', ')}]` : written}\``;
}

/** `page`, or the sentence of the schema without its default, which has a column of its own. */
function sayWhat(says: KeySays | undefined, field: z.ZodType): string {
  const range = ranges.get(bare(field));
  const sentence = says?.page ?? (says?.says ?? '').replace(/ ?Default:? [^.;]*[.;]/, '').trim();
  const text = sentence.replace('{min}', String(range?.min)).replace('{max}', String(range?.max));
  return cell(says?.table === undefined ? text : `${text} [Below](#${says.table}).`.trim());
}

function bare(field: z.ZodType): z.ZodType {
  const wrapped = field instanceof z.ZodDefault || field instanceof z.ZodOptional ? field.unwrap() : field;
  return wrapped as z.ZodType;
}

function pad(text: string): string {
  return text === '' ? ' ' : ` ${text} `;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
