// The tools of the tests, tested against each other without the gateway: what they report must be true.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { headerValues, startBackend } from './backend.ts';
import { curl } from './curl.ts';
import { Durations } from './durations.ts';
import { StartFailure, startGateway, tameConfig } from './gateway.ts';
import { findFreePort } from './free-port.ts';
import { startLoad } from './load.ts';
import { readEcho, startNginx } from './nginx.ts';
import { sClient } from './openssl.ts';
import { runToEnd, startProcess } from './owned-process.ts';
import { openPki } from './pki.ts';
import { plainCall } from './plain-call.ts';
import { startPostgres } from './postgres.ts';
import { lingerVariable } from './process-end.ts';
import { openTempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

describe('the tools of the tests', () => {
  it('begin with what took longest: measured here before guessed, nothing lost of what is unknown', () => {
    using dir = openTempDir('durations');
    const path = dir.file('cache/durations.json');
    const guesses = new Map([
      ['guessed', 15],
      ['measured', 30],
    ]);
    const first = new Durations(path, guesses);
    assert.deepEqual(first.sort(['a', 'guessed', 'b', 'measured']), ['measured', 'guessed', 'a', 'b']);
    first.note('measured', 10);
    first.note('b', 20);
    first.save();
    const second = new Durations(path, guesses);
    assert.deepEqual(second.sort(['a', 'measured', 'b', 'guessed']), ['b', 'guessed', 'measured', 'a']);
    assert.deepEqual([second.of('measured'), second.of('guessed'), second.of('a')], [10, 15, 0]);
    dir.write('broken.json', '[');
    assert.deepEqual(new Durations(dir.file('broken.json'), new Map([['b', 1]])).sort(['a', 'b']), ['b', 'a']);
  });

  it('end a process that a server keeps after its tests, and say what it is', async () => {
    using dir = openTempDir('linger');
    const imported = `--import=${new URL('process-end.ts', import.meta.url).href}`;
    const env = { [lingerVariable]: '50', NODE_TEST_CONTEXT: '' };
    const runTest = async (body: string) => {
      const file = dir.write(
        'a.mjs',
        `import { test } from 'node:test';\nimport net from 'node:net';\ntest('a', () => {${body}});\n`,
      );
      return runToEnd(process.execPath, [imported, file], { env });
    };
    const kept = await runTest('net.createServer().listen(0);');
    assert.equal(kept.code, 1);
    assert.match(kept.stderr, /^the tests are over since 0\.05 s, but the process is kept by: .*TCPServerWrap/m);
    const free = await runTest('net.createServer().listen(0).unref();');
    assert.deepEqual([free.code, free.stderr], [0, '']);
  });

  it('find ports that the system gives to nobody, each one free at every address', async () => {
    const ports = new Set<number>();
    for (let i = 0; i < 100; i += 1) ports.add(await findFreePort());
    assert.equal(ports.size, 100);
    await using chosen = await startBackend();
    assert.ok(!ports.has(chosen.port));
    const [low = 0, high = 0] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1')
      .split(/\s+/)
      .map(Number);
    assert.deepEqual(
      [...ports, chosen.port].filter((port) => port >= low && port <= high),
      [],
    );
    await using other = await startBackend({ host: '127.0.0.2' });
    for (let i = 0; i < 200; i += 1) assert.notEqual(await findFreePort(), other.port);
  });

  it('nginx lets in whom its CA vouches for, and curl sees what it received', async () => {
    using pki = await openPki();
    await using nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file, name: 'one' });
    const url = `https://backend.test:${nginx.port}/hello?x=1`;
    const trust = { ca: pki.internal.file };

    const good = await curl(url, {
      ...trust,
      ...filesOf(pki.gateway),
      headers: { 'X-Forwarded-Client-Cert': 'Hash=00' },
    });
    assert.equal(good.exitCode, 0, good.stderr);
    assert.equal(good.status, 200);
    const echo = readEcho(good.body);
    assert.equal(echo['backend'], 'one');
    assert.equal(echo['ssl_client_verify'], 'SUCCESS');
    assert.equal(echo['http_x_forwarded_client_cert'], 'Hash=00');
    assert.match(echo['ssl_client_s_dn'] ?? '', /CN=gateway/);

    const anonymous = await curl(url, trust);
    assert.equal(anonymous.status, 400);
    assert.match(anonymous.body, /No required SSL certificate was sent/);
    const stranger = await curl(url, { ...trust, ...filesOf(pki.stranger) });
    assert.equal(stranger.status, 400);
    const untrusting = await curl(url, { ca: pki.clients.file });
    assert.equal(untrusting.exitCode, 60);

    const entry = await nginx.waitForAccess((seen) => seen.verify === 'SUCCESS');
    assert.equal(entry.uri, '/hello?x=1');
  });

  for (const tls of ['1.2', '1.3'] as const) {
    it(`s_client reports a resumed session as resumed, in TLS ${tls}`, async () => {
      using pki = await openPki();
      await using nginx = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
      const to = { port: nginx.port, tls, servername: 'backend.test', ca: pki.internal.file, ...filesOf(pki.gateway) };
      const session = pki.dir.file('session');

      const first = await sClient({ ...to, sessionOut: session });
      assert.deepEqual(
        [first.established, first.reused, first.protocol, first.verifyCode, first.status],
        [true, false, `TLSv${tls}`, 0, 200],
        first.output,
      );
      assert.ok(
        first.acceptableCas.some((name) => name.includes('internal CA')),
        first.output,
      );
      assert.match(first.serverSubject ?? '', /CN=localhost/);
      const again = await sClient({ ...to, sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], again.output);
    });
  }

  it('s_client reports the alert of a server that refuses', async () => {
    using pki = await openPki();
    await using backend = await startBackend({
      tls: { cert: pki.backend.chainPem, key: pki.backend.keyPem, clientCa: pki.internal.certPem },
    });
    const refused = await sClient({ port: backend.port, args: ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'] });
    assert.equal(refused.established, false);
    assert.deepEqual(refused.alert, { number: 70, text: 'protocol version' }, refused.output);
    assert.equal(refused.status, undefined);
  });

  it('the backend keeps header lines as they came', async () => {
    await using backend = await startBackend();
    await curl(`http://127.0.0.1:${backend.port}/x`, { args: ['-H', 'X-A: 1', '-H', 'x-a: 2'], body: 'hello' });
    const received = await backend.requests.waitFor((request) => request.url === '/x');
    assert.deepEqual(headerValues(received, 'X-A'), ['1', '2']);
    assert.equal(received.body.toString(), 'hello');
    assert.equal(received.method, 'POST');
  });

  it('a plain call keeps what came, and is 0 where nobody answers', async () => {
    const backend = await startBackend();
    const url = `http://localhost:${backend.port}/x?y=1`;
    const answer = await plainCall(url, { method: 'PUT', headers: { 'x-a': '1' }, body: '→' });
    assert.equal(answer.status, 200);
    const received = await backend.requests.waitFor((request) => request.url === '/x?y=1');
    assert.deepEqual([received.method, received.body.toString()], ['PUT', '→']);
    assert.deepEqual(headerValues(received, 'host'), [`localhost:${backend.port}`]);
    await backend.stop();
    assert.deepEqual(await plainCall(url), { status: 0, headers: {}, body: '' });
  });

  it('many processes at once end with this one by one listener', async () => {
    // Another test of this process may have left one running.
    await using stack = new AsyncDisposableStack();
    stack.use(await startProcess('sleep', ['60']));
    const withOne = process.listenerCount('exit');
    for (let i = 0; i < 12; i++) stack.use(await startProcess('sleep', ['60']));
    assert.equal(process.listenerCount('exit'), withOne);
  });

  it('load counts good answers, retries on closed connections only, and names failures', async () => {
    using pki = await openPki();
    const first = await startNginx({ tls: pki.backend, clientCa: pki.internal.file });
    const { port } = first;
    const to = { port, servername: 'backend.test', ca: pki.internal.certPem, connections: 4 };
    const load = startLoad({ ...to, cert: pki.gateway.chainPem, key: pki.gateway.keyPem });
    await load.waitForOk(20);
    await first.stop('SIGKILL');
    await using _second = await startNginx({ tls: pki.backend, clientCa: pki.internal.file, port });
    await load.waitForOk(20);
    const { ok, failed, reasons } = await load.stop();
    assert.ok(ok >= 40);
    assert.equal(
      [...reasons.values()].reduce((sum, count) => sum + count, 0),
      failed,
    );
    assert.ok(
      [...reasons.keys()].every((reason) => /^E[A-Z]+$/.test(reason)),
      JSON.stringify([...reasons]),
    );
    await using anonymous = startLoad(to);
    await assert.rejects(anonymous.waitForOk(1, 300), /status 400/);
  });

  it('a feed tells of what was, what comes, and why nothing comes any more', async () => {
    const feed = new Feed<number>('numbers');
    feed.push(1);
    assert.equal(await feed.waitFor((n) => n === 1), 1);
    const later = feed.waitFor((n) => n === 1, { from: feed.length });
    feed.push(1);
    assert.equal(await later, 1);
    const never = feed.waitFor((n) => n === 9, { what: 'nine' });
    feed.end('closed');
    await assert.rejects(never, /numbers: closed while waiting for nine/);
  });

  it('a temporary directory and a process end with their scope', async () => {
    let path = '';
    let exit: unknown;
    {
      using dir = openTempDir();
      path = dir.path;
      dir.replace('a/b', 'x');
      await using child = await startProcess('sleep', ['60']);
      void child.exited.then((how) => (exit = how));
    }
    assert.ok(!existsSync(path));
    assert.deepEqual(exit, { code: null, signal: 'SIGTERM' });
    await assert.rejects(startProcess('/nonexistent/program', []), /cannot be started/);
  });

  it('a configuration that is tame already keeps its lines', () => {
    const tame = tameConfig('# mine\nversion: 2\ngateway:\n  entryPoints: {web: {address: ":80"}}\n');
    assert.match(tame, /address: 127\.0\.0\.1:0/);
    assert.match(tame, /workers: 1/);
    assert.equal(tameConfig(tame), tame);
    assert.equal(tameConfig('a: [broken'), 'a: [broken');
  });

  it('a gateway that does not start fails the test with its own words', async () => {
    await assert.rejects(startGateway({ yaml: 'version: 2\ngateway: 7\n' }), (error: unknown) => {
      assert.ok(error instanceof StartFailure);
      assert.equal(error.exit?.code, 1);
      return true;
    });
  });

  it('PostgreSQL keeps what was committed when it is killed, is followed by a standby, and is empty when it was wiped', async () => {
    await using postgres = await startPostgres({ tls: 'client' });
    const write = (number: number) =>
      postgres.psql(`CREATE TABLE t${number} (n int); INSERT INTO t${number} VALUES (7)`);
    await write(1);
    await postgres.kill();
    await assert.rejects(postgres.psql('SELECT 1'), /No such file|refused/);
    await postgres.start();
    assert.equal(await postgres.psql('SELECT n FROM t1'), '7');
    postgres.pause();
    postgres.resume();
    await using standby = await postgres.startStandby();
    assert.equal(await standby.psql('SELECT n FROM t1'), '7');
    await assert.rejects(standby.psql('CREATE TABLE t2 (n int)'), /read-only transaction/);
    await postgres.kill();
    await standby.promote();
    assert.equal(await standby.psql('CREATE TABLE t2 (n int); SELECT count(*) FROM t2'), '0');
    await standby.kill();
    await postgres.wipe();
    assert.equal(await postgres.psql(`SELECT to_regclass('t1') IS NULL`), 't');
    const other = new URL(await postgres.createDatabase());
    assert.equal(other.searchParams.get('sslmode'), 'verify-full');
    assert.equal(await postgres.psql('SELECT current_database()', other.pathname.slice(1)), other.pathname.slice(1));
  });
});

function filesOf(files: { readonly cert: string; readonly key: string }): { cert: string; key: string } {
  return { cert: files.cert, key: files.key };
}
