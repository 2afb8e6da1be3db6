// Which content coding a client wants (RFC 9110 section 12.5.3).

/** What is longer is nobody's list of four words. */
const maxLength = 1_024;

/** The coding of `offered`, the preferred first, that `field` likes best; undefined for none. `field`: Accept-Encoding, undefined where absent. */
export function chooseEncoding<T extends string>(field: string | undefined, offered: readonly T[]): T | undefined {
  if (field === undefined || field.length > maxLength) return undefined;
  const wanted = readWeights(field);
  const weightOf = (coding: string): number => wanted.get(coding) ?? wanted.get('*') ?? 0;
  let best: T | undefined;
  // Unencoded is welcome unless something else is said of it, but no more than what is asked for.
  let weight = wanted.get('identity') ?? 0;
  for (const coding of offered) {
    const own = coding === 'gzip' ? Math.max(weightOf(coding), wanted.get('x-gzip') ?? 0) : weightOf(coding);
    if (own > 0 && (best === undefined ? own >= weight : own > weight)) {
      best = coding;
      weight = own;
    }
  }
  return best;
}

/** Weights by coding, in lower case; what is not well formed is not wanted. */
function readWeights(field: string): Map<string, number> {
  const weights = new Map<string, number>();
  for (const item of field.split(',')) {
    const [, coding = '', weight = '1'] =
      /^\s*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?$/i.exec(item) ?? [];
    if (coding !== '') weights.set(coding.toLowerCase(), Math.min(1, Number(weight)));
  }
  return weights;
}
