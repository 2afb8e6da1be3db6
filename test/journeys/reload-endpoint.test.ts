// A controller asks for reloads over the admin entry point, as Goma's controllers do.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { tameConfig } from '../support/gateway.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';

const first = 'the-token-of-the-controller';
const second = 'another-token-of-the-controller';

type Told = {
  readonly status: string;
  readonly error?: string;
  readonly generation: number;
  readonly routes?: number;
  readonly problems: readonly { readonly code: string; readonly line: number }[];
};

const settings = (token: string): string =>
  `  accessLog: {enabled: false}\n  reload: {enabled: true, token: ${token}}\n  extraConfig: {directory: extra}`;

let setup: Setup;
before(async () => {
  setup = await openSetup({
    gateway: settings(first),
    prepare: ({ dir }) => void dir.write('extra/routes.yml', 'routes: []\n'),
  });
});
after(async () => setup[Symbol.asyncDispose]());

async function ask(token: string): Promise<{ status: number; body: Told }> {
  const url = `http://127.0.0.1:${setup.gateway.ports.admin}/gateway/reload`;
  const { status, body } = await curl(url, { method: 'POST', headers: { Authorization: `Bearer ${token}` } });
  return { status: status ?? 0, body: JSON.parse(body) as Told };
}

async function passes(): Promise<number | undefined> {
  const { pki, gateway } = setup;
  const trust = { ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
  return (await curl(`https://localhost:${gateway.ports.webSecure}/`, trust)).status;
}

describe('the reload endpoint', () => {
  it('does nothing without the token, and the log says that somebody tried', async () => {
    const { status, body } = await ask('no-token-of-anybody');
    assert.deepEqual([status, body.error], [401, 'unauthorized']);
    const line = await setup.gateway.waitForLog(({ msg }) => msg.includes('without the right token'));
    assert.equal(line['remote'], '127.0.0.1');
  });

  it('takes up what changed, and says so', async () => {
    setup.pki.dir.write('extra/routes.yml', 'routes: [{name: new, path: /new, target: "http://127.0.0.1:1"}]\n');
    const { status, body } = await ask(first);
    assert.equal(status, 200);
    assert.deepEqual([body.status, body.routes], ['ok', 2]);
    assert.ok(body.generation > 1);
    assert.equal(await passes(), 200);
  });

  it('says what is wrong, and keeps what was good', async () => {
    const broken = tameConfig(setup.yaml()).replace('path: /\n', 'path: "a b"\n');
    setup.pki.dir.replace('gateway.yml', broken);
    const { status, body } = await ask(first);
    assert.deepEqual([status, body.status, body.error], [422, 'error', 'the configuration has errors']);
    assert.deepEqual(
      body.problems.filter(({ code }) => code === 'bad_path').map(({ line }) => line),
      [broken.slice(0, broken.indexOf('"a b"')).split('\n').length],
    );
    assert.equal(await passes(), 200);
  });

  it('opens no door that the file does not name: not for client certificates that fell out, nor for a folder that is gone', async () => {
    setup.pki.dir.replace('gateway.yml', tameConfig(setup.yaml({ clientAuth: '' })));
    const open = await ask(first);
    assert.deepEqual([open.status, open.body.problems[0]?.code], [422, 'client_auth_dropped']);
    setup.pki.dir.replace('gateway.yml', tameConfig(setup.yaml()));
    rmSync(setup.pki.dir.file('extra'), { recursive: true });
    const gone = await ask(first);
    assert.deepEqual([gone.status, gone.body.problems[0]?.code], [422, 'folder_gone']);
    setup.pki.dir.write('extra/routes.yml', 'routes: []\n');
    assert.equal((await ask(first)).body.routes, 1);
  });

  it('knows a new token from the reload that brings it', async () => {
    setup.pki.dir.replace('gateway.yml', tameConfig(setup.yaml({ gateway: settings(second) })));
    await ask(first);
    assert.equal((await ask(first)).status, 401);
    assert.equal((await ask(second)).status, 200);
  });
});
