// Who is taken for the gateway itself: whoever has its key, once, now, on the port that was meant; and nobody else.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { makeMark, SelfTestMarks } from './self-test-marks.ts';

const key = randomBytes(32);

function open(): { clock: HandClock; marks: SelfTestMarks } {
  const clock = new HandClock();
  const marks = new SelfTestMarks(clock);
  marks.setKey(key);
  return { clock, marks };
}

it('a mark is good once, on its port, and for half a minute', () => {
  const { clock, marks } = open();
  const mark = makeMark(key, 8443, clock.now());
  assert.equal(marks.take(['http/1.1', mark], 9443), false, 'another port');
  assert.equal(marks.take(['http/1.1', mark], 8443), true);
  assert.equal(marks.take(['http/1.1', mark], 8443), false, 'a second time');
  const late = makeMark(key, 8443, clock.now());
  const early = makeMark(key, 8443, clock.now() + 31_000);
  assert.equal(marks.take([early], 8443), false);
  clock.turn(30_100);
  assert.equal(marks.take([late], 8443), false);
});

it('nobody without the key is marked, whatever he says', () => {
  const { clock, marks } = open();
  const mark = makeMark(key, 8443, clock.now());
  const cut = mark.slice(0, -2);
  const flipped = `${mark.slice(0, -3)}${mark.at(-3) === 'A' ? 'B' : 'A'}${mark.slice(-2)}`;
  for (const name of ['', 'h2', 'countersign-self-test.', cut, flipped, makeMark(randomBytes(32), 8443, clock.now())])
    assert.equal(marks.take([name], 8443), false, name);
  assert.equal(new SelfTestMarks(clock).take([mark], 8443), false, 'a worker that was not told the key');
});
