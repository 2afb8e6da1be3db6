import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { Fields } from '../http/field.ts';
import type { Identity } from '../trust/verdict.ts';
import { filterRequest } from '../../test/support/filter-request.ts';
import { CompressFilter } from './compress.ts';
import { EncoderBudget } from './encoder-budget.ts';
import { FieldEdits } from './field-edits.ts';
import type { BodyEncoder, FilterRequest } from './filter.ts';
import { fieldName } from './header-edits.ts';

const known = {} as Identity;

function filterWith(budget: EncoderBudget, withCredentials = false): CompressFilter {
  return new CompressFilter(
    {
      kind: 'compress',
      name: 'z',
      type: 'compress',
      paths: undefined,
      guards: false,
      place: { file: 'a', line: 1, col: 1 },
      encodings: ['gzip'],
      contentTypes: ['text/html'],
      minLength: 0,
      withCredentials,
    },
    budget,
    'backend',
  );
}

/** What the body of an HTML page would pass through; undefined: nothing. */
function encoderFor(filter: CompressFilter, request: FilterRequest): BodyEncoder | undefined {
  const fields = new Fields();
  fields.push(fieldName('Content-Type'), 'text/html');
  let made: BodyEncoder | undefined;
  filter.onResponse(
    { isOwn: false, status: 200, bodyLength: -1, fields: new FieldEdits(fields), encode: (make) => (made = make()) },
    request,
  );
  return made;
}

describe('compress', () => {
  it('leaves answers as they are while a worker encodes as many as it may', async () => {
    const filter = filterWith(new EncoderBudget(2));
    const request = filterRequest([['Accept-Encoding', 'gzip']]);
    const first = encoderFor(filter, request);
    assert.ok(first && encoderFor(filter, request));
    assert.equal(encoderFor(filter, request), undefined);
    first.destroy();
    await once(first, 'close');
    assert.ok(encoderFor(filter, request));
  });

  for (const [cookies, compresses] of [
    ['backend=abc', true],
    ['a=b', false],
    ['backend=abc; a=b', false],
    ['backend=abc; backend', true],
    ['Backend=abc', false],
  ] as const)
    it(`${compresses ? 'does' : 'does not'} what a client with the cookies ${cookies} asks for`, () => {
      // HTTP/2 may send each in a field of its own.
      const apart = cookies.split('; ').map((cookie): [string, string] => ['Cookie', cookie]);
      for (const fields of [apart, [['Cookie', cookies] satisfies [string, string]]]) {
        const request = filterRequest([['Accept-Encoding', 'gzip'], ...fields]);
        assert.equal(encoderFor(filterWith(new EncoderBudget()), request) !== undefined, compresses);
      }
    });

  for (const [site, identity, compresses] of [
    ['cross-site', known, false],
    ['same-site', known, false],
    ['same-origin', known, true],
    ['none', known, true],
    [undefined, known, true],
    ['cross-site', undefined, true],
  ] as const)
    it(`${compresses ? 'does' : 'does not'} what a ${identity ? 'known' : 'strange'} client asks for on behalf of ${site ?? 'nobody'}`, () => {
      const fields: [string, string][] = [['Accept-Encoding', 'gzip']];
      if (site !== undefined) fields.push(['Sec-Fetch-Site', site]);
      const request = filterRequest(fields, identity === undefined ? {} : { identity });
      assert.equal(encoderFor(filterWith(new EncoderBudget()), request) !== undefined, compresses);
      assert.ok(encoderFor(filterWith(new EncoderBudget(), true), request));
    });
});
