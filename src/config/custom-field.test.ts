import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mistakeInCustomField } from './custom-field.ts';

for (const name of [
  'X-Client-Cert',
  'SSL_CLIENT_S_DN',
  'ssl-client-cert',
  'X-Amzn-Mtls-Clientcert-Leaf',
  'X-Forwarded-Tls-Client-Cert',
]) {
  test(`A custom field can be called ${name}, as with other proxies`, () => {
    assert.equal(mistakeInCustomField(name), undefined);
  });
}

for (const name of [
  'Client-Cert',
  'client_cert_chain',
  'X_Forwarded_Client_Cert',
  'X-Forwarded-For',
  'Host',
  'Te',
  'a b',
  '',
]) {
  test(`A custom field cannot be called ${JSON.stringify(name)}`, () => {
    assert.notEqual(mistakeInCustomField(name), undefined);
  });
}
