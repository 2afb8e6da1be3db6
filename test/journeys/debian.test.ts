// The Debian package under a real systemd: installed it serves, its unit is as closed as it says, it reloads, comes up again after a
// death, is upgraded with its configuration kept, and a purge leaves nothing.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { buildDebian } from '../../scripts/debian.ts';
import type { Finished } from '../support/owned-process.ts';
import { startSystem, type System } from '../support/systemd.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the Debian package', () => {
  let dir: TempDir;
  let system: System;
  let name: string;
  before(async () => {
    dir = openTempDir('debian');
    const file = await buildDebian({ out: dir.path, dist: `${root}/dist`, fast: true, arch: process.arch });
    system = await startSystem([file]);
    name = `/srv/files/${file.slice(dir.path.length + 1)}`;
  });
  after(async () => {
    await system[Symbol.asyncDispose]();
    dir.remove();
  });

  const sh = (script: string): Promise<Finished> => system.run('sh', '-c', `cd /; ${script}`);
  /** Fails where the command does. */
  const must = async (script: string): Promise<string> => {
    const { stdout, stderr, code } = await sh(script);
    assert.equal(code, 0, `${script}\n${stdout}${stderr}`);
    return stdout.trim();
  };
  const code = (path: string): Promise<string> =>
    must(`curl -sk -o /dev/null -w '%{http_code}' https://localhost:8443${path}`);
  /** Of this systemd `reload` ends when the signal is sent; what was meant is what is waited for. */
  const reload = async (until: () => Promise<boolean>): Promise<void> => {
    await must('systemctl reload countersign');
    await eventually(until, { what: 'the reload' });
  };
  const show = (property: string): Promise<string> => must(`systemctl show -P ${property} countersign`);

  it('is a gateway that serves, as a user of its own, once dpkg is done', async () => {
    await must(`dpkg --install ${name}`);
    assert.equal(await show('ActiveState'), 'active');
    assert.equal(await show('StatusText'), 'serving');
    assert.equal(await must(`ps -o user= -p $(systemctl show -P MainPID countersign)`), 'countersign');
    assert.equal(await code('/nothing'), '404');
    assert.equal(await must("curl -s -o /dev/null -w '%{http_code}' http://localhost:9901/healthz"), '200');
    assert.equal(await must('countersign --version'), '0.1.0');
    const check = 'countersign check --config /etc/countersign/gateway.yml';
    await must(`runuser -u countersign -- ${check}`);
    // The store's key is its user's alone, and root is told so.
    assert.match((await sh(check)).stdout, /belongs to another user: run this as that one/);
  });

  it('keeps what is secret to its user', async () => {
    assert.equal(await must("stat -c '%U %a' /var/lib/countersign"), 'countersign 700');
    assert.equal(await must("stat -c '%U %G %a' /etc/countersign/gateway.yml"), 'root countersign 640');
    const open = await must('find /var/lib/countersign /var/cache/countersign -perm /077');
    assert.equal(open, '');
  });

  it('has a unit that systemd finds nothing wrong with, and little exposed', async () => {
    const verified = await sh('systemd-analyze verify /lib/systemd/system/countersign.service');
    assert.equal(
      verified.stderr
        .split('\n')
        .filter((line) => line.includes('countersign'))
        .join('\n'),
      '',
    );
    const judged = await must('systemd-analyze security --no-pager countersign.service');
    const exposure = Number(/Overall exposure level for countersign\.service: ([\d.]+)/.exec(judged)?.[1]);
    assert.ok(exposure <= 2.5, judged);
  });

  it('reloads: what is wrong leaves what runs, and says so', async () => {
    await must(
      `sed -i 's/routes: \\[\\]/routes: [{name: a, path: \\/, response: {statusCode: 204}}]/' /etc/countersign/gateway.yml`,
    );
    await reload(async () => (await code('/')) === '204');
    await must(
      `cp /etc/countersign/gateway.yml /root/good.yml; echo 'gateway: {routs: []}' > /etc/countersign/gateway.yml`,
    );
    await reload(async () => (await show('StatusText')).includes('the new one was refused'));
    assert.equal(await code('/'), '204');
    await must('cp /root/good.yml /etc/countersign/gateway.yml');
    await reload(async () => (await show('StatusText')) === 'serving');
  });

  it('comes up again where it was killed', async () => {
    await must('systemctl kill --kill-who=main --signal=KILL countersign');
    // First that it was started again, then that this start came to its end.
    await eventually(async () => (await show('NRestarts')) === '1' && (await show('ActiveState')) === 'active', {
      what: 'the restart',
    });
    assert.equal(await code('/'), '204');
  });

  it('is upgraded with its configuration and its store kept', async () => {
    const pid = await show('MainPID');
    const store = await must("stat -c '%i' /var/lib/countersign/store.db");
    await must(`dpkg --install --force-confold ${name}`);
    assert.notEqual(await show('MainPID'), pid);
    assert.equal(await show('ActiveState'), 'active');
    assert.equal(await must("stat -c '%i' /var/lib/countersign/store.db"), store);
    assert.match(await must('cat /etc/countersign/gateway.yml'), /statusCode: 204/);
  });

  it('has a manual page, and completion for shells', async () => {
    assert.match(await must('man --pager=cat countersign'), /API gateway for mutual TLS/);
    await must('bash -n /usr/share/bash-completion/completions/countersign');
  });

  it('stops when it is removed, keeps its configuration, and leaves nothing once purged', async () => {
    await must('dpkg --remove countersign');
    assert.equal((await sh('pgrep -u countersign')).code, 1);
    await must('test -e /etc/countersign/gateway.yml');
    await must('dpkg --purge countersign');
    const left = await must(
      'ls -d /etc/countersign /var/lib/countersign /var/log/countersign /usr/lib/countersign 2>/dev/null; true',
    );
    assert.equal(left, '');
  });
});
