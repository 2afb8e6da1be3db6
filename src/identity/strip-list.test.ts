import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FieldNames, Fields } from '../http/field.ts';
import { StripList } from './strip-list.ts';

const names = new FieldNames();

function fields(...pairs: [string, string][]): Fields {
  const out = new Fields();
  for (const [name, value] of pairs) {
    const interned = names.find(name);
    assert.ok(interned);
    out.push(interned, value);
  }
  return out;
}

const forgeries = [
  'X-Forwarded-Client-Cert',
  'x_forwarded_client_cert',
  'X-Forwarded_Client-CERT',
  'Client-Cert',
  'Client_Cert_Chain',
  'X-Client-Cert',
  'X-Client-Cert-Subject',
  'X-Client-Certificate',
  'X-SSL-Client-Verify',
  'X_SSL_CLIENT_S_DN',
  'X-SSL-Cert',
  'X-SSL',
  'X-SSL-Client',
  'X-SSL-Subject',
  'X_SSL_ISSUER',
  'WL-Proxy-Client-Cert',
  'wl_proxy_ssl',
  '$WSCC',
  'Cf-Client-Cert-Sha256',
  'X-TLS-Client-Subject',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'SSL-Client-Cert',
  'ssl_client_s_dn',
  'X-Real-IP',
  'X-Forwarded-For',
  'x_forwarded_proto',
  'X-Forwarded-Host',
  'Forwarded',
  'X-Request-ID',
  'Proxy',
];

for (const name of forgeries) {
  test(`A client's ${name} does not pass`, () => {
    const stripped = new StripList().strip(fields(['Accept', '*/*'], [name, 'forged'], [name, 'again'], ['Via', 'x']));
    assert.deepEqual(
      stripped.names.map((one) => one.raw),
      ['Accept', 'Via'],
    );
    assert.deepEqual(stripped.values, ['*/*', 'x']);
  });
}

test('Fields that only look alike pass, and the same object comes back', () => {
  const given = fields(
    ['Client', 'a'],
    ['X-Client', 'b'],
    ['SSL', 'c'],
    ['Traceparent', 'd'],
    ['Authorization', 'e'],
    ['__proto__', 'f'],
  );
  assert.equal(new StripList().strip(given), given);
});

test('Names that the configuration sets are stripped in every spelling', () => {
  const list = new StripList(['X-Caller_Subject']);
  assert.equal(list.strip(fields(['x_caller-SUBJECT', 'root'])).length, 0);
  assert.equal(new StripList().strip(fields(['x_caller-SUBJECT', 'root'])).length, 1);
});

test('However many names a client invents, the answer stays right', () => {
  const list = new StripList();
  for (let i = 0; i < 6000; i++) assert.equal(list.strip(fields([`X-N${i}`, ''])).length, 1);
  for (let i = 0; i < 20; i++) assert.equal(list.strip(fields([`X-Client-Cert-${i}`, ''])).length, 0);
});
