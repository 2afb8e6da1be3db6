import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOfAuthority } from './host-of-authority.ts';

const hosts: readonly [authority: string, host: string | undefined][] = [
  ['example.com', 'example.com'],
  ['EXAMPLE.com:8443', 'example.com'],
  ['example.com.', 'example.com'],
  ['example.com.:443', 'example.com'],
  ['example.com:', 'example.com'],
  ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
  ['127.0.0.1:8443', '127.0.0.1'],
  ['[::1]:443', '::1'],
  ['[2001:DB8:0::1]', '2001:db8::1'],
  ['', undefined],
  ['example.com..', undefined],
  ['user@example.com', undefined],
  ['example.com:99999', undefined],
  ['example.com:8a', undefined],
  ['example.com:1:2', undefined],
  ['::1', undefined],
  ['[::1', undefined],
  ['[::1]x', undefined],
  ['[fe80::1%25eth0]', undefined],
  ['[127.0.0.1]', undefined],
  ['127.1', undefined],
  ['0x7f.0.0.1', undefined],
  ['*.example.com', undefined],
  ['a b', undefined],
  ['b\u00fccher.example', undefined],
];

for (const [authority, host] of hosts) {
  test(`The host of ${JSON.stringify(authority)} is ${host ?? 'none'}`, () =>
    assert.equal(hostOfAuthority(authority), host));
}
