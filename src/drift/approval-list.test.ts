// The list of approved files: one text for each content, nothing else is taken for one, and every difference has a name.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { hash } from 'node:crypto';
import { describe, it } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import {
  type ApprovalList,
  compareFiles,
  describeDifference,
  filesToApprove,
  isSame,
  NoApproval,
  parseApprovalList,
  writeApprovalList,
} from './approval-list.ts';

const sha = (text: string): string => hash('sha256', text, 'hex');
const digest = (path: string, text: string) => ({ path, sha256: sha(text) });
const main = { ...digest('/etc/gw/gateway.yml', 'a'), isText: true } as const;

function listOf(over: Partial<ApprovalList> = {}): ApprovalList {
  return {
    approvedAt: '2026-11-28T02:00:00.000Z',
    by: 'local:root',
    onChange: 'refuse',
    commit: undefined,
    except: [],
    files: new Map([
      ['ca.crt', sha('ca')],
      ['gateway.yml', sha('a')],
    ]),
    ...over,
  };
}

describe('a list of approved files', () => {
  it('is read as it was written, and in one form only', () => {
    for (const list of [listOf(), listOf({ commit: 'a'.repeat(40), except: ['live', '/etc/letsencrypt'] })]) {
      const text = writeApprovalList(list);
      assert.deepEqual(parseApprovalList(text), list);
      for (const other of [
        '',
        `${text}\n`,
        text.slice(0, -1),
        text.replace('onChange refuse', 'onChange none '),
        text.replace('approval 1', 'approval 2'),
        `${text}${sha('x')}  ca.crt\n`,
        `${text}${sha('x')}  z\\n\n`,
        text.replace(sha('ca'), sha('ca').toUpperCase()),
        text.replace(/^(#.*\n)+/, ''),
      ])
        assert.throws(() => parseApprovalList(other), NoApproval, other);
    }
  });

  it('can be verified by sha256sum', () => {
    using dir = openTempDir('approval');
    dir.write('gateway.yml', 'a');
    dir.write('sub/a b.crt', 'ca');
    const { files, except } = filesToApprove(
      [{ ...digest(dir.file('gateway.yml'), 'a'), isText: true }, digest(dir.file('sub/a b.crt'), 'ca')],
      ['/var/live'],
      dir.path,
    );
    dir.write('list', writeApprovalList(listOf({ files, except })));
    const said = execFileSync('sha256sum', ['-c', '--strict', 'list'], { cwd: dir.path, encoding: 'utf8' });
    assert.equal(said, 'gateway.yml: OK\nsub/a b.crt: OK\n');
  });

  it('knows a changed file, a new one, one that is gone, and one that moved to a name outside', () => {
    const seen = [main, digest('/etc/gw/ca.crt', 'ca')];
    const against = (digests: Parameters<typeof compareFiles>[1], list = listOf()): string =>
      describeDifference(compareFiles(list, digests, '/etc/gw'));
    assert.equal(against(seen), '');
    assert.ok(isSame(compareFiles(listOf(), seen, '/etc/gw')));
    assert.equal(against([main, digest('/etc/gw/ca.crt', 'other')]), 'ca.crt was changed');
    assert.equal(against([...seen, digest('/etc/gw/extra/b.yml', 'x')]), 'extra/b.yml is new');
    assert.equal(against([main]), 'ca.crt is gone');
    assert.equal(against([main, digest('/tmp/ca.crt', 'ca')]), '/tmp/ca.crt is new; ca.crt is gone');
    const many = Array.from({ length: 7 }, (_, at) => digest(`/etc/gw/${at}`, 'x'));
    assert.equal(against([...seen, ...many]), '0, 1, 2, 3, 4 and 2 more are new');
  });

  it('leaves to others what the approved configuration leaves to them, and never a text of the configuration', () => {
    const list = listOf({ except: ['.', '/live/cert.pem'], files: new Map([['gateway.yml', sha('a')]]) });
    const seen = [main, digest('/etc/gw/ca.crt', 'anything'), digest('/live/cert.pem', 'new')];
    assert.ok(isSame(compareFiles(list, seen, '/etc/gw')));
    const changed = { ...main, sha256: sha('b') };
    assert.equal(describeDifference(compareFiles(list, [changed], '/etc/gw')), 'gateway.yml was changed');
    const outside = digest('/live/cert.pem2', 'x');
    assert.equal(describeDifference(compareFiles(list, [main, outside], '/etc/gw')), '/live/cert.pem2 is new');
  });

  it('holds no name that could be two lines', () => {
    for (const name of ['a\nb', 'a\\b', 'a\u007fb'])
      assert.throws(() => filesToApprove([digest(`/etc/gw/${name}`, 'x')], [], '/etc/gw'), NoApproval);
  });
});
