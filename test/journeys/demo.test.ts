// A newcomer runs `npm start`, pastes the lines it prints, sees one request pass and one refused with its reason, revokes
// the certificate that passed, and presses Ctrl-C.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { runToEnd, startProcess } from '../support/owned-process.ts';
import { eventually } from '../support/wait-for.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the demonstration', () => {
  it('prints lines that do what they say: alice passes, nobody is refused with the reason, and alice too once she is revoked', async () => {
    const { scripts } = JSON.parse(readFileSync(`${root}/package.json`, 'utf8')) as { scripts: { start: string } };
    assert.equal(scripts.start, 'exec node bin/countersign.js demo');
    await using demo = await startProcess(process.execPath, ['bin/countersign.js', 'demo', '--any-port'], {
      cwd: root,
      name: 'demo',
    });
    await demo.lines.waitFor((line) => /Ctrl-C/.test(line.text), { what: 'the instructions' });
    const [pass = '', refuse = ''] = demo.lines.items
      .map((line) => line.text.trim())
      .filter((text) => text.startsWith('curl '));

    const passed = await runToEnd('sh', ['-c', `${pass} --silent --show-error --noproxy '*'`]);
    assert.equal(passed.code, 0, passed.stderr);
    const answer = JSON.parse(passed.stdout) as { calledBy: string; onBehalfOf: string };
    assert.equal(answer.calledBy, 'gateway');
    assert.match(answer.onBehalfOf, /^Hash=[0-9a-f]{64};Subject="CN=alice";URI=spiffe:\/\/demo\.test\/alice$/);

    const refused = await runToEnd('sh', ['-c', `${refuse} --silent --show-error --noproxy '*'`]);
    assert.equal((JSON.parse(refused.stdout) as { code: string }).code, 'no_client_cert');
    await demo.lines.waitFor((line) => line.text.includes('no_client_cert'), { what: 'the reason in the log' });

    const [explain = '', revoke = ''] = demo.lines.items
      .map((line) => line.text.trim())
      .filter((text) => /\/bin\/countersign (?:explain|pki) /.test(text));
    const explained = await runToEnd('sh', ['-c', explain], { cwd: '/' });
    assert.match(explained.stdout, /FAILED {2}our certificate/);
    assert.equal((await runToEnd('sh', ['-c', revoke], { cwd: '/' })).code, 0);
    await eventually(
      async () => {
        const { stdout } = await runToEnd('sh', ['-c', `${pass} --silent --show-error --noproxy '*'`]);
        return (JSON.parse(stdout) as { code?: string }).code === 'revoked';
      },
      { what: 'the revocation' },
    );

    const folder = /--cacert (\S+)\/ca\.crt/.exec(pass)?.[1] ?? '';
    assert.ok(existsSync(folder));
    assert.deepEqual(await demo.stop('SIGINT'), { code: 0, signal: null });
    assert.ok(!existsSync(folder), 'the files are removed');
  });

  it('ends, and removes its files, with the terminal that it was started in', async () => {
    await using demo = await startProcess(process.execPath, ['bin/countersign.js', 'demo', '--any-port'], {
      cwd: root,
      name: 'demo',
    });
    const line = await demo.lines.waitFor(({ text }) => text.includes('--cacert '), {
      what: 'the instructions',
    });
    const folder = /--cacert (\S+)\/ca\.crt/.exec(line.text)?.[1] ?? '';
    assert.deepEqual(await demo.stop('SIGHUP'), { code: 0, signal: null });
    assert.ok(!existsSync(folder), 'the files are removed');
  });

  it('ends, and removes its files, with the npm that started it', async () => {
    await using npm = await startProcess('npm', ['start'], { cwd: root, name: 'npm start' });
    const line = await npm.lines.waitFor(({ text }) => text.includes('--cacert '), {
      what: 'the instructions',
    });
    const folder = /--cacert (\S+)\/ca\.crt/.exec(line.text)?.[1] ?? '';
    assert.ok(existsSync(folder));
    await npm.stop('SIGTERM');
    await eventually(() => Promise.resolve(!existsSync(folder)), { what: 'the end of the demonstration' });
  });
});
