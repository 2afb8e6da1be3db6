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

/** As a function of a module that is loaded before the worker's own: calls a function so often, then says how V8 has compiled it. */
function probe(calls: number): string {
  const source = `
    const add = (numbers, at) => numbers[at & 3] + at;
    process.on('message', ({ kind }) => {
      if (kind !== 'probe') return;
      let sum = 0;
      for (let at = 0; at < ${calls}; at += 1) sum += add([1, 2, 3, 4], at);
      process.send({ kind: 'probed', status: %GetOptimizationStatus(add), sum });
    });`;
  return `data:text/javascript,${encodeURIComponent(source)}`;
}

// Bits of %GetOptimizationStatus.
const maglevved = 1 << 4;
const turbofanned = 1 << 5;

for (const [calls, compiled] of [
  [20_000, maglevved],
  [60_000, turbofanned],
] as const) {
  const by = compiled === turbofanned ? 'by its slowest compiler' : 'by a quick compiler alone';
  it(`a worker has what was called ${calls} times compiled ${by}`, async (t) => {
    // On one thread, so that it does not depend on the time that another one gets.
    const execArgv = ['--allow-natives-syntax', '--no-concurrent-recompilation', '--import', probe(calls)];
    const child = fork(worker, { execArgv, stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
    t.after(() => child.kill('SIGKILL'));
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(child, 'message');
    child.send({ kind: 'probe' });
    const [{ status }] = (await once(child, 'message')) as [{ readonly status: number }];
    assert.equal(status & (maglevved | turbofanned), compiled);
    // Of a flag that it does not know V8 says so, and nothing else.
    assert.equal(said, '');
  });
}
