// By which rules a configuration is judged: those that held before it, and its own; what is taken with an alarm ends neither.
import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { it, type TestContext } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import type { FileDigest } from '../config/load-config.ts';
import type { DriftReport } from '../gateway/drift.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { filesToApprove, writeApprovalList } from './approval-list.ts';
import { FileGuard } from './file-guard.ts';

type Mode = 'alert' | 'refuse' | undefined;

function open(t: TestContext, required = false) {
  const dir = openTempDir('guard');
  t.after(() => dir.remove());
  const mainFile = dir.file('gateway.yml');
  const list = `${mainFile}.approved`;
  const reports: DriftReport[] = [];
  const guard = new FileGuard({ mainFile, required: required ? { kind: 'root', list } : undefined, stored: undefined });
  guard.reportTo((report) => void reports.push(report));
  let minute = 0;
  const digestsOf = (text: string): FileDigest[] => [
    { path: mainFile, sha256: hash('sha256', text, 'hex'), isText: true },
  ];
  return {
    guard,
    code: () => reports.at(-1)?.findings[0]?.code,
    approve: (text: string, onChange: Mode, at = ++minute): void =>
      writeFileSync(
        list,
        writeApprovalList({
          approvedAt: new Date(Date.UTC(2026, 0, 1, 0, at)).toISOString(),
          by: 'local:root',
          onChange: onChange ?? 'none',
          commit: undefined,
          ...filesToApprove(digestsOf(text), [], dir.path),
        }),
        { mode: 0o644 },
      ),
    judge: async (text: string, onChange: Mode, isUsable = true) => {
      const drift = {
        onChange,
        publicKey: undefined,
        list,
        except: [],
        everyMs: 1,
        selfTest: { enabled: false, everyMs: 1 },
      };
      const loaded = isUsable ? ({ config: { drift } } as unknown as LoadedConfig) : undefined;
      const { outcome } = await guard.judge({ digests: digestsOf(text), loaded });
      if (outcome !== 'refused' && isUsable) guard.committed();
      return outcome;
    },
  };
}

it('nobody compares where nobody asks for it', async (t) => {
  const { judge, code } = open(t);
  assert.equal(await judge('a', undefined), 'off');
  assert.equal(code(), undefined);
});

it('the rule of what was approved last holds for what comes without one', async (t) => {
  const { judge, approve, code } = open(t);
  assert.equal(await judge('a', 'refuse'), 'refused', 'asked for, and never approved');
  approve('a', 'refuse');
  assert.equal(await judge('a', 'refuse'), 'approved');
  assert.equal(await judge('b', undefined), 'refused');
  assert.equal(code(), 'file_refused');
  assert.equal(await judge('b', undefined, false), 'refused', 'one that cannot be read is another, too');
  assert.equal(await judge('a', 'refuse'), 'approved');
  approve('b', undefined);
  assert.equal(await judge('b', undefined), 'approved', 'it may go where that is approved');
  assert.equal(await judge('c', undefined), 'off');
});

it('an alarm outlasts the rule that raised it, and further changes, until somebody approves', async (t) => {
  const { judge, approve, code, guard } = open(t);
  approve('a', 'alert');
  assert.equal(await judge('a', 'alert'), 'approved');
  assert.equal(await judge('b', undefined), 'taken');
  assert.equal(await judge('c', undefined), 'taken');
  assert.equal(code(), 'file_changed');
  approve('c', undefined);
  assert.equal(await guard.recheck(), false, 'it is in force already');
  assert.equal(code(), undefined);
  assert.equal(await judge('d', undefined), 'off');
});

it('a start goes by what the approval that is there remembers', async (t) => {
  const { judge, approve } = open(t);
  approve('a', 'refuse');
  assert.equal(await judge('b', undefined), 'refused');
  assert.equal(await judge('a', 'refuse'), 'approved');
});

it('an alarm at the start stays one when its rule was taken out before the start', async (t) => {
  const { judge, approve } = open(t);
  approve('a', 'alert');
  assert.equal(await judge('b', undefined), 'taken');
  assert.equal(await judge('c', undefined), 'taken');
});

it('what is required from outside holds whatever files and approvals say', async (t) => {
  const { judge, approve } = open(t, true);
  assert.equal(await judge('a', undefined), 'refused');
  approve('a', undefined);
  assert.equal(await judge('a', undefined), 'approved');
  assert.equal(await judge('b', 'alert'), 'refused');
});

it('what was refused is to be loaded again once it is approved, and an old approval that comes back is none', async (t) => {
  const { judge, approve, guard, code } = open(t);
  approve('a', 'refuse', 1);
  assert.equal(await judge('a', 'refuse'), 'approved');
  assert.equal(await judge('b', 'refuse'), 'refused');
  assert.equal(await guard.recheck(), false);
  approve('b', 'refuse', 5);
  assert.equal(await guard.recheck(), true);
  assert.equal(await judge('b', 'refuse'), 'approved');
  approve('a', 'refuse', 1);
  assert.equal(await judge('a', 'refuse'), 'refused');
  assert.equal(code(), 'file_refused');
});
