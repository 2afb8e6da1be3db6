// What `countersign completion` prints, read by the shells that it is for.
import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { runCli } from '../support/cli.ts';
import { runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openTempDir } from '../support/temp.ts';

const script = async (shell: string): Promise<string> => {
  const { stdout, stderr, code } = await runCli(['completion', shell]);
  assert.equal(code, 0, stderr);
  return stdout;
};

describe('completion', () => {
  let bash: string;
  before(async () => {
    bash = await script('bash');
  });

  /** What bash offers for `line`, the last word of which is being typed. */
  const offered = async (line: string, cwd?: string): Promise<string[]> => {
    const words = ['countersign', ...line.split(' ')];
    const run = `COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _countersign; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const args = ['--norc', '-c', `${bash}\n${run}`, 'bash', ...words];
    const { stdout, stderr } = await runToEnd(requireCommand('bash'), args, cwd === undefined ? {} : { cwd });
    assert.equal(stderr, '');
    return stdout.split('\n').filter((word) => word !== '');
  };

  it('offers commands, those below them, and their options', async () => {
    assert.deepEqual(await offered('ex'), ['explain', 'export']);
    assert.deepEqual(await offered('explain h'), ['handshake']);
    assert.deepEqual(await offered('check --co'), ['--config', '--compare']);
    assert.deepEqual(await offered('nonsense --dry'), []);
  });

  it('offers files where a command takes them, with blanks in their names', async () => {
    using dir = openTempDir('completion');
    dir.write('my gateway.yml', '');
    assert.deepEqual(await offered('check --config my', dir.path), ['my gateway.yml']);
    assert.deepEqual(await offered('my', dir.path), []);
  });

  it('is read by zsh and fish', async () => {
    using dir = openTempDir('completion');
    for (const [shell, check] of [
      ['zsh', '-n'],
      ['fish', '--no-execute'],
    ] as const) {
      const file = dir.write(`countersign.${shell}`, await script(shell));
      const { stderr, code } = await runToEnd(requireCommand(shell), [check, file]);
      assert.deepEqual({ stderr, code }, { stderr: '', code: 0 });
    }
    const asked = `source ${dir.file('countersign.fish')}; complete --do-complete 'countersign explain h'`;
    const { stdout } = await runToEnd(requireCommand('fish'), ['--no-config', '-c', asked]);
    assert.match(stdout, /^handshake\t/m);
  });

  it('refuses a shell that it does not know', async () => {
    const { stderr, code } = await runCli(['completion', 'tcsh']);
    assert.equal(code, 1);
    assert.match(stderr, /bash, zsh, fish/);
  });
});
