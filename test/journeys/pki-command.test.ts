// `countersign pki` makes everything that mutual TLS on both sides needs, in three commands, and shows what a file holds:
// used here as a newcomer would, with real nginx and curl.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { readEcho, startNginx } from '../support/nginx.ts';
import { type Finished, runToEnd } from '../support/owned-process.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { program } from '../support/program.ts';

const pki = (...args: string[]): Promise<Finished> => runToEnd(process.execPath, [program, 'pki', ...args]);

describe('the help', () => {
  it('names every command, and with `help COMMAND` its own', async () => {
    const all = await runToEnd(process.execPath, [program, '--help']);
    assert.equal(all.code, 0);
    for (const name of ['run', 'check', 'explain', 'pki', 'trust', 'schema', 'echo', 'demo'])
      assert.match(all.stdout, new RegExp(`^  ${name} +[a-z]`, 'm'));
    const one = await runToEnd(process.execPath, [program, 'help', 'pki']);
    assert.match(one.stdout, /make test certificates.*^ {2}init \[options\] <dir>/ms);
  });

  it('points out what a word nearly is', async () => {
    const { code, stderr } = await runToEnd(process.execPath, [program, 'chek']);
    assert.equal(code, 1);
    assert.match(stderr, /unknown command 'chek'\n\(Did you mean check\?\)/);
  });
});

describe('the certificates of `pki init` and `pki issue`', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let dir: TempDir;
  let curlLine = '';
  let gateway: Gateway;

  before(async () => {
    dir = stack.use(openTempDir('pki-command'));
    const made = await pki('init', dir.path, '--host', 'api.test', '*.shop.test');
    assert.equal(made.code, 0, made.stderr);
    curlLine = /^ {2}curl .*$/m.exec(made.stdout)?.[0].trim() ?? '';
    const issued = await Promise.all([
      pki('issue', 'server', '--ca', dir.path, '--name', 'backend', '--host', 'backend.test', '--key', 'rsa'),
      pki('issue', 'client', '--ca', dir.path, '--name', 'gateway', '--cn', 'gateway'),
      pki('issue', 'client', '--ca', dir.path, '--name', 'alice', '--uri', 'spiffe://example.org/alice', '--days', '1'),
      pki('issue', 'both', '--ca', dir.path, '--name', 'peer', '--host', 'peer.test'),
    ]);
    for (const { code, stderr } of issued) assert.equal(code, 0, stderr);
    const tls = { cert: dir.file('backend.crt'), key: dir.file('backend.key') };
    const nginx = stack.use(await startNginx({ tls, clientCa: dir.file('ca.crt') }));
    const yaml = `version: 2
gateway:
  tls:
    certificates: [{cert: server.crt, key: server.key}, {cert: peer.crt, key: peer.key}]
    clientAuth: {clientCA: ca.crt, required: true}
  routes:
    - name: all
      path: /
      target: https://localhost:${nginx.port}
      security: {tls: {rootCAs: ca.crt, clientCert: gateway.crt, clientKey: gateway.key, serverName: backend.test}}
    - name: as-peer
      path: /as-peer
      target: https://localhost:${nginx.port}
      security: {tls: {rootCAs: ca.crt, clientCert: peer.crt, clientKey: peer.key, serverName: backend.test}}
`;
    gateway = stack.use(await startGateway({ yaml, dir }));
  });
  const call = (host: string, path: string, who: string) =>
    curl(`https://${host}:${gateway.ports.webSecure}${path}`, {
      ca: dir.file('ca.crt'),
      cert: dir.file(`${who}.crt`),
      key: dir.file(`${who}.key`),
    });

  it('pass on both legs, with the curl line that `pki init` printed', async () => {
    assert.match(
      curlLine,
      /^curl --cacert \S+ --cert \S+ --key \S+ --connect-to ::localhost:8443 https:\/\/api\.test:8443\/$/,
    );
    const line = curlLine.replaceAll(':8443', `:${gateway.ports.webSecure}`);
    const run = await runToEnd('sh', ['-c', `${line} -sS --noproxy '*'`]);
    assert.equal(run.code, 0, run.stderr);
    const echo = readEcho(run.stdout);
    assert.equal(echo['ssl_client_s_dn'], 'CN=gateway');
    assert.match(echo['http_x_forwarded_client_cert'] ?? '', /Subject="CN=client"/);
  });

  it('carry the names that were asked for: wildcard, SPIFFE ID, and both purposes in one', async () => {
    const alice = readEcho((await call('www.shop.test', '/x', 'alice')).body);
    assert.match(alice['http_x_forwarded_client_cert'] ?? '', /;URI=spiffe:\/\/example\.org\/alice$/);
    const peer = readEcho((await call('peer.test', '/as-peer', 'peer')).body);
    assert.match(peer['ssl_client_s_dn'] ?? '', /CN=peer\.test/);
  });

  it('are refused for what they are not made for: a server certificate is no client', async () => {
    const answer = await call('api.test', '/', 'backend');
    assert.equal(answer.status, 0, answer.body);
    await gateway.waitForLog((line) => line['code'] === 'wrong_purpose');
  });

  it('check without a complaint', async () => {
    const run = await runToEnd(process.execPath, [
      program,
      'check',
      '--config',
      gateway.configFile,
      '--strict',
      '--json',
    ]);
    assert.deepEqual(JSON.parse(run.stdout), { ok: true, errors: 0, warnings: 0, problems: [] });
  });

  it('are shown with their names, dates and purposes, and which belongs to which', async () => {
    const shown = await pki(
      'show',
      ...['ca.crt', 'alice.crt', 'alice.key', 'backend.key'].map((name) => dir.file(name)),
    );
    assert.equal(shown.code, 0, shown.stderr);
    for (const text of [
      /subject +CN=alice|subject +CN=spiffe/,
      /spiffe:\/\/example\.org\/alice/,
      /issuer +CN=Countersign test CA [^,]*,O=Countersign test .*ca\.crt/,
      /self-signed/,
      /clientAuth/,
      /belongs +to .*alice\.crt/,
      /belongs +to none of these certificates/,
      /RSA 2048/,
    ]) {
      assert.match(shown.stdout, text);
    }
    assert.doesNotMatch(shown.stdout, /PRIVATE KEY-----/);
  });

  it('are never overwritten by accident', async () => {
    const again = await pki('issue', 'client', '--ca', dir.path, '--name', 'alice', '--cn', 'mallory');
    assert.equal(again.code, 1);
    assert.match(again.stderr, /^error: .*alice\.crt.*exist already; --force overwrites\n$/);
    assert.equal((await call('api.test', '/', 'alice')).status, 200);
  });
});

describe('`pki show`', () => {
  it('says what is wrong with a file that is not whole, and exits 1', async () => {
    using dir = openTempDir('pki-show');
    const file = dir.write('half.crt', '-----BEGIN CERTIFICATE-----\nMIIB\n');
    const shown = await pki('show', file, dir.file('gone.crt'));
    assert.equal(shown.code, 1);
    assert.match(shown.stdout, /half\.crt/);
    assert.match(shown.stdout, /gone\.crt does not exist/);
    assert.doesNotMatch(shown.stdout + shown.stderr, /\n\s+at /);
  });
});
