import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StickyConfig } from '../config/gateway-config.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { Sticky } from './sticky.ts';

const config: StickyConfig = {
  cookie: 'backend',
  path: '/',
  maxAgeMs: 0,
  secure: true,
  httpOnly: true,
  sameSite: 'Lax',
};
const a = { name: 'http://10.0.0.1:8080' };
const b = { name: 'http://10.0.0.2:8080' };
const secret = Buffer.alloc(32, 1);
const names = new FieldNames();

function cookies(...values: readonly string[]): Fields {
  const fields = new Fields();
  const name = names.find('Cookie');
  assert.ok(name !== undefined);
  for (const value of values) fields.push(name, value);
  return fields;
}

/** `name=value` of what a backend's answer sets. */
function pairOf(sticky: Sticky<typeof a>, backend: typeof a): string {
  return sticky.answer(backend, new Fields()).pairs[0]?.[1].split(';')[0] ?? '';
}

test('the cookie that an answer sets leads back to its backend, among others and in quotes', () => {
  const sticky = new Sticky(config, secret, 'shop', [a, b]);
  for (const backend of [a, b]) {
    const pair = pairOf(sticky, backend);
    assert.equal(sticky.find(cookies('x=1', `y=2; ${pair}; z=3`)), backend);
    assert.equal(sticky.find(cookies(pair.replace('=', '="').concat('"'))), backend);
  }
});

test('it is set once: who has the right one is told nothing, who has another or none gets it', () => {
  const sticky = new Sticky(config, secret, 'shop', [a, b]);
  assert.equal(sticky.answer(a, cookies(pairOf(sticky, a))).pairs.length, 0);
  assert.equal(sticky.answer(a, cookies(pairOf(sticky, b))).pairs.length, 1);
  assert.equal(sticky.answer(a, cookies('backend=forged')).pairs.length, 1);
});

test('the value tells nothing of the backend, and cannot be made up without the secret', () => {
  const sticky = new Sticky(config, secret, 'shop', [a, b]);
  const value = pairOf(sticky, a).split('=')[1] ?? '';
  assert.match(value, /^[A-Za-z0-9_-]{22}$/);
  const other = new Sticky(config, Buffer.alloc(32, 2), 'shop', [a, b]);
  assert.equal(sticky.find(cookies(pairOf(other, a))), undefined);
  for (const guess of [a.name, Buffer.from(a.name).toString('base64url'), '0', '1', '', '__proto__'])
    assert.equal(sticky.find(cookies(`backend=${guess}`)), undefined);
});

test('the cookie of one route says nothing on another', () => {
  const [shop, desk] = ['shop', 'desk'].map((route) => new Sticky(config, secret, route, [a, b]));
  assert.ok(shop !== undefined && desk !== undefined);
  assert.equal(desk.find(cookies(pairOf(shop, a))), undefined);
});

test('workers with one secret agree, whatever the order of their backends', () => {
  const [one, two] = [new Sticky(config, secret, 'shop', [a, b]), new Sticky(config, secret, 'shop', [b, a])];
  assert.equal(two.find(cookies(pairOf(one, a))), a);
});

test('attributes are as configured', () => {
  const set = (more: Partial<StickyConfig>): string =>
    (new Sticky({ ...config, ...more }, secret, 'r', [a]).answer(a, new Fields()).pairs[0]?.[1] ?? '').replace(
      /=[^;]*/,
      '',
    );
  assert.equal(set({}), 'backend; Path=/; Secure; HttpOnly; SameSite=Lax');
  assert.equal(
    set({ path: '/shop', maxAgeMs: 3_600_500, secure: false, httpOnly: false, sameSite: 'Strict' }),
    'backend; Path=/shop; Max-Age=3601; SameSite=Strict',
  );
});
