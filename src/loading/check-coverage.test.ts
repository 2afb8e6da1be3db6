import assert from 'node:assert/strict';
import { it } from 'node:test';
import { checkServerPair } from '../trust/certificate-pair.ts';
import { mintCa } from '../certs/test-ca.ts';
import { checkCoverage, Coverage } from './check-coverage.ts';
import { FileSource } from './file-source.ts';
import { type LoadedPair, MaterialLoader } from './material-loader.ts';

const place = { file: 'gateway.yaml', line: 1, col: 1 };

async function findMissed(hosts: readonly string[]): Promise<readonly string[]> {
  const ca = await mintCa();
  const { certPem, keyPem } = await ca.issue({ kind: 'server', sans: ['a.test', '*.b.test', '10.0.0.1'] });
  const checked = checkServerPair(certPem, keyPem, { now: Date.now() });
  const loader = new MaterialLoader(new FileSource('g.yml'), Date.now());
  const served = hosts.map((host) => ({ host, place }));
  checkCoverage(served, new Coverage([{ checked, loaded: {} as LoadedPair }]), loader);
  assert.ok(loader.problems.every(({ code, severity }) => code === 'host_not_covered' && severity === 'warning'));
  return loader.problems.map(({ message }) => message);
}

it('hosts that a certificate covers are no problem, a wildcard under its very wildcard and under a named part', async () => {
  assert.deepEqual(await findMissed(['a.test', 'x.b.test', '*.b.test', '{sub}.b.test', '10.0.0.1']), []);
});

it('hosts that none covers are told once each, with what the only certificate carries', async () => {
  const told = await findMissed(['a.test', 'c.test', '*.a.test', '{sub}.a.test', '10.0.0.2', 'c.test']);
  assert.equal(told.length, 3);
  for (const [at, host] of ['c.test', '*.a.test', '10.0.0.2'].entries()) {
    assert.ok(told[at]?.startsWith(`no certificate covers the host ${host}: it carries a.test`), told.join('\n'));
  }
});
