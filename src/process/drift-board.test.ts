// What drifts is said once when it begins and once when it ends, and the metric is up exactly as long.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import type { DriftFinding } from '../gateway/drift.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { DriftBoard } from './drift-board.ts';

const finding = (key: string, code = 'row_changed'): DriftFinding => ({
  key,
  code,
  sentence: `${key} is off`,
  help: 'mend it',
});

function open() {
  const clock = new HandClock();
  const lines: string[] = [];
  const note = (level: string) => (about: object, text: string) =>
    void lines.push(`${level} ${(about as { drift: string }).drift} ${text}`);
  const log = { error: note('error'), warn: note('warn') } as unknown as Logger;
  const metrics = new Metrics();
  const board = new DriftBoard({ clock, log, metrics: metrics.of, gateway: 'edge-1' });
  const gauge = (kind: string) => metrics.of.configDrift.labels({ kind, gateway: 'edge-1' }).value;
  return { clock, lines, board, gauge };
}

it('a drift has one line when it begins and one when it ends, however often it is found', () => {
  const { board, lines, gauge } = open();
  assert.equal(gauge('unauthorised'), 0, 'an alert on a metric that is not there would never come');
  for (let i = 0; i < 3; i++) board.report({ of: 'unauthorised', source: 'store', findings: [finding('revision 7')] });
  assert.equal(gauge('unauthorised'), 1);
  assert.equal(gauge('behaviour'), 0);
  for (let i = 0; i < 3; i++) board.report({ of: 'unauthorised', source: 'store', findings: [] });
  assert.equal(gauge('unauthorised'), 0);
  assert.deepEqual(lines, [
    'error unauthorised drift: revision 7 is off',
    'warn unauthorised drift ended: revision 7 is off',
  ]);
});

it('sources of one kind leave each other alone, and what lasts keeps the moment at which it began', () => {
  const { board, clock, gauge } = open();
  board.report({ of: 'unauthorised', source: 'files', findings: [finding('files', 'file_changed')] });
  const began = board.list[0]?.since;
  clock.turn(5_000);
  board.report({ of: 'unauthorised', source: 'store', findings: [finding('revision 7')] });
  board.report({ of: 'unauthorised', source: 'files', findings: [finding('files', 'file_changed')] });
  assert.deepEqual(
    board.list.map(({ key, since }) => [key, since]),
    [
      ['files', began],
      ['revision 7', clock.now()],
    ],
  );
  board.report({ of: 'unauthorised', source: 'files', findings: [] });
  assert.equal(gauge('unauthorised'), 1, 'the other lasts');
});

it('what is another thing under the same key is told anew', () => {
  const { board, lines } = open();
  board.report({ of: 'unauthorised', source: 'files', findings: [finding('files', 'file_refused')] });
  board.report({ of: 'unauthorised', source: 'files', findings: [finding('files', 'file_changed')] });
  assert.equal(lines.length, 2);
});
