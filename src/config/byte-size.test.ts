import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseByteSize } from './byte-size.ts';

describe('a size', () => {
  for (const [text, bytes] of [
    ['10MB', 10_000_000],
    ['10M', 10_000_000],
    ['512Ki', 524_288],
    ['1GiB', 1_073_741_824],
    ['2 KB', 2_000],
    ['7', 7],
    ['0', 0],
  ] as const)
    it(`is bytes: ${text}`, () => assert.equal(parseByteSize(text), bytes));

  for (const text of ['', '10mb', '-1K', '1.5M', '10X', '1 000', '999999999999999G', 'MB'])
    it(`is none: ${JSON.stringify(text)}`, () => assert.equal(parseByteSize(text), undefined));
});
