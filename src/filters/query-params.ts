// Parameters of a query that a filter sets: what a client sent under the same name is gone, in every spelling that some backend
// takes for it.
import { foldParameter, mayBeParameter } from '../http/fold-parameter.ts';

/** `query`: with its `?`, or ''. The result likewise. A value of undefined: the parameter is not there. */
export function setParams(query: string, params: ReadonlyMap<string, string | undefined>): string {
  const folded = [...params.keys()].map((name) => foldParameter(name) ?? name);
  const kept = query
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => pair !== '' && !namesOne(pair, folded));
  for (const [name, value] of params)
    if (value !== undefined) kept.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** Servers part pairs at a semicolon too. */
function namesOne(pair: string, folded: readonly string[]): boolean {
  return pair.split(/;|%3[bB]/).some((one) => {
    const name = one.split('=', 1)[0] ?? '';
    return folded.some((each) => mayBeParameter(name, each));
  });
}
