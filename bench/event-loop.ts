// How late the event loops of a gateway of ours came to what was due while it was measured: its own metric, read at both ends.
import { get } from 'node:http';

/** Seconds with a longest delay of at most so many seconds, by process and bound. */
export type Delays = ReadonlyMap<string, number>;

const bucket = /^countersign_event_loop_delay_seconds_bucket\{(.*)\} (\d+)$/gm;

/** Empty where the commit has no such metric. */
export async function readDelays(adminPort: number): Promise<Delays> {
  return parseDelays(await getText(`http://127.0.0.1:${adminPort}/metrics`));
}

export function parseDelays(exposition: string): Delays {
  const counts = new Map<string, number>();
  for (const [, labels = '', count] of exposition.matchAll(bucket)) {
    const process = /process="([^"]*)"/.exec(labels)?.[1] ?? '';
    const bound = /le="([^"]*)"/.exec(labels)?.[1] ?? '';
    if (process.startsWith('worker')) counts.set(`${process} ${bound}`, Number(count));
  }
  return counts;
}

/** Milliseconds that no turn of a worker's loop was late by more than; undefined where nothing was counted in between. */
export function longestDelay(before: Delays, after: Delays): number | undefined {
  // Buckets are cumulative: the smallest bound with all that came is where the longest is.
  const processes = new Map<string, { bound: number; count: number }[]>();
  for (const [key, count] of after) {
    const [process = '', bound = ''] = key.split(' ');
    const entry = {
      bound: bound === '+Inf' ? Number.POSITIVE_INFINITY : Number(bound),
      count: count - (before.get(key) ?? 0),
    };
    processes.set(process, [...(processes.get(process) ?? []), entry]);
  }
  let longest: number | undefined;
  for (const buckets of processes.values()) {
    const all = Math.max(...buckets.map(({ count }) => count));
    if (all === 0) continue;
    const bound = Math.min(...buckets.filter(({ count }) => count === all).map((entry) => entry.bound));
    longest = Math.max(longest ?? 0, bound * 1000);
  }
  return longest;
}

function getText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => resolve(body));
    }).once('error', reject);
  });
}
