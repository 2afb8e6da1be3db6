import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matchesAll } from '../config/match-conditions.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { Conditions, Doubt, findHeader, type RequestFacts } from './conditions.ts';
import { findParameter } from './query-parameters.ts';

function fields(...pairs: [string, string][]): Fields {
  const names = new FieldNames();
  const all = new Fields();
  for (const [name, value] of pairs) all.push(names.find(name) ?? assert.fail(name), value);
  return all;
}

test('A header is found in any case, once', () => {
  const all = fields(['X-Role', 'admin'], ['Accept', '*/*']);
  assert.equal(findHeader(all, 'x-role'), 'admin');
  assert.equal(findHeader(all, 'X-ROLE'), 'admin');
  assert.equal(findHeader(all, 'x-rol'), undefined);
});

test('A header that came twice, or in a spelling that CGI takes for it, is neither there nor absent', () => {
  assert.ok(findHeader(fields(['X-Role', 'user'], ['x-role', 'admin']), 'X-Role') instanceof Doubt);
  for (const name of ['X_Role', 'X.Role', 'x-Role'.replace('-', '!')])
    assert.ok(findHeader(fields([name, 'admin']), 'X-Role') instanceof Doubt, name);
});

test('A query parameter is found decoded, once', () => {
  assert.equal(findParameter('?a=1&action=delete+all%21&b', 'action'), 'delete all!');
  assert.equal(findParameter('?action', 'action'), '');
  assert.equal(findParameter('?a%20b=1', 'a b'), '1');
  for (const query of ['', '?', '?x=action', '?actions=1', '?xaction=1', '?a=b;c', '?x=%zz'])
    assert.equal(findParameter(query, 'action'), undefined, query);
});

test('A query parameter that backends could read in several ways is neither there nor absent', () => {
  for (const query of [
    '?action=view&action=delete',
    '?Action=delete',
    '?%2561ction=delete',
    '?action[]=delete',
    '?action%5B0%5D=x',
    '?action%00=delete',
    '?+action=delete',
    '?%20action=delete',
    '?x=1;action=delete',
    '?action=view;action=delete',
    '?action=%2564elete',
    '?action=%zz',
    '?%EF%BD%81ction=delete',
    '?ac%C0%AFtion=delete',
    '?acti%BAn=delete',
    '?ac%C1%B4ion=delete',
    '?ac%C1%B4tion=delete',
    '?a\u0000'.replace('\u0000', '%E2%80%8B') + 'ction=delete',
  ])
    assert.ok(findParameter(query, 'action') instanceof Doubt, query);
  assert.ok(findParameter('?user.role=1', 'user_role') instanceof Doubt, 'as PHP reads it');
});

const nothing: RequestFacts = { policy: '', entryPoint: 'web', header: () => undefined, parameter: () => undefined };
const one = { name: 'x', value: undefined, regex: undefined, invert: false };

function unmet(condition: object, value: string | undefined): string | undefined | Doubt {
  const conditions = Conditions.of({ ...matchesAll, headers: [{ ...one, ...condition }] });
  return conditions?.findUnmet('GET', { ...nothing, header: () => value });
}

test('A condition holds for the value, the whole of what its expression matches, or any; inverted for all else', () => {
  const all: [object, string | undefined, boolean][] = [
    [{}, '', true],
    [{}, undefined, false],
    [{ value: 'a' }, 'a', true],
    [{ value: 'a' }, 'A', false],
    [{ value: 'a' }, undefined, false],
    [{ regex: 'a|b' }, 'b', true],
    [{ regex: 'a|b' }, 'ab', false],
    [{ invert: true }, undefined, true],
    [{ invert: true }, 'x', false],
    [{ value: 'a', invert: true }, undefined, true],
    [{ value: 'a', invert: true }, 'a', false],
  ];
  for (const [condition, value, holds] of all)
    assert.equal(unmet(condition, value), holds ? undefined : 'header x', JSON.stringify([condition, value]));
  assert.ok(
    unmet({ regex: 'a*', invert: true }, 'a'.repeat(513)) instanceof Doubt,
    'what is too long is no match and no miss',
  );
});

test('Method, policy and entry point are asked for by name', () => {
  const all = Conditions.of({ ...matchesAll, methods: ['GET'], policies: ['p'], entryPoints: ['web', 'inner'] });
  const facts = { ...nothing, policy: 'p' };
  assert.equal(all?.findUnmet('HEAD', facts), undefined);
  assert.equal(all?.findUnmet('PUT', facts), 'match.methods');
  assert.equal(all?.findUnmet('GET', nothing), 'policies');
  assert.equal(all?.findUnmet('GET', { ...facts, entryPoint: 'webSecure' }), 'entryPoints');
  assert.equal(Conditions.of(matchesAll), undefined);
});
