import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseHosts } from './hosts-file.ts';
import { parseResolvConf, searchNames } from './resolv-conf.ts';

test('a short name goes through the search list first, a long one is itself first (Kubernetes)', () => {
  const conf = parseResolvConf(
    '# made by kubelet\nsearch shop.svc.cluster.local svc.cluster.local. cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n',
  );
  assert.deepEqual(conf.servers, ['10.96.0.10']);
  assert.deepEqual(searchNames('api', conf), [
    'api.shop.svc.cluster.local',
    'api.svc.cluster.local',
    'api.cluster.local',
    'api',
  ]);
  assert.equal(searchNames('a.b.c.d.e', conf)[4], undefined);
  assert.equal(searchNames('api.example.com', conf)[0], 'api.example.com.shop.svc.cluster.local');
  assert.equal(searchNames('a.b.c.d.e.f', conf)[0], 'a.b.c.d.e.f');
  assert.deepEqual(searchNames('api.example.com.', conf), ['api.example.com']);
});

test('without options one dot is enough, and without servers this machine is asked', () => {
  const conf = parseResolvConf('domain lab.test\nnameserver not-an-address\n; nameserver 192.0.2.1\n');
  assert.deepEqual(conf, { servers: ['127.0.0.1'], search: ['lab.test'], ndots: 1 });
  assert.deepEqual(searchNames('api.other.test', conf), ['api.other.test', 'api.other.test.lab.test']);
  assert.deepEqual(searchNames('api', conf), ['api.lab.test', 'api']);
});

test('a server count, a search list and dots have limits', () => {
  const many = Array.from({ length: 100 }, (_, at) => `d${at}.test`).join(' ');
  const servers = Array.from({ length: 9 }, (_, at) => `nameserver 192.0.2.${at}`).join('\n');
  const conf = parseResolvConf(`search ${many}\n${servers}\noptions ndots:99`);
  assert.equal(conf.servers.length, 3);
  assert.equal(conf.search.length, 32);
  assert.equal(conf.ndots, 15);
});

test('the hosts file gives every address of a name, in any case, and no line of nonsense', () => {
  const hosts = parseHosts(
    '127.0.0.1 localhost\n::1 LocalHost # both\n192.0.2.7\tapi  api.lab\n999.1.1.1 bad\n#192.0.2.9 no\n',
  );
  assert.deepEqual(hosts.get('localhost'), ['127.0.0.1', '::1']);
  assert.deepEqual(hosts.get('api.lab'), ['192.0.2.7']);
  assert.equal(hosts.has('bad'), false);
  assert.equal(hosts.has('no'), false);
});
