// URLs of databases: what they mean, what is refused, and that nothing of them is shown.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePostgresUrl, type PostgresAddress } from './postgres-address.ts';

function read(url: string): PostgresAddress {
  const read = parsePostgresUrl(url, '/etc/gw');
  assert.ok(!('problem' in read), JSON.stringify(read));
  return read;
}

describe('the URL of a database', () => {
  it('names hosts, database and who we are', () => {
    assert.deepEqual(
      read('postgres://gw:s%40cret%2F@db1.test,[2001:db8::1]:5433,10.0.0.1/my%20db?sslrootcert=ca.crt'),
      {
        hosts: [
          { host: 'db1.test', port: 5432 },
          { host: '2001:db8::1', port: 5433 },
          { host: '10.0.0.1', port: 5432 },
        ],
        user: 'gw',
        password: 's@cret/',
        database: 'my db',
        tls: { mode: 'verify-full', ca: { path: '/etc/gw/ca.crt' }, pair: undefined },
      },
    );
    assert.equal(read('postgresql://gw@localhost/db').password, undefined);
    assert.deepEqual(read('postgres://gw@/db?host=/run/postgresql').hosts, [{ host: '/run/postgresql', port: 5432 }]);
    assert.deepEqual(read('postgres://gw@%2Frun%2Fpg:5433/db').hosts, [{ host: '/run/pg', port: 5433 }]);
  });

  it('is TLS that verifies beyond this machine, and plaintext only where it is written', () => {
    assert.deepEqual(read('postgres://gw@127.0.0.1/db').tls, { mode: 'disable' });
    assert.deepEqual(read('postgres://gw@db.test/db?sslmode=disable').tls, { mode: 'disable' });
    assert.deepEqual(read('postgres://gw@localhost/db?sslrootcert=system&sslcert=c.crt&sslkey=/k').tls, {
      mode: 'verify-full',
      ca: 'system',
      pair: { cert: '/etc/gw/c.crt', key: '/k' },
    });
  });

  it('is refused with a reason where it could mean something else, and nothing of it is shown', () => {
    for (const [url, problem] of [
      ['postgres://gw:geheim@db.test/db', /which CA/],
      ['postgres://gw:geheim@localhost,db.test/db', /which CA/],
      ['postgres://gw:geheim@db.test/db?sslmode=require', /verify-full or disable/],
      ['postgres://gw:geheim@db.test/db?sslmode=verify-ca&sslrootcert=x', /verify-full or disable/],
      ['postgres://gw:geheim@db.test/db?sslmode=disable&sslrootcert=x', /mean nothing/],
      ['postgres://gw:geheim@db.test/db?sslrootcert=x&sslcert=y', /belong together/],
      ['postgres://gw:geheim@db.test/db?sslrootcert=', /empty/],
      ['postgres://gw:geheim@db.test/db?geheim=1', /not known/],
      ['postgres://gw:geheim@db.test/db?sslmode=disable&sslmode=disable', /twice/],
      ['postgres://gw:geheim@db.test/db?target_session_attrs=any&sslrootcert=x', /read-write/],
      ['postgres://gw:geheim@/db', /no host/],
      ['postgres://:geheim@localhost/db', /no user/],
      ['postgres://gw:geheim@localhost/', /no database/],
      ['postgres://gw:geheim@localhost:0/db', /host 1/],
      ['postgres://gw:geheim@localhost:99999/db', /host 1/],
      ['postgres://gw:geh@eim@localhost/db', /cannot be read/],
      ['postgres://gw:gehe/im@localhost/db', /host 1/],
      ['postgres://gw:geheim%zz@localhost/db', /hexadecimal/],
      ['postgres://gw:geheim@/db?host=/run/pg&sslmode=verify-full', /Unix socket/],
      ['postgres://gw:geheim@db.test/db?host=/run/pg', /only host/],
      ['postgres:gw:geheim', /cannot be read/],
    ] as const) {
      const read = parsePostgresUrl(url, '/etc/gw');
      assert.ok('problem' in read, url);
      assert.match(read.problem, problem, url);
      assert.doesNotMatch(JSON.stringify(read), /geh|eim/, url);
    }
  });
});
