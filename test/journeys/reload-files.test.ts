// Which changes are seen, and how: the main file, extra files that come and go, the CA, by a write in place, by a rename,
// by SIGHUP; what changed not at all changes nothing.
import assert from 'node:assert/strict';
import { readFileSync, unlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';

async function statusOf({ pki, gateway }: Setup, path: string): Promise<number> {
  const { cert, key } = pki.alice;
  const url = `https://localhost:${gateway.ports.webSecure}${path}`;
  const answer = await curl(url, { ca: pki.servers.file, cert, key });
  assert.equal(answer.exitCode, 0, answer.stderr);
  return answer.status;
}

const gone = (path: string): string =>
  `routes:\n  - {name: extra${path.replaceAll('/', '-')}, path: ${path}, hosts: [localhost], target: "http://127.0.0.1:1", maintenance: {enabled: true, statusCode: 521}}\n`;

describe('watched files', () => {
  it('are taken as they change, each in its way', async () => {
    const gateway = '  accessLog: {enabled: false}\n  extraConfig: {directory: extra}';
    await using setup = await openSetup({
      workers: 2,
      gateway,
      prepare: (pki) => void pki.dir.write('extra/empty.yml', 'routes: []\n'),
    });
    const { pki } = setup;
    const take = async (change: () => void): Promise<void> => {
      const { ok, lines } = await reloadBy(setup.gateway, change);
      assert.ok(ok, JSON.stringify(lines));
    };
    const file = setup.gateway.configFile;
    assert.equal(await statusOf(setup, '/a'), 200);

    await take(() => pki.dir.write('extra/a.yml', gone('/a')));
    assert.equal(await statusOf(setup, '/a'), 521, 'a new extra file');
    await take(() => pki.dir.replace('extra/deep/b.yaml', gone('/b')));
    assert.equal(await statusOf(setup, '/b'), 521, 'a new extra file in a new folder');
    await take(() => pki.dir.write('extra/a.yml', gone('/c')));
    assert.deepEqual([await statusOf(setup, '/a'), await statusOf(setup, '/c')], [200, 521], 'one that changed');
    await take(() => unlinkSync(pki.dir.file('extra/a.yml')));
    assert.deepEqual([await statusOf(setup, '/c'), await statusOf(setup, '/b')], [200, 521], 'one that is gone');

    const before = readFileSync(file, 'utf8');
    const closed = before.replace('path: /', 'path: /only');
    assert.notEqual(closed, before);
    await take(() => pki.dir.write('gateway.yml', closed));
    assert.deepEqual([await statusOf(setup, '/'), await statusOf(setup, '/only/x')], [404, 200], 'written in place');
    await take(() => pki.dir.replace('gateway.yml', before));
    assert.equal(await statusOf(setup, '/'), 200, 'renamed into place');
    await take(() => setup.gateway.reload());
    assert.equal(await statusOf(setup, '/'), 200, 'SIGHUP without a change');
  });

  it('says which settings have to wait for the next start', async () => {
    await using setup = await openSetup();
    const { ok, lines } = await reloadBy(setup.gateway, () =>
      setup.gateway.rewrite(
        setup.yaml({ gateway: '  accessLog: {enabled: true}\n  log: {level: debug}\n  workers: 2' }),
      ),
    );
    assert.ok(ok);
    const line = lines.find(({ msg }) => msg.includes('next start'));
    assert.deepEqual(line?.['keys'], ['workers', 'log', 'accessLog']);
  });
});
