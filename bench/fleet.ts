// How soon a change is in force everywhere, by hand: `node bench/fleet.ts`. Three gateways as processes on a PostgreSQL server of their own, 20 changes, from
// each of them in turn: from the append (the time that the revision bears) to the last gateway's commit (the time of its log line), and to the answer of
// `wait=all`. Prints a line of JSON for each. As it is shipped: after `npm run build`, with COUNTERSIGN_TEST_PROGRAM=dist/cli/main.js.
import { loadavg } from 'node:os';
import { openFleet, put } from '../test/support/fleet.ts';
import { startPostgres } from '../test/support/postgres.ts';

const changes = 20;
const say = (figures: object): void => void process.stdout.write(`${JSON.stringify(figures)}\n`);

await using stack = new AsyncDisposableStack();
const postgres = stack.use(await startPostgres());
const fleet = stack.use(await openFleet((dir) => ({ url: postgres.url, sealKey: dir.file('opening.key') })));
await fleet.join('edge-2', '127.0.0.2');
await fleet.join('edge-3', '127.0.0.3');
await fleet.settled();

const commits: number[] = [];
const answers: number[] = [];
const before = loadavg();
for (let at = 0; at < changes; at += 1) {
  const from = fleet.members[at % fleet.members.length];
  if (from === undefined) throw new Error('there is no gateway');
  const marks = fleet.members.map(({ gateway }) => gateway.log.length);
  const route = put('routes', `r${at}`, { path: `/r${at}`, hosts: ['localhost'], service: 'orders' });
  const begun = performance.now();
  const parent = at + 1;
  const made = await from.call('POST', '/config:apply?wait=all', { parent, changes: [route] });
  const answered = performance.now() - begun;
  if (made.status !== 200) throw new Error(`${made.status}: ${made.text}`);
  const appended = await from.call('GET', `/changes/${parent + 1}`);
  const appendedAt = Date.parse(String(appended.body['at']));
  const lines = await Promise.all(
    fleet.members.map(async ({ gateway }, which) =>
      gateway.waitForLog(({ msg }) => msg === 'configuration reloaded', { from: marks[which] ?? 0 }),
    ),
  );
  const committed = Math.max(...lines.map(({ time }) => Date.parse(String(time)))) - appendedAt;
  commits.push(committed);
  answers.push(answered);
  say({ change: at + 1, committed, answered: Math.round(answered), load: loadavg()[0] });
}

function figures(times: readonly number[]): { p50: number; max: number } {
  const sorted = times.toSorted((one, other) => one - other);
  return { p50: Math.round(sorted[Math.floor(sorted.length / 2)] ?? 0), max: Math.round(sorted.at(-1) ?? 0) };
}

say({
  what: 'from the append to the last of three gateways, ms',
  committed: figures(commits),
  answered: figures(answers),
  load: { before, after: loadavg() },
});
