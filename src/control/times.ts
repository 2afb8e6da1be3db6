// Milliseconds since the epoch as the API writes them.

/** RFC 3339, UTC. */
export function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}
