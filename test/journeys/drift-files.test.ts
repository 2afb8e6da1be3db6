// Files that somebody changes without approval, saved as real editors save them: found, taken or refused as it is asked for, and approved by
// each of the ways that there are, while traffic flows.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, readFileSync, rmSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { LogLine } from '../support/gateway.ts';
import { StartFailure, startGateway } from '../support/gateway.ts';
import { expectFlawless, openSetup, type Setup } from '../support/mtls-setup.ts';
import { program } from '../support/program.ts';
import { runToEnd } from '../support/owned-process.ts';

const began = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift: ');
const ended = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift ended: ');
const reloaded = ({ msg }: LogLine): boolean => msg === 'configuration reloaded';

async function approve(setup: { gateway: { configFile: string } }, ...args: string[]): Promise<string> {
  const run = await runToEnd(process.execPath, [program, 'approve', '-c', setup.gateway.configFile, ...args]);
  assert.equal(run.code, 0, run.stderr);
  return run.stdout;
}

const metricOf = async (setup: Setup): Promise<number> =>
  setup.metric('countersign_config_drift', 'kind="unauthorised"');

/** Does something, and waits for a line of the log that was not there before. */
async function after(
  setup: Setup,
  act: () => unknown,
  fits: (line: LogLine) => boolean,
  what: string,
): Promise<LogLine> {
  const from = setup.gateway.log.length;
  await act();
  return setup.gateway.waitForLog(fits, { from, what });
}

const drift = (rest: string): string =>
  `  accessLog: {enabled: false}\n  drift: {every: 1s, selfTest: {enabled: false}, ${rest}}`;

/** How people save: each puts `# NAME` at the end. */
const editors: readonly (readonly [string, (file: string) => void])[] = [
  ['ed, in place', (file) => execFileSync('ed', ['-s', file], { input: '$a\n# ed\n.\nw\nq\n' })],
  [
    'vi, its own way',
    (file) =>
      execFileSync('vi', ['-e', '-s', '-u', 'NONE', '-c', "$put ='# vi'", '-c', 'wq', file], { stdio: 'ignore' }),
  ],
  ['sed -i, by a rename', (file) => execFileSync('sed', ['-i', '$a # sed', file])],
  ['a shell, in place', (file) => execFileSync('sh', ['-c', 'echo "# sh" >> "$0"', file])],
];

/** A gateway that runs what was approved, from the day on which its file began to ask for that. */
async function openApproved(rest: string, workers = 1): Promise<Setup> {
  const setup = await openSetup({ workers });
  try {
    const yaml = setup.yaml({ gateway: drift(rest) });
    const line = await after(setup, () => setup.gateway.rewrite(yaml), began, 'it to be asked for');
    assert.match(line.msg, /were never approved$/);
    const said = await after(setup, () => approve(setup), reloaded, 'what was approved to be taken');
    assert.ok(said);
    await setup.gateway.waitForLog(ended);
    return setup;
  } catch (error) {
    await setup[Symbol.asyncDispose]();
    throw error;
  }
}

describe('files that nobody approved', () => {
  it('are not taken with onChange: refuse, however they were saved, and are with an approval', async () => {
    await using setup = await openApproved('onChange: refuse', 2);
    const file = setup.gateway.configFile;
    const load = setup.load({ pauseMs: 100 });
    await load.waitForOk(5);
    assert.equal(await metricOf(setup), 0);
    const before = readFileSync(file);
    for (const [name, save] of editors) {
      const line = await after(setup, () => save(file), began, `${name} to be found`);
      assert.match(line.msg, /gateway\.yml was changed$/, name);
      assert.equal(line['code'], 'file_refused');
      assert.equal(await metricOf(setup), 1, name);
      const shown = JSON.parse((await setup.gateway.admin('/drift')).body) as {
        drift: { kind: string; key: string }[];
      };
      assert.deepEqual(
        shown.drift.map(({ kind, key }) => [kind, key]),
        [['unauthorised', 'files']],
      );
      await after(setup, () => setup.pki.dir.replace('gateway.yml', before), ended, `${name} to be undone`);
      assert.equal(await metricOf(setup), 0, name);
    }
    // Whoever can edit the file takes the rule out of it first.
    const without = before.toString('utf8').replace(/^ +drift: .*\n/m, '');
    assert.ok(!without.includes('drift'));
    await after(
      setup,
      () => setup.pki.dir.replace('gateway.yml', without),
      began,
      'the rule that is gone to be missed',
    );
    const said = await after(setup, () => approve(setup), reloaded, 'the approved file to be taken');
    assert.ok(said);
    assert.equal(await metricOf(setup), 0);
    await expectFlawless(load);
  });

  it('are found where it is a CA that was swapped, and what is left to others is not looked at', async () => {
    await using setup = await openApproved('onChange: refuse, except: [edge.crt, edge.key]');
    const { pki } = setup;
    const renewed = await pki.servers.issue({ kind: 'server', cn: 'localhost', sans: ['DNS:localhost'] });
    await after(
      setup,
      () => {
        pki.dir.write('edge.crt', renewed.chainPem);
        pki.dir.write('edge.key', renewed.keyPem);
      },
      reloaded,
      'the renewed certificate to be taken',
    );
    assert.equal(await metricOf(setup), 0);
    const line = await after(
      setup,
      () => pki.dir.write('clients-ca.crt', pki.servers.certPem),
      began,
      'the CA to be missed',
    );
    assert.match(line.msg, /clients-ca\.crt was changed$/);
  });

  it('are taken with an alarm with onChange: alert, also where the rule was taken out, until somebody approves', async () => {
    await using setup = await openApproved('onChange: alert');
    const { gateway } = setup;
    const load = setup.load({ pauseMs: 100 });
    await load.waitForOk(5);
    const without = readFileSync(gateway.configFile, 'utf8').replace(/^ +drift: .*\n/m, '  drift: {every: 1s}\n');
    const line = await after(
      setup,
      () => setup.pki.dir.replace('gateway.yml', without),
      began,
      'the change to be found',
    );
    assert.equal(line['code'], 'file_changed');
    await gateway.waitForLog(reloaded, { what: 'it to be taken all the same' });
    await after(setup, () => setup.pki.dir.replace('gateway.yml', `${without}# more\n`), reloaded, 'one more change');
    assert.equal(await metricOf(setup), 1, 'the alarm lasts');
    await after(setup, () => approve(setup), ended, 'the alarm to end');
    assert.equal(await metricOf(setup), 0);
    await expectFlawless(load);
  });

  it('keep a gateway from starting, and a list that is not root’s does not help', async () => {
    await using setup = await openApproved('onChange: refuse');
    const { dir } = setup.pki;
    await setup.gateway.stop();
    const approved = readFileSync(setup.gateway.configFile, 'utf8');
    const start = async (text: string, args: string[] = []): Promise<string> => {
      dir.replace('gateway.yml', text);
      try {
        const started = await startGateway({ configFile: setup.gateway.configFile, args });
        await started.stop();
        return 'started';
      } catch (error) {
        assert.ok(error instanceof StartFailure);
        return error.log.map(({ msg }) => msg).join('\n');
      }
    };
    assert.equal(await start(approved), 'started');
    assert.match(await start(`${approved}# x\n`), /error: the files are not those that were approved[^]*not started/);
    const without = approved.replace(/^ +drift: .*\n/m, '');
    assert.match(
      await start(without),
      /error: the files are not those that were approved/,
      'the approval that is there remembers that it was asked for',
    );
    chownSync(`${setup.gateway.configFile}.approved`, 65534, 0);
    assert.match(await start(approved), /belongs to user 65534/);
    rmSync(`${setup.gateway.configFile}.approved`);
    assert.equal(await start(without), 'started', 'who can take away all of it is stopped from outside only:');
    assert.match(await start(without, ['--require-approval', 'root']), /never approved/);
    assert.match(await start(approved, ['--require-approval', 'nothing.pub']), /neither root nor a file/);
  });
});
