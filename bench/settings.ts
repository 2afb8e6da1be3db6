// What `npm run bench` is told on its command line.
import { parseArgs } from 'node:util';
import { findCommand } from '../test/support/peers.ts';
import { generatorNames, type GeneratorName, groups, withConnections, withoutCertificate, workloads } from './job.ts';
import { peers } from './peer.ts';
import type { Workload } from './workload.ts';

/** What the configurations of the peers have room for. */
const MAX_IDLE = 10_000;

export const USAGE = `npm run bench -- [OPTIONS]: what a request or a connection costs us, beside the other gateways on PATH.

  --only ROWS        rows or groups of rows, separated by commas; default h1. Groups and rows:
                     ${Object.entries(groups)
                       .map(([name, rows]) => `${name}: ${rows.join(', ')}`)
                       .join('\n                     ')}
                     Tables of their own, one at a time: {{alone}}
  --peers NAMES      default ${peers.map(({ name }) => name).join(',')}; who is not installed is left out, and said to be
  --generator NAME   ${generatorNames.join(', ')}; what it cannot do, our own does
  --rounds N         default 5: everybody is measured so many times, another one begins each time
  --seconds N        default 4: how long one measurement takes, after a second of warming up
  --idle N           connections of the idle rows, default 2000, at most ${MAX_IDLE}
  --against REV      the working tree beside a commit, instead of other gateways; options as above
  --json             for machines
  --report --out FILE
                     a complete run, some eleven minutes, for docs/performance.md; goes on with FILE where it is there already;
                     --for SECONDS begins no row after so long
  --render FILE...   docs/performance.md and its chart, from complete runs
  --help             this`;

export type Settings = {
  readonly rounds: number;
  readonly seconds: number;
  readonly chosen: readonly Workload[];
  readonly wanted: ReadonlySet<string>;
  readonly generator: GeneratorName;
  /** A commit that the working tree is compared with; undefined: it is compared with other gateways. */
  readonly against: string | undefined;
  readonly json: boolean;
};

/** Throws with a sentence where it cannot be done. */
export function readSettings(args: readonly string[]): Settings {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '4' },
      only: { type: 'string', default: 'h1' },
      idle: { type: 'string', default: '2000' },
      peers: { type: 'string', default: peers.map((peer) => peer.name).join(',') },
      generator: { type: 'string', default: 'own' },
      against: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const only = new Set(values.only.split(',').flatMap((name) => groups[name] ?? name));
  const [rounds, seconds, idle] = [values.rounds, values.seconds, values.idle].map(Number) as [number, number, number];
  const chosen = workloads
    .filter((workload) => only.has(workload.name))
    .map((workload) => (workload.after === 'idle' ? withConnections(workload, idle) : workload));
  const unknown = [...only].filter((name) => !workloads.some((workload) => workload.name === name));
  const generator = generatorNames.find((name) => name === values.generator);
  if (unknown.length > 0) throw new Error(`--only: no row ${unknown.join(', ')}. See --help.`);
  if (!(rounds >= 1) || !(seconds > 0)) throw new Error('--rounds and --seconds are positive numbers.');
  if (!(idle >= 1 && idle <= MAX_IDLE)) throw new Error(`--idle: 1 to ${MAX_IDLE}.`);
  if (generator === undefined) throw new Error(`--generator: ${generatorNames.join(', ')}.`);
  if (withoutCertificate.has(generator) && findCommand(generator) === undefined)
    throw new Error(`${generator} is not installed.`);
  const { against, json } = values;
  return { rounds, seconds, chosen, wanted: new Set(values.peers.split(',')), generator, against, json };
}
