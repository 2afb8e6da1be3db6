import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BackendMatch } from '../config/gateway-config.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { compileMatch } from './match.ts';

const names = new FieldNames();

function request(headers: Record<string, string>, target = '/', remoteAddress = '10.0.0.7') {
  const fields = new Fields();
  for (const [raw, value] of Object.entries(headers)) {
    const name = names.find(raw);
    assert.ok(name !== undefined);
    fields.push(name, value);
  }
  return { fields, target, remoteAddress };
}

function rule(
  source: BackendMatch['source'],
  operator: BackendMatch['operator'],
  value: string,
  name = 'X-Group',
): BackendMatch {
  return { source, name, operator, value };
}

test('each operator on a header', () => {
  const beta = request({ 'x-group': 'beta-2' });
  const table: [BackendMatch['operator'], string, boolean][] = [
    ['equals', 'beta-2', true],
    ['equals', 'Beta-2', false],
    ['not_equals', 'x', true],
    ['not_equals', 'beta-2', false],
    ['contains', 'ta-', true],
    ['contains', 'x', false],
    ['not_contains', 'x', true],
    ['not_contains', 'eta', false],
    ['starts_with', 'beta', true],
    ['starts_with', 'eta', false],
    ['ends_with', '-2', true],
    ['ends_with', 'beta', false],
    ['regex', 'ta-[0-9]$', true],
    ['regex', '^ta', false],
    ['in', 'alpha, beta-2', true],
    ['in', 'alpha,beta', false],
  ];
  for (const [operator, value, expected] of table) {
    assert.equal(compileMatch([rule('header', operator, value)])(beta), expected, `${operator} ${value}`);
  }
});

test('what is absent counts as empty', () => {
  for (const source of ['header', 'cookie', 'query'] as const) {
    assert.equal(compileMatch([rule(source, 'equals', 'x')])(request({})), false, source);
    assert.equal(compileMatch([rule(source, 'equals', '')])(request({})), true, source);
    assert.equal(compileMatch([rule(source, 'not_equals', 'x')])(request({})), true, source);
    assert.equal(compileMatch([rule(source, 'not_contains', 'x')])(request({})), true, source);
  }
});

test('cookies by name, over several pairs, quoted or not', () => {
  const matches = compileMatch([rule('cookie', 'equals', 'b', 'group')]);
  assert.equal(matches(request({ Cookie: 'a=1; group=b; c=2' })), true);
  assert.equal(matches(request({ Cookie: 'group="b"' })), true);
  assert.equal(matches(request({ Cookie: 'xgroup=b' })), false);
  assert.equal(matches(request({ Cookie: 'Group=b' })), false);
});

test('query parameters are decoded; the path does not count', () => {
  const matches = compileMatch([rule('query', 'equals', 'a b', 'v')]);
  assert.equal(matches(request({}, '/x?u=1&v=a%20b')), true);
  assert.equal(matches(request({}, '/x?v=a+b')), true);
  assert.equal(matches(request({}, '/v=a b')), false);
});

test('addresses compare as addresses, and in a list as blocks too', () => {
  const inList = compileMatch([rule('ip', 'in', '192.168.0.0/16, 10.0.0.7, 2001:db8::/32, nonsense')]);
  assert.equal(inList(request({})), true);
  assert.equal(inList(request({}, '/', '192.168.3.4')), true);
  assert.equal(inList(request({}, '/', '::ffff:192.168.3.4')), true);
  assert.equal(inList(request({}, '/', '2001:0db8::1')), true);
  assert.equal(inList(request({}, '/', '10.0.0.8')), false);
  assert.equal(inList(request({}, '/', '')), false);
  const equals = compileMatch([rule('ip', 'equals', '2001:db8:0:0::1')]);
  assert.equal(equals(request({}, '/', '2001:db8::1')), true);
  assert.equal(compileMatch([rule('ip', 'not_equals', '10.0.0.7')])(request({})), false);
  assert.equal(compileMatch([rule('ip', 'starts_with', '10.')])(request({})), true);
});

test('all rules must hold', () => {
  const both = compileMatch([rule('header', 'equals', 'b'), rule('query', 'equals', '1', 'q')]);
  assert.equal(both(request({ 'X-Group': 'b' }, '/?q=1')), true);
  assert.equal(both(request({ 'X-Group': 'b' }, '/?q=2')), false);
  assert.equal(both(request({}, '/?q=1')), false);
});

test('a value longer than a regular expression may see does not match', () => {
  assert.equal(compileMatch([rule('header', 'regex', 'a')])(request({ 'x-group': 'a'.repeat(5000) })), false);
});
