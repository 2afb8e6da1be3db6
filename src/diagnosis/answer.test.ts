import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { findAnswerEnd, parseAnswer } from './answer.ts';

const answer = (head: string, body = ''): Buffer => Buffer.from(`${head}\r\n\r\n${body}`, 'latin1');

test('a status line is enough, but where a page may tell more it is waited for', () => {
  assert.equal(findAnswerEnd(Buffer.from('HTTP/1.1 200 OK\r\nX: y\r\n')), false);
  assert.equal(findAnswerEnd(answer('HTTP/1.1 200 OK\r\nContent-Length: 9')), true);
  assert.equal(findAnswerEnd(answer('HTTP/1.1 400 Bad Request\r\nContent-Length: 9')), false);
  assert.equal(findAnswerEnd(answer('HTTP/1.1 400 Bad Request\r\nContent-Length: 9', '123456789')), true);
  assert.equal(findAnswerEnd(answer('HTTP/1.1 400 Bad Request', 'x'.repeat(5000))), true);
  assert.equal(findAnswerEnd(Buffer.from('HT')), false);
  assert.equal(findAnswerEnd(Buffer.from('220 ready\r\n')), true);
});

test('problem documents of ours, and of others, are told apart', () => {
  const type = 'HTTP/1.1 403 Forbidden\r\nContent-Type: application/problem+json';
  const ours = parseAnswer(answer(type, '{"type":"urn:countersign:fault:expired","status":403}')).refusal;
  assert.deepEqual([ours?.code, ours?.aboutCertificate], ['expired', true]);
  for (const name of ['constructor', 'no_route', 'EXPIRED']) {
    assert.equal(parseAnswer(answer(type, `{"type":"urn:countersign:fault:${name}"}`)).refusal, undefined);
  }
  assert.equal(parseAnswer(answer(type, '{"type":"about:blank"}')).refusal, undefined);
});

test('a server that asks after the request is understood', () => {
  const page = '<p>Reason: Cannot perform Post-Handshake Authentication.<br /></p>';
  assert.equal(parseAnswer(answer('HTTP/1.1 403 Forbidden', page)).refusal?.code, 'no_client_cert');
});

test('frames of HTTP/2 are named, other bytes shown escaped and cut', () => {
  assert.equal(parseAnswer(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])).shown, 'HTTP/2 (SETTINGS)');
  assert.equal(parseAnswer(Buffer.from([0, 0, 8, 7, 0, 0, 0, 0, 0])).shown, 'HTTP/2 (GOAWAY)');
  assert.equal(parseAnswer(Buffer.from('\u001b[2J')).shown, 'no HTTP: "\\x1b[2J"');
});

test('whatever comes is read without an error, and nothing of it is printed raw', () => {
  const pieces = fc.constantFrom(
    'HTTP/1.1 ',
    '400 ',
    '\r\n',
    '\r\n\r\n',
    'Content-Length: ',
    '\u001b',
    ':',
    'x',
    '\u0000',
    '9',
  );
  const texts = fc.array(pieces, { maxLength: 20 }).map((list) => Buffer.from(list.join(''), 'latin1'));
  fc.assert(
    fc.property(
      fc.oneof(
        texts,
        fc.uint8Array({ minLength: 1 }).map((array) => Buffer.from(array)),
      ),
      (bytes) => {
        findAnswerEnd(bytes);
        assert.doesNotMatch(parseAnswer(bytes).shown, /[\x00-\x1f\x7f-\x9f]/);
      },
    ),
  );
});
