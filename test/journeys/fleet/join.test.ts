// The example of several gateways works as its README says: two gateways that hold no more than a joining file needs, what they run
// put into the store by the command line, tried by one of them, promoted, taken back.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { curl } from '../../support/curl.ts';
import { findFreePort } from '../../support/free-port.ts';
import { type Gateway, startGateway } from '../../support/gateway.ts';
import { runToEnd, startProcess } from '../../support/owned-process.ts';
import { program } from '../../support/program.ts';
import { openTempDir, type TempDir } from '../../support/temp.ts';
import { eventually } from '../../support/wait-for.ts';

const example = fileURLToPath(new URL('../../../examples/several-gateways', import.meta.url));
const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let dir: TempDir;
let one: Gateway;
let two: Gateway;

type Run = { readonly code: number | null; readonly out: string };

/** `countersign` as the README has it, in the folder of the example. */
async function countersign(args: string): Promise<Run> {
  const run = await runToEnd(process.execPath, [program, ...args.split(' ')], { cwd: dir.path });
  return { code: run.code, out: `${run.stdout}${run.stderr}` };
}

async function must(args: string): Promise<string> {
  const { code, out } = await countersign(args);
  assert.equal(code, 0, `${args}\n${out}`);
  return out;
}

async function status({ ports }: Gateway, address: string, path: string, client = true): Promise<number> {
  const credentials = client ? { cert: dir.file('certs/client.crt'), key: dir.file('certs/client.key') } : {};
  const args = ['--resolve', `localhost:${ports.webSecure}:${address}`];
  const options = { loopback: false, ca: dir.file('certs/ca.crt'), ...credentials, args };
  return (await curl(`https://localhost:${ports.webSecure}${path}`, options)).status;
}

/** What each runs becomes known a moment after it runs it. */
async function settled(): Promise<void> {
  await eventually(async () => (await countersign('gateways --config edge-1.yml')).code === 0, {
    what: 'both to run what they are to',
  });
}

before(async () => {
  dir = stack.adopt(openTempDir('several'), (temp) => temp.remove());
  cpSync(example, dir.path, { recursive: true });
  await must('pki init certs --host localhost');
  mkdirSync(dir.file('store'), { mode: 0o700 });
  const port = await findFreePort();
  const echo = [program, 'echo', '--port', String(port)];
  stack.use(await startProcess(process.execPath, echo, { cwd: dir.path, name: 'echo' }));
  dir.replace('objects.yml', readFileSync(dir.file('objects.yml'), 'utf8').replace('9080', String(port)));
  const entryPoints = ['webSecure', 'admin'] as const;
  const start = async (name: string): Promise<Gateway> => {
    const text = readFileSync(dir.file(`${name}.yml`), 'utf8').replaceAll(/:(8443|9901)"/g, ':0"');
    return stack.use(await startGateway({ configFile: dir.replace(`${name}.yml`, text), entryPoints }));
  };
  one = await start('edge-1');
  two = await start('edge-2');
});

it('both serve what is applied once, and ask for certificates', async () => {
  assert.match(await must('apply objects.yml --config edge-1.yml'), /^revision 1$/m);
  await settled();
  assert.deepEqual([await status(one, '127.0.0.1', '/'), await status(two, '127.0.0.2', '/')], [200, 200]);
  assert.equal(await status(two, '127.0.0.2', '/', false), 0);
  const out = await must('gateways --config edge-2.yml');
  assert.match(out, /^edge-1: current, revision 1, since \S+, reported \S+, Countersign 0\.1\.0\nedge-2: current, /);
});

it('a trial is on one of them alone, keeps other changes out, and is promoted or taken back', async () => {
  assert.match(await must('apply next.yml --canary edge-2 --config edge-1.yml'), /^revision 2$/m);
  await settled();
  const told = await must('rollout status --config edge-2.yml');
  assert.match(told, /^revision 2 of "local:\S+" is on trial on edge-2 since \S+; all others run revision 1$/m);
  const shown = JSON.parse(await must('gateways --config edge-1.yml --json')) as {
    rollout: { revision: number; gateways: string[] };
    gateways: { name: string; revision: number; expected: { canary: boolean } }[];
  };
  assert.deepEqual([shown.rollout.revision, shown.rollout.gateways], [2, ['edge-2']]);
  assert.deepEqual(
    shown.gateways.map(({ name, revision, expected }) => [name, revision, expected.canary]),
    [
      ['edge-1', 1, false],
      ['edge-2', 2, true],
    ],
  );
  for (const args of ['apply next.yml --config edge-1.yml', 'apply next.yml --canary edge-1 --config edge-1.yml']) {
    const { code, out } = await countersign(args);
    assert.deepEqual(
      [code, /nothing else is changed while revision 2 .* is on trial on edge-2/.test(out)],
      [1, true],
      out,
    );
  }
  assert.match(await must('rollout revert --config edge-2.yml'), /^revision 3 is for all gateways$/m);
  assert.match(await must('apply next.yml --canary edge-2 --config edge-2.yml'), /^revision 4$/m);
  assert.match(await must('rollout promote --config edge-1.yml'), /^revision 5 is for all gateways$/m);
  await settled();
  assert.deepEqual([await status(one, '127.0.0.1', '/next'), await status(two, '127.0.0.2', '/next')], [200, 200]);
  const { code, out } = await countersign('rollout promote --config edge-1.yml');
  assert.deepEqual([code, out.trim()], [1, 'error: nothing is on trial']);
});

it('a gateway that never reported cannot try anything, and one that reports is not forgotten', async () => {
  const unknown = await countersign('apply next.yml --canary edge-9 --config edge-1.yml');
  assert.equal(unknown.code, 1);
  assert.match(unknown.out, /no gateway has reported under the name edge-9/);
  const kept = await countersign('gateways remove edge-2 --config edge-1.yml');
  assert.equal(kept.code, 1);
  assert.match(kept.out, /edge-2 reports, and would be back in a moment/);
});
