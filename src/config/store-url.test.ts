// gateway.store: which stores there are, and what has to hold around them.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseConfig } from './parse-config.ts';

function read(store: string, admin = '') {
  const text = `version: 2\ngateway:\n  store: ${store}\n${admin}  routes:\n    - {name: a, path: /, target: "http://b.test:1"}\n`;
  const { config, problems } = parseConfig({ file: '/etc/gw/gateway.yml', text, extra: [], env: {}, strict: true });
  return { config, errors: problems.filter(({ severity }) => severity === 'error') };
}

describe('gateway.store', () => {
  it('is a file of SQLite beside the configuration, or wherever the path says', () => {
    assert.equal(read('{url: "sqlite:control.db"}').config?.store?.path, '/etc/gw/control.db');
    assert.equal(read('{url: "sqlite:/var/lib/gw/c.db"}').config?.store?.path, '/var/lib/gw/c.db');
  });

  it('is not there where nothing is said', () => {
    const text = 'version: 2\ngateway:\n  routes:\n    - {name: a, path: /, target: "http://b.test:1"}\n';
    const { config } = parseConfig({ file: '/gw.yml', text, extra: [], env: {}, strict: true });
    assert.ok(config !== undefined);
    assert.equal(config.store, undefined);
  });

  it('is no other store, and the password that may be in its URL is not shown', () => {
    for (const url of ['postgres://gw:geheim@db/gw', 'mysql://gw:geheim@db/gw', 'sqlite:', 'control.db']) {
      const { errors } = read(`{url: "${url}"}`);
      assert.deepEqual(
        errors.map(({ code }) => code),
        ['bad_url'],
        url,
      );
      assert.doesNotMatch(JSON.stringify(errors), /geheim/);
    }
  });

  it('is a database, whose files here stand beside the configuration or in a folder of their own', () => {
    const url = 'postgres://gw:geheim@db/gw?sslrootcert=ca.crt';
    const { config, errors } = read(`{url: "${url}"}`);
    assert.deepEqual(errors, []);
    assert.equal(config?.store?.path, '/etc/gw/countersign-store');
    assert.equal(config.store.server, 'gw@db:5432/gw');
    assert.equal(read(`{url: "${url}", folder: /var/lib/gw}`).config?.store?.path, '/var/lib/gw/countersign-store');
    // Workers get the configuration.
    assert.doesNotMatch(JSON.stringify(config), /geheim/);
  });

  it('needs an admin entry point, on an address that only this machine reaches', () => {
    const off = read('{url: "sqlite:c.db"}', '  entryPoints: {admin: {enabled: false}}\n');
    assert.deepEqual(
      off.errors.map(({ code, place }) => [code, place.line]),
      [['contradiction', 3]],
    );
    const open = read('{url: "sqlite:c.db"}', '  entryPoints: {admin: {address: ":9901"}}\n');
    assert.deepEqual(
      open.errors.map(({ code, place }) => [code, place.line]),
      [['admin_exposed', 4]],
    );
  });

  it('is served beyond loopback over TLS, with a certificate that there is', () => {
    const certificates = '  certificates: [{id: admin, cert: a.crt, key: a.key}]\n';
    const withId = (id: string): string =>
      `${certificates}  entryPoints: {admin: {address: ":9901", certificateId: ${id}}}\n`;
    const good = read('{url: "sqlite:c.db"}', withId('admin'));
    assert.deepEqual(good.errors, []);
    assert.ok(good.config?.entryPoints.admin.certificate !== undefined);
    const unknown = read('{url: "sqlite:c.db"}', withId('admni'));
    assert.ok(unknown.errors.some(({ code, hint }) => code === 'unknown_reference' && hint === 'Did you mean admin?'));
    assert.ok(read('{url: "sqlite:c.db"}', withId('')).errors.some(({ code }) => code === 'empty_value'));
  });
});
