// Our own certificate is renewed while requests run: nobody notices, except that new connections see the new one.
import assert from 'node:assert/strict';
import { renameSync, symlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { expectFlawless, openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';

const sans = ['localhost', '127.0.0.1', 'a.test', 'b.test', '*.wild.test'];

async function shownName({ pki, gateway }: Setup): Promise<string | undefined> {
  const { cert, key } = pki.alice;
  const answer = await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key });
  assert.equal(answer.status, 200, answer.output);
  return answer.serverSubject;
}

describe('a server certificate that is replaced under load', () => {
  it('is shown to new connections, and no request is lost on old or new ones', async () => {
    await using setup = await openSetup({ workers: 2 });
    const { pki, gateway } = setup;
    assert.equal(await shownName(setup), 'CN=localhost');
    const keptAlive = setup.load();
    const reconnecting = setup.load({ reconnect: true });
    await Promise.all([keptAlive.waitForOk(20), reconnecting.waitForOk(10)]);

    const renewed = await pki.servers.issue({ kind: 'server', cn: 'renewed', sans });
    const { ok } = await reloadBy(gateway, () => {
      pki.dir.replace('edge.crt', renewed.chainPem);
      pki.dir.replace('edge.key', renewed.keyPem);
    });
    assert.ok(ok);
    assert.equal(await shownName(setup), 'CN=renewed');
    await Promise.all([keptAlive.waitForOk(20), reconnecting.waitForOk(10)]);
    await expectFlawless(keptAlive, reconnecting);
  });

  it('is seen where Kubernetes swaps a symlink to the folder that holds it', async () => {
    const certificates = '[{cert: mount/tls.crt, key: mount/tls.key}]';
    await using setup = await openSetup({
      certificates,
      prepare: (pki) => {
        pki.dir.write('mount/..v1/tls.crt', pki.downstream.chainPem);
        pki.dir.write('mount/..v1/tls.key', pki.downstream.keyPem);
        symlinkSync('..v1', pki.dir.file('mount/..data'));
        symlinkSync('..data/tls.crt', pki.dir.file('mount/tls.crt'));
        symlinkSync('..data/tls.key', pki.dir.file('mount/tls.key'));
      },
    });
    const { pki, gateway } = setup;
    for (const version of ['v2', 'v3']) {
      const renewed = await pki.servers.issue({ kind: 'server', cn: version, sans });
      const { ok } = await reloadBy(gateway, () => {
        pki.dir.write(`mount/..${version}/tls.crt`, renewed.chainPem);
        pki.dir.write(`mount/..${version}/tls.key`, renewed.keyPem);
        symlinkSync(`..${version}`, pki.dir.file('mount/..data_tmp'));
        renameSync(pki.dir.file('mount/..data_tmp'), pki.dir.file('mount/..data'));
      });
      assert.ok(ok);
      assert.equal(await shownName(setup), `CN=${version}`);
    }
  });
});
