import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { joinTraceState, parseTraceParent, randomId, traceParentText } from './trace-context.ts';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const parentId = '00f067aa0ba902b7';

describe('traceparent', () => {
  it('is read as it is written, and of what a later version adds nothing', () => {
    assert.deepEqual(parseTraceParent(`00-${traceId}-${parentId}-01`), { traceId, parentId, isSampled: true });
    assert.deepEqual(parseTraceParent(`00-${traceId}-${parentId}-02`), { traceId, parentId, isSampled: false });
    assert.deepEqual(parseTraceParent(`cc-${traceId}-${parentId}-03-more-to-come`), {
      traceId,
      parentId,
      isSampled: true,
    });
  });

  for (const [what, text] of [
    ['nothing', ''],
    ['no version', `${traceId}-${parentId}-01`],
    ['the version that is none', `ff-${traceId}-${parentId}-01`],
    ['a version 00 that says more', `00-${traceId}-${parentId}-01-x`],
    ['a later version without a dash', `01-${traceId}-${parentId}-01x`],
    ['upper case', `00-${traceId.toUpperCase()}-${parentId}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${parentId}-01`],
    ['a parent of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['an id that is too short', `00-${traceId.slice(1)}-${parentId}-01`],
    ['an id that is too long', `00-${traceId}0-${parentId}-01`],
    ['flags of one digit', `00-${traceId}-${parentId}-1`],
    ['a blank', ` 00-${traceId}-${parentId}-01`],
    ['two of them', `00-${traceId}-${parentId}-01,00-${traceId}-${parentId}-01`],
    ['a line end', `00-${traceId}-${parentId}-01\n`],
  ] as const) {
    it(`is not ${what}`, () => assert.equal(parseTraceParent(text), undefined));
  }

  it('is written with the one flag that we know', () => {
    assert.equal(traceParentText({ traceId, parentId, isSampled: true }), `00-${traceId}-${parentId}-01`);
    assert.equal(traceParentText({ traceId, parentId, isSampled: false }), `00-${traceId}-${parentId}-00`);
  });
});

describe('tracestate', () => {
  it('is one list over all lines, in its order', () => {
    assert.equal(
      joinTraceState(['rojo=00f067, congo=t61', ' tenant@vendor=x y']),
      'rojo=00f067,congo=t61,tenant@vendor=x y',
    );
    assert.equal(joinTraceState([]), '');
  });

  for (const [what, lines] of [
    ['a member without a value', ['rojo']],
    ['a member with an empty value', ['rojo=']],
    ['a key in upper case', ['Rojo=1']],
    ['a value with a control character', ['rojo=a\tb']],
    ['a value with another equals sign', ['rojo=a=b']],
    ['33 members', [Array.from({ length: 33 }, (_, at) => `k${at}=v`).join(',')]],
    ['more than 512 characters', [`a=${'v'.repeat(250)},b=${'v'.repeat(250)},c=${'v'.repeat(20)}`]],
  ] as const) {
    it(`is dropped with ${what}`, () => assert.equal(joinTraceState(lines), ''));
  }
});

it('ids are of the length that was asked for, and none comes twice', () => {
  const ids = new Set(Array.from({ length: 2_000 }, () => randomId(16)));
  assert.equal(ids.size, 2_000);
  for (const id of ids) assert.match(id, /^[0-9a-f]{32}$/);
  assert.match(randomId(8), /^[0-9a-f]{16}$/);
});
