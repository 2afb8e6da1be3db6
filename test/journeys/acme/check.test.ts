// `check` of a file that has certificates ordered: it says what is wrong, and asks nobody.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { it } from 'node:test';
import { startAcmeFront } from '../../support/acme-front.ts';
import { runCli } from '../../support/cli.ts';
import { openPki } from '../../support/pki.ts';

it('check asks no CA and writes no folder, and says where a CA could find nothing', async () => {
  using pki = await openPki();
  const front = await startAcmeFront(pki.servers, 1);
  try {
    const yaml = (challenge: string, entryPoints: string): string => `
gateway:
  entryPoints: ${entryPoints}
  certificates:
    - {id: edge, acme: {directory: "${front.directory}", ca: ${pki.servers.file}, domains: [a.test], challenge: ${challenge}, termsOfServiceAgreed: true}}
  tls:
    certificateIds: [edge]
    clientAuth: {clientCA: ${pki.clients.file}, required: true}
  routes:
    - {name: all, path: /, hosts: [a.test], target: "http://127.0.0.1:1"}
`;
    const check = async (text: string): Promise<{ code: number | null; said: string }> => {
      const { code, stdout, stderr } = await runCli(['check', '--config', pki.dir.write('gateway.yml', text)]);
      return { code, said: stdout + stderr };
    };
    const good = await check(yaml('tls-alpn-01', '{web: {enabled: false}}'));
    assert.equal(good.code, 0, good.said);
    const plain = await check(yaml('http-01', '{web: {enabled: false}}'));
    assert.equal(plain.code, 1);
    assert.match(plain.said, /edge \(acme\): the CA would look for http-01, and there is no plain entry point/);
    assert.equal(front.requests.length, 0);
    assert.ok(!existsSync(pki.dir.file('acme')));
  } finally {
    front.close();
  }
});
