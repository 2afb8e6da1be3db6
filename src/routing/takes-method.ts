// Which methods a list of methods stands for.

/** True where a route with these methods (none = all) serves `method`; HEAD goes with GET, OPTIONS is not implied. */
export function takesMethod(methods: readonly string[], method: string): boolean {
  return methods.length === 0 || methods.includes(method) || (method === 'HEAD' && methods.includes('GET'));
}

/** The value of an Allow field (RFC 9110 section 10.2.1). */
export function allowedMethods(methods: readonly string[]): string {
  const all = new Set(methods);
  if (all.has('GET')) all.add('HEAD');
  return [...all].sort().join(', ');
}
