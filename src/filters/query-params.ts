// Parameters of a query that a filter sets: what a client sent under the same name is gone, in every spelling.

/** `query`: with its `?`, or ''. The result likewise. A value of undefined: the parameter is not there. */
export function setParams(query: string, params: ReadonlyMap<string, string | undefined>): string {
  const kept = query
    .replace(/^\?/, '')
    .split('&')
    .filter((pair) => pair !== '' && !namesOne(pair, params));
  for (const [name, value] of params)
    if (value !== undefined) kept.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

/** Servers part pairs at a semicolon too, and take brackets for a list (`user[]`). */
function namesOne(pair: string, params: ReadonlyMap<string, string | undefined>): boolean {
  return pair.split(/;|%3[bB]/).some((one) => {
    const name = decode(one.split('=', 1)[0] ?? '');
    return params.has(name) || params.has(name.replace(/\[.*$/s, '').trim());
  });
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return text;
  }
}
