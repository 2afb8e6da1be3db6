// What nginx compares `$ssl_client_s_dn` with, as rules over the subject. Its text is the same; here it has parts, so that no value
// looks like a separator (decision 41).
import type { DraftMap } from '../import/draft.ts';

const maxAlternatives = 100;

/** One text. */
export function exactSubject(text: string, ignoreCase: boolean): DraftMap | undefined {
  if (!/^[A-Za-z0-9.]+=/.test(text)) return undefined;
  return { subject: { exact: text, ...(ignoreCase && { ignoreCase }) } };
}

/** A regular expression, which may fit anywhere in the text: rules of which one has to hold. undefined where it is none of ours. */
export function subjectPattern(pattern: string, ignoreCase: boolean): DraftMap[] | undefined {
  // `/O=Acme/CN=x` is the form of before nginx 1.11.6: nothing is like that any more.
  if (/^\^?\/[A-Za-z]+=/.test(pattern)) return undefined;
  const alternatives = expandAlternatives(pattern);
  if (alternatives === undefined) return undefined;
  return alternatives.map((one) => ({ subject: { ...matcherOf(one), ...(ignoreCase && { ignoreCase }) } }));
}

/** `^`, `$`, `.*` at the ends say which matcher it is. */
function matcherOf(pattern: string): DraftMap {
  let body = pattern;
  let atStart = body.startsWith('^');
  if (atStart) body = body.slice(1);
  let atEnd = /(?<!\\)(?:\\\\)*\$$/.test(body);
  if (atEnd) body = body.slice(0, -1);
  if (body.startsWith('.*')) {
    body = body.replace(/^(?:\.\*)+/, '');
    atStart = false;
  }
  if (/(?<!\\)\.\*$/.test(body)) {
    body = body.replace(/(?:\.\*)+$/, '');
    atEnd = false;
  }
  const text = literalOf(body);
  if (text === undefined || text === '') return { regex: `${atStart ? '' : '.*'}${body}${atEnd ? '' : '.*'}` };
  if (atStart && atEnd) return { exact: text };
  if (atStart) return { prefix: text };
  return atEnd ? { suffix: text } : { contains: text };
}

/** The one text that it fits; undefined where there are several. */
function literalOf(pattern: string): string | undefined {
  let text = '';
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === '\\') {
      const next = pattern.charAt((i += 1));
      if (next === '' || /[A-Za-z0-9]/.test(next)) return undefined;
      text += next;
    } else if (/[.*+?()[\]{}|^$]/.test(char)) return undefined;
    else text += char;
  }
  return text;
}

/** `a|b`, `^CN=(a|b),O=x$`: each by itself. */
function expandAlternatives(pattern: string): string[] | undefined {
  const open: number[] = [];
  const bars: number[] = [];
  let group: { from: number; to: number; bars: number[] } | undefined;
  for (let i = 0; i < pattern.length; i++) {
    const char = pattern.charAt(i);
    if (char === '\\') i += 1;
    else if (char === '[') {
      const end = pattern.indexOf(']', i + 2);
      if (end < 0) return undefined;
      i = end;
    } else if (char === '(') open.push(i);
    else if (char === ')') {
      const from = open.pop();
      if (from === undefined) return undefined;
      // Of groups the first with alternatives of its own; what is repeated is left as it is.
      const own = bars.filter((bar) => bar > from);
      const after = pattern.charAt(i + 1);
      if (own.length > 0 && open.length === 0 && group === undefined && !/[*+?{]/.test(after))
        group = { from, to: i, bars: own };
      bars.splice(0, bars.length, ...bars.filter((bar) => bar < from));
    } else if (char === '|') bars.push(i);
  }
  if (open.length > 0) return undefined;
  if (bars.length > 0) return collect(cut(pattern, 0, pattern.length, bars));
  if (group === undefined) return [pattern];
  const head = pattern.slice(0, group.from);
  const tail = pattern.slice(group.to + 1);
  const inner = pattern.slice(group.from).startsWith('(?:') ? 3 : 1;
  return collect(cut(pattern, group.from + inner, group.to, group.bars).map((one) => head + one + tail));
}

function cut(text: string, from: number, to: number, bars: readonly number[]): string[] {
  const edges = [from - 1, ...bars, to];
  return edges.slice(0, -1).map((edge, i) => text.slice(edge + 1, edges[i + 1]));
}

function collect(parts: readonly string[]): string[] | undefined {
  const found: string[] = [];
  for (const part of parts) {
    const expanded = expandAlternatives(part);
    if (expanded === undefined) return undefined;
    found.push(...expanded);
    if (found.length > maxAlternatives) return undefined;
  }
  return found;
}
