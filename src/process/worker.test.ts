import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';

const worker = fileURLToPath(new URL('./worker.ts', import.meta.url));

it('a worker whose standard error nobody reads any more ends after a defect, instead of failing for ever', async (t) => {
  const child = fork(worker, { execArgv: [], stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'message');
  child.stderr?.destroy();
  // Nothing was prepared: that must not happen, and there is no log yet to say so in.
  child.send({ kind: 'commit', generation: 1 });
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 1);
});
