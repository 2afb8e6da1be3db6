// `countersign explain route`: the story that the gateway would tell, before it happens.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runToEnd } from '../support/owned-process.ts';
import { openTempDir } from '../support/temp.ts';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const yaml = `version: 2
gateway:
  routes:
    - {name: api, path: /api, hosts: [localhost], methods: [GET], rewrite: /v2, target: "https://a.test:8443"}
    - {name: all, path: /, target: "http://c.test"}
`;

async function explain(...args: string[]): Promise<{ out: string; err: string; code: number | null }> {
  using dir = openTempDir('explain');
  const config = dir.write('gateway.yml', yaml);
  const run = await runToEnd(process.execPath, [main, 'explain', 'route', ...args, '--config', config]);
  return { out: run.stdout, err: run.stderr, code: run.code };
}

describe('explain route', () => {
  it('names policy, route and the path that the backend gets', async () => {
    const { out, code } = await explain('GET', 'https://localhost/api/x?q=1');
    assert.equal(code, 0);
    assert.match(out, /policy {3}gateway \(no client certificate\)/);
    assert.match(out, /route {4}api {2}\(.*gateway\.yml:4\)/);
    assert.match(out, /backend {2}https:\/\/a\.test:8443\/v2\/x/);
    assert.match(out, /not {6}all: its path is less specific \(than api\)/);
  });

  it('says 405 where only the method is wrong, and 400 where the path is ambiguous', async () => {
    assert.match((await explain('POST', 'https://localhost/api/x')).out, /answer {3}405 method_not_allowed/);
    assert.match((await explain('GET', 'https://localhost/a/%2e%2e/b')).out, /refused with 400/);
  });

  it('refuses what is no URL with one line', async () => {
    const { err, code } = await explain('GET', 'localhost');
    assert.equal(code, 1);
    assert.equal(err, 'localhost: not a URL; write it as https://host/path\n');
  });
});
