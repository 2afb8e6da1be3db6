import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { chooseEncoding } from './accept-encoding.ts';

const all = ['zstd', 'br', 'gzip'] as const;

describe('Accept-Encoding', () => {
  for (const [field, encoding] of [
    ['gzip, deflate, br, zstd', 'zstd'],
    ['gzip, br', 'br'],
    ['GZIP', 'gzip'],
    ['x-gzip', 'gzip'],
    ['br;q=0.5, gzip;q=0.8', 'gzip'],
    ['zstd;q=0, *', 'br'],
    ['*;q=0.1', 'zstd'],
    ['gzip; q=1.000 ,identity;q=0', 'gzip'],
    ['identity;q=0.5, gzip;q=0.4', undefined],
    ['gzip;q=0', undefined],
    ['*;q=0', undefined],
    ['identity', undefined],
    ['', undefined],
    ['deflate', undefined],
    ['gzip;q=2', undefined],
    ['gzip;q=x', undefined],
    ['g zip', undefined],
    [`${'a,'.repeat(600)}gzip`, undefined],
    [undefined, undefined],
  ] as const)
    it(`${field?.slice(0, 40) ?? '(absent)'} asks for ${encoding ?? 'nothing'}`, () =>
      assert.equal(chooseEncoding(field, all), encoding));

  it('chooses among those that are offered', () => assert.equal(chooseEncoding('zstd, gzip;q=0.1', ['gzip']), 'gzip'));
});
