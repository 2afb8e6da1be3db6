// Files that are made, or have become, too much: the gateway refuses them, serves on, answers for its health and replaces its
// workers meanwhile, and keeps nothing of them.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { get } from '../../src/base/node-http.ts';
import { after, before, describe, it } from 'node:test';
import { runCheck, runCli } from '../support/cli.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openTempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const head = `version: 2
gateway:
  workers: 1
  entryPoints:
    web: {address: 127.0.0.1:0}
    webSecure: {enabled: false}
    admin: {address: 127.0.0.1:0}
  accessLog: {enabled: false}
  routes:
    - {name: hello, path: /hello, target: "http://127.0.0.1:1", maintenance: {enabled: true, statusCode: 503, message: hello}}
`;

function routes(count: number): string {
  const pieces: string[] = [];
  for (let i = 0; i < count; i++)
    pieces.push(
      `    - name: r${i}\n      path: /p${i}\n      backends:\n        - endpoint: "http://127.0.0.1:9000"\n`,
    );
  return pieces.join('');
}

/** Valid to its last character: it has to be read whole before it is refused. */
const longBroken = `${head}${routes(20_000)}    - [`;

const isRejected = (line: { msg: string }): boolean => line.msg.startsWith('reload rejected');
const isReady = (line: { msg: string }): boolean => line.msg === 'worker ready';

async function isServed(gateway: Gateway): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>();
  const request = get({ host: '127.0.0.1', port: gateway.ports.web, path: '/hello', agent: false }, (response) => {
    response.resume();
    resolve(response.statusCode === 503);
  });
  request.on('error', reject);
  return promise;
}

/** MiB that the process has in memory. */
function residentMb(pid: number): number {
  const [, kb = '0'] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kb) / 1024;
}

// One gateway for all of them: each refusal leaves it as it was.
const dir = openTempDir('hostile');
let gateway: Gateway;
before(async () => {
  gateway = await startGateway({ yaml: head, dir, entryPoints: ['web', 'admin'] });
});
after(async () => {
  await gateway.stop();
  dir.remove();
});

/** Its configuration is another file now; waits for the refusal. */
async function refuse(text: string): Promise<void> {
  const from = gateway.log.length;
  dir.replace('gateway.yml', text);
  await gateway.waitForLog(isRejected, { from, what: 'the refusal' });
}

describe('files that take long to read and are refused', () => {
  let atFirst = 0;

  it('keep no health check, no request and no worker waiting meanwhile', async () => {
    atFirst = residentMb(gateway.pid);
    const from = gateway.log.length;
    dir.replace('gateway.yml', longBroken);
    gateway.reload();
    process.kill(Number(gateway.log.items.find(isReady)?.['pid']), 'SIGKILL');
    const replaced = gateway.waitForLog(isReady, { from, what: 'the successor of the killed worker' });
    for (let n = 0; n < 20; n++) assert.equal((await gateway.admin('/healthz')).status, 200);
    await replaced;
    assert.equal(await isServed(gateway), true);
    assert.equal(
      gateway.log.items.slice(from).some(isRejected),
      false,
      'all of it came before the verdict on the file',
    );
    await gateway.waitForLog(isRejected, { from, what: 'the refusal' });
    assert.equal(await isServed(gateway), true);
  });

  it('are not kept in memory, however often they come', async () => {
    for (let n = 1; n < 3; n++) await refuse(`${longBroken}${'#'.repeat(n)}`);
    // What one of them takes while it is read is well above.
    await eventually(async () => residentMb(gateway.pid) < atFirst + 200, { what: 'the memory to be given back' });
  });
});

describe('files that are refused', () => {
  it('before they are parsed say which limit they pass, in `check` and at a reload', async () => {
    const beyond: Readonly<Record<string, readonly [string | (() => void), RegExp]>> = {
      brackets: [
        `${head}x: ${'['.repeat(100_000)}`,
        /gateway\.yml:11:67: error: the file has more than 64 levels of nesting/,
      ],
      comments: [`${head}${'#\n'.repeat(1_000_100)}`, /more than 1000000 lines/],
      large: [`${head}#${'x'.repeat(8 * 1024 * 1024)}`, /has \d+ bytes, over the limit of 8388608/],
      binary: [() => dir.replace('gateway.yml', Buffer.from([0xff, 0xfe, 0, 1])), /not UTF-8/],
      fifo: [() => execFileSync('mkfifo', [dir.file('gateway.yml')]), /not a regular file/],
      device: [() => symlinkSync('/dev/zero', dir.file('gateway.yml')), /not a regular file/],
      folder: [() => mkdirSync(dir.file('gateway.yml')), /it is a folder/],
    };
    for (const [name, [content, says]] of Object.entries(beyond)) {
      const from = gateway.log.length;
      rmSync(dir.file('gateway.yml'), { recursive: true });
      if (typeof content === 'string') dir.write('gateway.yml', content);
      else content();
      await gateway.waitForLog(isRejected, { from, what: `the refusal of ${name}` });
      // The first, and the one that could be waited for, as a user types it.
      const asTyped = name === 'brackets' || name === 'fifo';
      const { code, stdout } = await (asTyped
        ? runCli(['check', '--config', 'gateway.yml'], { cwd: dir.path })
        : runCheck(['--config', dir.file('gateway.yml')]));
      assert.match(stdout, says, name);
      assert.equal(code, 1);
      assert.equal(await isServed(gateway), true);
    }
  });

  it('named as certificate, CA or ticket key are refused unread', async () => {
    execFileSync('mkfifo', [dir.file('fifo')]);
    for (const file of ['fifo', '/dev/zero']) {
      const named = dir.write(
        'named.yml',
        `gateway:
  tls:
    certificates: [{cert: ${file}, key: ${file}}]
    clientAuth: {clientCA: ${file}, required: true}
    sessionResumption: {keys: ${file}}
  routes: [{name: a, path: /, target: "http://127.0.0.1:1"}]
`,
      );
      const { code, stdout } = await runCheck(['--config', named]);
      assert.equal(code, 1);
      // Each is told once, where it is first named.
      for (const line of [4, 5]) assert.match(stdout, new RegExp(`named\\.yml:${line}:.*is not a regular file`));
    }
  });
});

describe('a file that is large and good', () => {
  it('of 10,000 routes is taken up', async () => {
    const from = gateway.log.length;
    rmSync(dir.file('gateway.yml'), { recursive: true, force: true });
    dir.write('gateway.yml', `${head}${routes(10_000)}`);
    await gateway.waitForLog((line) => line.msg === 'configuration reloaded', { from });
    assert.equal(await isServed(gateway), true);
  });
});
