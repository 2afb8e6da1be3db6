import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mintCa } from '../certs/test-ca.ts';
import { checkServerPair } from '../trust/certificate-pair.ts';
import { Coverage } from './check-coverage.ts';
import { checkOrders } from './check-orders.ts';
import { FileSource } from './file-source.ts';
import { type LoadedPair, MaterialLoader } from './material-loader.ts';

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
  const orders = hosts.map((host) => ({ route: 'a', host, provider: 'acme', place }));
  checkOrders(orders, policies, shared, loader);
  assert.ok(loader.problems.every(({ code, severity }) => code === 'certificate_not_fetched' && severity === 'error'));
  return loader.problems.map(({ message }) => /the host (\S+):/.exec(message)?.[1] ?? message);
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
