// The ways to approve, by the very commands of docs/drift.md: each makes a running gateway take what it had refused, and what is not
// approved that way stays refused.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, readFileSync, statSync } from 'node:fs';
import { defaultGatewayName } from '../../src/config/own-name.ts';
import { delimiter } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { curl } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway, StartFailure, tameConfig } from '../support/gateway.ts';
import { openSetup } from '../support/mtls-setup.ts';
import { runToEnd } from '../support/owned-process.ts';
import { openPki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';
import { program } from '../support/program.ts';
import { openWrittenStore } from '../support/stored-config.ts';
import type { TempDir } from '../support/temp.ts';

const page = readFileSync(fileURLToPath(new URL('../../docs/drift.md', import.meta.url)), 'utf8');
const blocks = [...page.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) => block);
const began = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift: ');
const ended = ({ msg, drift }: LogLine): boolean => drift === 'unauthorised' && msg.startsWith('drift ended: ');

/** The block of the page that holds `words`, as its reader pastes it into a shell. */
async function paste(dir: TempDir, words: string): Promise<string> {
  const block = blocks.find((one) => one.includes(words)) ?? assert.fail(`docs/drift.md has no block with ${words}`);
  const countersign = dir.write('bin/countersign', `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`);
  chmodSync(countersign, 0o755);
  // Here it is root already.
  chmodSync(dir.write('bin/sudo', '#!/bin/sh\nexec "$@"\n'), 0o755);
  const script = dir.write('paste.sh', `set -e\ncd '${dir.path}'\n${block}`);
  const PATH = `${dir.file('bin')}${delimiter}${process.env['PATH'] ?? ''}`;
  const run = await runToEnd('sh', [script], { env: { PATH } });
  assert.equal(run.code, 0, run.stdout + run.stderr);
  return run.stdout;
}

async function after(gateway: Gateway, act: () => unknown, fits: (line: LogLine) => boolean): Promise<LogLine> {
  const from = gateway.log.length;
  await act();
  return gateway.waitForLog(fits, { from });
}

describe('approving files', () => {
  it('works as root, by a commit, and with a signature, each as the page says', async () => {
    await using setup = await openSetup();
    const { gateway, pki } = setup;
    const { dir } = pki;
    const write = (text: string): void => void dir.replace('gateway.yml', text);
    const drift = (rest: string): string =>
      tameConfig(setup.yaml({ gateway: `  drift: {every: 1s, selfTest: {enabled: false}, onChange: refuse${rest}}` }));
    const git = (...args: string[]): void =>
      void execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@a.test', ...args], { cwd: dir.path });

    await after(gateway, () => write(drift('')), began);
    await after(gateway, async () => assert.match(await paste(dir, 'sudo'), /belongs to root/), ended);

    await after(gateway, () => write(`${drift('')}# committed\n`), began);
    git('init', '-q');
    git('add', 'gateway.yml', 'clients-ca.crt');
    git('commit', '-q', '-m', 'x');
    await after(
      gateway,
      async () => {
        const said = await paste(dir, '--commit');
        assert.match(said, /^commit [0-9a-f]{40}$/m);
        assert.match(said, /not in the commit, approved as they stand: .*edge\.key/);
      },
      ended,
    );
    // What was not committed is not approved by a commit.
    await after(gateway, () => write(`${drift('')}# never committed\n`), began);
    await assert.rejects(paste(dir, '--commit'), /the files on the disk are not those of commit .*: gateway\.yml/);

    dir.write('approve.pub', 'not yet');
    const signed = `${drift(', approval: {publicKey: approve.pub}')}# signed\n`;
    await after(
      gateway,
      () => write(signed),
      ({ code }) => code === 'not_approved',
    );
    await after(gateway, async () => assert.match(await paste(dir, '--sign approve.key'), /signed in/), ended);

    await after(gateway, () => appendFileSync(gateway.configFile, '# by two people\n'), began);
    await after(
      gateway,
      async () => {
        const said = await paste(dir, 'pkeyutl -sign');
        assert.match(said, /it counts once it is signed/);
        assert.match(said, /Signature Verified Successfully/);
        assert.match(said, /^gateway\.yml: OK$/m);
      },
      ended,
    );
    // A list of root alone does not do where a signature is asked for.
    await after(gateway, () => appendFileSync(gateway.configFile, '# unsigned\n'), began);
    const run = await runToEnd(process.execPath, [program, 'approve', '-c', gateway.configFile]);
    assert.match(run.stdout, /it counts once it is signed/);
    assert.equal(await setup.metric('countersign_config_drift', 'kind="unauthorised"'), 1);
  });

  it('works in the store, for the gateway that is meant, and not without the opening key', async () => {
    await using stack = new AsyncDisposableStack();
    const pki = stack.use(await openPki());
    const { dir } = pki;
    const written = await openWrittenStore(dir);
    stack.defer(() => written.close());
    written.put('caBundles', 'clients', { ca: pki.clients.certPem });
    const yaml = (rest: string): string => `version: 2
gateway:
  store: {url: "sqlite:store.db"}
  drift: {every: 1s, selfTest: {enabled: false}, onChange: refuse}
  tls: {certificates: [{cert: edge.crt, key: edge.key}], clientAuth: {caBundles: [clients], required: true}}
${rest}`;
    dir.replace('gateway.yml', tameConfig(yaml('')));
    const start = async (): Promise<Gateway> =>
      startGateway({ configFile: dir.file('gateway.yml'), entryPoints: ['webSecure', 'admin'] });
    await assert.rejects(start(), (error) => error instanceof StartFailure && /never approved/.test(error.message));
    assert.match(await paste(dir, '--reason'), /recorded in the store for gateway /);
    const gateway = stack.use(await start());
    const from = gateway.log.length;
    dir.replace('gateway.yml', tameConfig(yaml('# changed\n')));
    const line = await gateway.waitForLog(began, { from });
    assert.match(line.msg, /gateway\.yml was changed$/);
    // Another gateway's approval is none of this one's.
    const approve = async (...args: string[]) =>
      runToEnd(process.execPath, [program, 'approve', '-c', gateway.configFile, ...args]);
    assert.equal((await approve('--gateway', 'somebody-else')).code, 0);
    await after(
      gateway,
      () => gateway.reload(),
      ({ msg }) => msg.startsWith('reload rejected'),
    );
    const copyAt = (): number => statSync(`${written.path}.${defaultGatewayName()}.approved-files`).mtimeMs;
    const copied = copyAt();
    await after(
      gateway,
      async () => assert.match(await paste(dir, '--reason'), /gateway\.yml was changed/),
      ({ msg }) => msg === 'configuration reloaded',
    );
    await gateway.waitForLog(ended);
    await eventually(() => copyAt() > copied, { what: 'a copy of what was approved' });
    const statusOf = async ({ ports }: Gateway): Promise<number> => {
      const { cert, key } = pki.alice;
      return (await curl(`https://localhost:${ports.webSecure}/`, { ca: pki.servers.file, cert, key })).status;
    };
    assert.equal(await statusOf(gateway), 404);
    // A start with a file, and a CA, that nobody approved: those that were approved stand in, until the file is put back or approved.
    const approved = readFileSync(gateway.configFile);
    await gateway.stop();
    dir.write('edge.crt', 'nothing');
    dir.replace('gateway.yml', tameConfig(yaml('')).replace('required: true', 'required: false'));
    const again = stack.use(await start());
    assert.equal((await again.waitForLog(began))['code'], 'file_refused');
    assert.equal(await statusOf(again), 404);
    const anonymous = await curl(`https://localhost:${again.ports.webSecure}/`, { ca: pki.servers.file });
    assert.notEqual(anonymous.exitCode, 0, 'a certificate is required as before');
    await after(
      again,
      () => {
        dir.write('edge.crt', pki.downstream.chainPem);
        dir.replace('gateway.yml', approved);
      },
      ended,
    );
  });

  it('says what keeps it from approving', async () => {
    const pki = await openPki();
    const { dir } = pki;
    try {
      const file = dir.write(
        'gateway.yml',
        tameConfig('gateway:\n  drift: {onChange: refuse}\n  tls: {certificates: [{cert: edge.crt, key: edge.key}]}\n'),
      );
      const approve = async (...args: string[]): Promise<string> => {
        const run = await runToEnd(process.execPath, [program, 'approve', '-c', file, ...args]);
        assert.equal(run.code, 1, run.stdout);
        return run.stderr;
      };
      assert.match(await approve('--sign', dir.file('edge.crt')), /is no private key that can be read/);
      assert.match(await approve('--commit', 'HEAD'), /is not the id of a commit/);
      assert.match(await approve('--commit', 'abcdef0'), /git does not give the commit/);
      dir.write('gateway.yml', 'gateway: {drift: {onChange: perhaps}}\n');
      assert.match(await approve(), /expected one of alert, refuse[^]*nothing was approved/);
      dir.write('gateway.yml', 'gateway: {drift: {approval: {publicKey: a.pub}}}\n');
      assert.match(await approve(), /nothing says what becomes of files/);
    } finally {
      pki.remove();
    }
  });
});
