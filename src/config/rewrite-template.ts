// `rewrite` of a route: a path in which `{name}` stands for a parameter of the route's path and `$1` to `$9` for a group of its
// regular expression. What is put in stays within its segment (routing/rewrite-path.ts).
import type { Mistake } from './reading.ts';

export type TemplatePart = string | { readonly param: string } | { readonly group: number };

const part = /\{([A-Za-z_][A-Za-z0-9_]*)\}|\$([1-9])/g;

/** One segment of a rewrite. */
export function parseTemplate(segment: string): readonly TemplatePart[] {
  const parts: TemplatePart[] = [];
  let end = 0;
  for (const found of segment.matchAll(part)) {
    if (found.index > end) parts.push(segment.slice(end, found.index));
    const [all, param, group] = found;
    parts.push(param === undefined ? { group: Number(group) } : { param });
    end = found.index + all.length;
  }
  if (end < segment.length) parts.push(segment.slice(end));
  return parts;
}

/** What the rewrite puts in and the path does not have. `groups`: 0 where the path is no regular expression. */
export function mistakeInTemplate(rewrite: string, names: readonly string[], groups: number): Mistake | undefined {
  const segments = rewrite.split('/').map(parseTemplate);
  // With what is put in behind it, it would become another encoding.
  if (segments.some((parts) => parts.length > 1 && parts.some((one) => typeof one === 'string' && one.includes('%25'))))
    return { problem: 'has an encoded % beside a parameter', hint: 'Give the parameter a segment of its own.' };
  for (const one of segments.flat()) {
    if (typeof one === 'string') {
      if (/[{}]/.test(one))
        return { problem: 'has a brace that belongs to no parameter', hint: 'A parameter is written {name}.' };
    } else if ('param' in one) {
      if (!names.includes(one.param))
        return {
          problem: `the path has no parameter {${one.param}}`,
          hint:
            groups > 0
              ? 'Groups of a regular expression are written $1, $2.'
              : `Parameters of the path: ${names.map((name) => `{${name}}`).join(', ') || 'none'}.`,
        };
    } else if (one.group > groups)
      return {
        problem: `the path has no group $${one.group}`,
        hint: `Groups of its regular expression: ${groups}. A path has groups with pathMatch: regex only.`,
      };
  }
  return undefined;
}
