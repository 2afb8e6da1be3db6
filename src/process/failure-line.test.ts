// Failed handshakes on their way to the control process: one report at a time, added up meanwhile, and nothing lost uncounted.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { FailureGroup, FailureReport } from '../gateway/failure-tally.ts';
import { FailureLine } from './failure-line.ts';

const group = (key: string, count: number, at = 1): FailureGroup => ({
  side: 'client',
  code: 'expired',
  key,
  count,
  firstAt: at,
  lastAt: at,
  sample: { sentence: `at ${at}`, detail: '', help: '', raw: '' },
});

function setUp() {
  const sent: FailureReport[] = [];
  let lost = 0;
  const line = new FailureLine((count) => (lost += count));
  return { line, sent, lost: () => lost, taker: { sendFailures: (report: FailureReport) => void sent.push(report) } };
}

it('what comes before there is a taker, and while a report is under way, is added up and sent together', () => {
  const { line, sent, taker, lost } = setUp();
  line.take({ groups: [group('a', 2)], dropped: 0 });
  line.connect(taker);
  assert.equal(sent.length, 0, 'it has not said that it is ready');
  line.taken();
  assert.deepEqual(
    sent[0]?.groups.map(({ key, count }) => [key, count]),
    [['a', 2]],
  );
  line.take({ groups: [group('a', 1, 5), group('b', 1)], dropped: 3 });
  line.take({ groups: [group('a', 4, 3)], dropped: 0 });
  assert.equal(sent.length, 1);
  line.taken();
  assert.deepEqual(
    sent[1]?.groups.map(({ key, count, firstAt, lastAt, sample }) => [key, count, firstAt, lastAt, sample.sentence]),
    [
      ['a', 5, 3, 5, 'at 5'],
      ['b', 1, 1, 1, 'at 1'],
    ],
  );
  assert.deepEqual([sent[1]?.dropped, lost()], [3, 3]);
});

it('what was under way to one that ended counts as lost, and the rest waits for the next one', () => {
  const { line, sent, taker, lost } = setUp();
  line.connect(taker);
  line.taken();
  line.take({ groups: [group('a', 7)], dropped: 0 });
  line.take({ groups: [group('b', 1)], dropped: 0 });
  line.connect(undefined);
  assert.equal(lost(), 7);
  line.connect(taker);
  line.taken();
  assert.deepEqual(
    sent[1]?.groups.map(({ key }) => key),
    ['b'],
  );
});

it('without a taker it grows to a bound', () => {
  const { line, sent, taker, lost } = setUp();
  for (let i = 0; i < 2_000; i++) line.take({ groups: [group(`k${i}`, 2)], dropped: 0 });
  line.connect(taker);
  line.taken();
  assert.equal(sent[0]?.groups.length, 1_024);
  assert.equal(lost(), (2_000 - 1_024) * 2);
});
