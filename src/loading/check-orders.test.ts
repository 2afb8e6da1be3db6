import assert from 'node:assert/strict';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import { loadConfig } from '../config/load-config.ts';
import { checkServerPair } from '../trust/certificate-pair.ts';
import { Coverage } from './check-coverage.ts';
import { checkOrders } from './check-orders.ts';
import { FileSource } from './file-source.ts';
import { loadGateway } from './load.ts';
import { type LoadedPair, MaterialLoader } from './material-loader.ts';
import { openTempDir } from '../../test/support/temp.ts';

const place = { file: 'gateway.yaml', line: 1, col: 1 };
const none = new Coverage([]);
const ca = await mintCa();

async function covering(...sans: readonly string[]): Promise<Coverage> {
  const { certPem, keyPem } = await ca.issue({ kind: 'server', sans });
  return new Coverage([{ checked: checkServerPair(certPem, keyPem, { now: Date.now() }), loaded: {} as LoadedPair }]);
}

type Policies = Parameters<typeof checkOrders>[1];

function refused(hosts: readonly string[], policies: Policies, shared: Coverage): readonly string[] {
  const loader = new MaterialLoader(new FileSource('g.yml'), Date.now());
  const orders = hosts.map((host) => ({ route: 'a', host, provider: 'acme', why: 'no reason', place }));
  checkOrders(orders, policies, shared, loader);
  assert.ok(loader.problems.every(({ code, severity }) => code === 'certificate_not_fetched' && severity === 'error'));
  return loader.problems.map(({ message }) => /the host ([^ ,]+),/.exec(message)?.[1] ?? message);
}

it('a host that would get a certificate from ACME is refused where none is given, once, and not where one covers it', async () => {
  const shared = await covering('a.test', '*.b.test');
  assert.deepEqual(refused(['a.test', 'x.b.test', '{sub}.b.test'], [], shared), []);
  assert.deepEqual(refused(['a.test', 'c.test', 'c.test', '{sub}.a.test'], [], shared), ['c.test', '{sub}.a.test']);
  assert.deepEqual(refused(['a.test', '10.0.0.1', '[::1]'], [], none), ['a.test'], 'no address is ordered for');
});

it('a host of a policy needs a certificate of that policy: of the one that names it, else of the nearest pattern', async () => {
  const policies = [
    { hosts: ['*.in.test'], coverage: await covering('*.in.test') },
    { hosts: ['*.deep.in.test'], coverage: await covering('x.deep.in.test') },
    { hosts: ['own.test'], coverage: none },
  ];
  const shared = await covering('own.test', 'y.deep.in.test', 'other.example');
  const hosts = ['a.in.test', 'x.deep.in.test', 'y.deep.in.test', 'own.test', 'other.example'];
  assert.deepEqual(refused(hosts, policies, shared), ['y.deep.in.test', 'own.test']);
});

it('a file that counts on ACME does not start without certificates, unless a route says that it needs none or nothing is served over TLS', async () => {
  using dir = openTempDir();
  const { chainPem, keyPem } = await ca.issue({ kind: 'server', sans: ['a.test'] });
  dir.write('a.crt', chainPem);
  dir.write('a.key', keyPem);
  const load = async (gateway: string, route = ''): Promise<unknown> => {
    const routes = `routes: [{name: a, path: /, hosts: [a.test], target: "http://127.0.0.1:1"${route}}]`;
    const acme = 'certManager: {provider: acme, acme: {email: ops@a.test}}';
    const file = dir.write('gateway.yml', `gateway: {${gateway}${routes}}\n${acme}\n`);
    const options = { env: {}, strict: true, clock: systemClock, read: loadConfig };
    const { loaded, problems } = await loadGateway(new FileSource(file), options);
    return [loaded !== undefined, problems.map(({ code }) => code).filter((code) => code !== 'unsupported_key')];
  };
  assert.deepEqual(await load(''), [false, ['self_signed', 'certificate_not_fetched']]);
  assert.deepEqual(await load('', ', tls: {provider: none}'), [true, ['self_signed']]);
  assert.deepEqual(await load('entryPoints: {webSecure: {enabled: false}}, '), [true, []]);
  const given = await load('tls: {certificates: [{cert: a.crt, key: a.key}]}, ');
  assert.deepEqual(given, [true, ['missing_intermediate']]);
});
