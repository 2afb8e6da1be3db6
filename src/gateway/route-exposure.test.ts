import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from '../config/parse-config.ts';
import { findExposedRoutes } from './route-exposure.ts';

function exposed(open: string, hosts: string): string[] {
  const text = `version: 2
gateway:
  tls:
    clientAuth: {clientCA: ca.crt, required: true}
    policies:
      - {name: other, hosts: [open.test]${open}}
  routes:
    - {name: all, path: /, target: "http://b.test"${hosts}}
`;
  const { config } = parseConfig({ file: '/etc/gateway.yml', text, extra: [], env: {}, strict: false });
  assert.ok(config !== undefined);
  return findExposedRoutes(config).map(({ message }) => message);
}

describe('a route without hosts', () => {
  it('is named where one policy requires certificates and another does not', () => {
    const [message = ''] = exposed('', '');
    assert.match(message, /^the route all has no hosts: .* without a client certificate under other$/);
  });

  it('is left in peace where all policies agree, and so is a route with hosts', () => {
    assert.deepEqual(exposed(', clientAuth: {clientCA: ca.crt}', ''), []);
    assert.deepEqual(exposed('', ', hosts: [open.test]'), []);
  });

  it('is left in peace where it requires a certificate itself, not where it only narrows down who has one', () => {
    assert.deepEqual(exposed('', ', security: {clientCert: {}}'), []);
    const rule = '{required: false, allow: [{trustDomain: example.org}]}';
    assert.equal(exposed('', `, security: {clientCert: ${rule}}`).length, 1);
  });
});
