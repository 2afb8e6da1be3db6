// Files of a commit of a real git: their digests, what is none of them, and that nothing of the work tree is run or believed.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { deflateSync } from 'node:zlib';
import { openTempDir, type TempDir } from '../../test/support/temp.ts';
import { NoApproval } from './approval-list.ts';
import { CommitFiles } from './commit-files.ts';

const sha = (text: string): string => hash('sha256', text, 'hex');

function open(t: TestContext, format = 'sha1'): { dir: TempDir; git: (...args: string[]) => string; head: string } {
  const dir = openTempDir('commit');
  t.after(() => dir.remove());
  const git = (...args: string[]): string =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@a.test', ...args], {
      cwd: dir.path,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'], HOME: dir.path },
    }).trim();
  git('init', '-q', `--object-format=${format}`);
  dir.write('etc/gateway.yml', 'one');
  dir.write('etc/extra/routes.yml', 'routes');
  git('add', '.');
  git('commit', '-q', '-m', 'first');
  return { dir, git, head: git('rev-parse', 'HEAD') };
}

describe('the files of a commit', () => {
  for (const format of ['sha1', 'sha256'])
    it(`have the digests of what was committed, whatever stands on the disk (${format})`, async (t) => {
      const { dir, head } = open(t, format);
      dir.write('etc/gateway.yml', 'two');
      const commit = await CommitFiles.open(dir.file('etc'), head.slice(0, 12));
      assert.equal(commit.id, head);
      assert.equal(await commit.digestOf(dir.file('etc/gateway.yml')), sha('one'));
      assert.equal(await commit.digestOf(dir.file('etc/extra/routes.yml')), sha('routes'));
      assert.equal(await commit.digestOf(dir.file('etc/extra')), undefined, 'a folder');
      assert.equal(await commit.digestOf(dir.file('etc/new.yml')), undefined, 'what was never committed');
      assert.equal(await commit.digestOf('/etc/hostname'), undefined, 'what lies elsewhere');
    });

  it('are asked for by the id of a commit, which cannot be moved', async (t) => {
    const { dir, git } = open(t);
    git('tag', 'live');
    for (const name of ['live', 'HEAD', 'main', '-x', 'abc', ''])
      await assert.rejects(CommitFiles.open(dir.path, name), /is not the id of a commit/);
    await assert.rejects(CommitFiles.open(dir.path, '0'.repeat(40)), NoApproval);
    using other = openTempDir('no-tree');
    await assert.rejects(CommitFiles.open(other.path, '0'.repeat(40)), /does not give the commit/);
  });

  it('are no longer believed where an object under .git was replaced', async (t) => {
    const { dir, git, head } = open(t);
    const blob = git('rev-parse', `${head}:etc/gateway.yml`);
    const path = join(dir.file('.git/objects'), blob.slice(0, 2), blob.slice(2));
    chmodSync(path, 0o644);
    writeFileSync(path, deflateSync('blob 4\0evil'));
    const commit = await CommitFiles.open(dir.path, head);
    await assert.rejects(commit.digestOf(dir.file('etc/gateway.yml')), NoApproval);
    // The way that git itself offers.
    git('replace', git('rev-parse', `${head}:etc/extra/routes.yml`), git('hash-object', '-w', dir.write('x', 'evil')));
    assert.equal(await commit.digestOf(dir.file('etc/extra/routes.yml')), sha('routes'));
  });

  it('are had without running anything that the work tree names', async (t) => {
    const { dir, git, head } = open(t);
    const ran = dir.file('ran');
    const trap = dir.write('trap.sh', `#!/bin/sh\ntouch ${ran}\n`);
    chmodSync(trap, 0o755);
    for (const key of [
      'core.fsmonitor',
      'core.pager',
      'core.sshCommand',
      'core.editor',
      'diff.external',
      'filter.x.smudge',
      'filter.x.clean',
      'uploadpack.packObjectsHook',
      'gpg.program',
    ])
      git('config', key, trap);
    git('config', 'alias.cat-file', `!${trap}`);
    git('config', 'alias.rev-parse', `!${trap}`);
    dir.write('.gitattributes', '* filter=x\n');
    mkdirSync(dir.file('.git/hooks'), { recursive: true });
    for (const hook of ['post-index-change', 'reference-transaction', 'post-checkout', 'fsmonitor-watchman'])
      writeFileSync(dir.file(`.git/hooks/${hook}`), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
    // A partial clone would fetch what is not there, by a program that its configuration names.
    git('config', 'extensions.partialClone', 'origin');
    git('config', 'remote.origin.promisor', 'true');
    git('config', 'remote.origin.url', `ext::${trap}`);
    const commit = await CommitFiles.open(dir.path, head);
    assert.equal(await commit.digestOf(dir.file('etc/gateway.yml')), sha('one'));
    await assert.rejects(CommitFiles.open(dir.path, '1'.repeat(40)), NoApproval);
    assert.ok(!existsSync(ran), `${readdirSync(dir.path).join()}: something was run`);
  });

  it('are not taken from a work tree of somebody else', async (t) => {
    const { dir, head } = open(t);
    execFileSync('chown', ['-R', '65534', dir.path]);
    chownSync(dir.path, 65534, 65534);
    await assert.rejects(CommitFiles.open(dir.path, head), /dubious ownership|does not give/);
  });
});
