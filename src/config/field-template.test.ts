import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseTemplate, tellsOfClient } from './field-template.ts';

describe('a value of a field', () => {
  it('is text with variables between, without the white space around it', () => {
    assert.deepEqual(parseTemplate(' a {request.path}{request.query} \n'), [
      'a ',
      { variable: 'request.path' },
      { variable: 'request.query' },
    ]);
  });

  for (const text of ["default-src 'self'", '{"group":"a.b"}', '{a}', '{}', '{{', '${x}', ''])
    it(`is the text itself: ${JSON.stringify(text)}`, () => assert.deepEqual(parseTemplate(text), [text]));

  for (const text of [
    'a\r\nX-Evil: 1',
    'a\u0000',
    'd\u00e9j\u00e0',
    '{identity.spifee}',
    '{request.header.x}',
    'x'.repeat(5_000),
  ])
    it(`is a mistake: ${JSON.stringify(text.slice(0, 30))}`, () => assert.ok('problem' in parseTemplate(text)));

  it('tells of the client where it names its certificate or its address', () => {
    for (const [text, tells] of [
      ['{identity.subject}', true],
      ['x {client.address}', true],
      ['{request.path}', false],
      ['identity.subject', false],
    ] as const) {
      const template = parseTemplate(text);
      assert.equal('problem' in template || tellsOfClient(template), tells, text);
    }
  });
});
