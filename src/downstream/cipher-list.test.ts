import assert from 'node:assert/strict';
import { createSecureContext } from 'node:tls';
import { test } from 'node:test';
import { defaultCipherSuites, defaultCurves, resolveCipherSuites, resolveCurves } from './cipher-list.ts';

test('the defaults are suites and groups that this OpenSSL knows', () => {
  assert.deepEqual(resolveCipherSuites([]), defaultCipherSuites);
  assert.deepEqual(resolveCipherSuites(defaultCipherSuites), defaultCipherSuites);
  assert.equal(resolveCurves([])[0], 'X25519MLKEM768');
  createSecureContext({ ciphers: defaultCipherSuites.join(':'), ecdhCurve: defaultCurves.join(':') });
});

test('IANA names are as good as those of OpenSSL', () => {
  const names = [
    ['TLS_AES_256_GCM_SHA384', 'TLS_AES_256_GCM_SHA384'],
    ['TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256', 'ECDHE-RSA-AES128-GCM-SHA256'],
    ['TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384', 'ECDHE-ECDSA-AES256-GCM-SHA384'],
    ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256', 'ECDHE-RSA-CHACHA20-POLY1305'],
    ['TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA', 'ECDHE-ECDSA-AES128-SHA'],
    ['ECDHE-RSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384'],
  ];
  for (const [given, wanted] of names) assert.deepEqual(resolveCipherSuites([given as string]), [wanted]);
});

test('a suite or group that nobody knows is an error, never a smaller list', () => {
  for (const name of ['bogus', '', 'ALL', 'ECDHE-RSA-AES128-GCM-SHA256:NULL', '@SECLEVEL=0', 'TLS_AES_512_GCM_SHA1']) {
    assert.throws(() => resolveCipherSuites([name]), RangeError, name);
  }
  for (const name of ['', 'X25519:bogus', '?bogus', 'P-256/X25519']) {
    assert.throws(() => resolveCurves([name]), RangeError, name);
  }
});
