import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { describe, it, type TestContext } from 'node:test';
import { openTempDir } from '../../test/support/temp.ts';
import { eventually, SAFETY_NET_MS } from '../../test/support/wait-for.ts';
import { type Clock, systemClock } from '../base/clock.ts';
import type { ExecSettings, SourceConfig } from '../config/source-config.ts';
import { makeExecSource } from './exec.ts';
import type { Delivery, SourceProblem } from './source.ts';

const place = { file: 'g.yml', line: 1, col: 1 };

function open(
  t: TestContext,
  script: string,
  more: Partial<ExecSettings> = {},
  want: SourceConfig['want'] = 'pair',
  clock = systemClock,
) {
  const dir = openTempDir('exec');
  t.after(() => dir.remove());
  const program = dir.write('run.sh', `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o700);
  const common = { kind: 'exec', want, label: 'edge (exec)', place, mayStartWithout: false } as const;
  const settings = {
    command: [program, '$HOME', 'a b'],
    env: {},
    timeoutMs: SAFETY_NET_MS,
    refreshMs: undefined,
    ...more,
  };
  const source = makeExecSource({ ...common, ...settings }, clock);
  const outcome = Promise.withResolvers<Delivery | SourceProblem>();
  source.open({ deliver: (delivery) => outcome.resolve(delivery), fail: (problem) => outcome.resolve(problem) });
  source.renew();
  return { dir, source, outcome: outcome.promise };
}

async function fails(t: TestContext, script: string, more: Partial<ExecSettings> = {}): Promise<SourceProblem> {
  const outcome = await open(t, script, more).outcome;
  assert.ok('code' in outcome, JSON.stringify(outcome));
  return outcome;
}

describe('a command as a source', () => {
  it('gets its arguments as they are, and no environment but its own', async (t) => {
    const script = 'printf \'{"certificate": "%s|%s", "key": "%s|%s"}\' "$1" "$2" "$TOKEN" "$HOME"';
    const { outcome } = open(t, script, { env: { TOKEN: 'abc' } });
    assert.deepEqual(await outcome, { pair: { certPem: '$HOME|a b', keyPem: 'abc|' } });
  });

  it('prints PEM in any order, or JSON with the time of its renewal', async (t) => {
    const block = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
    const text = block('CERTIFICATE') + block('EC PRIVATE KEY') + block('CERTIFICATE');
    const pem = await open(t, `cat <<'END'\n${text}END`).outcome;
    const certPem = block('CERTIFICATE').repeat(2);
    assert.deepEqual(pem, { pair: { certPem, keyPem: block('EC PRIVATE KEY') } });
    const json = `printf '%s' '{"ca": "x", "renewAt": "2030-01-01T00:00:00Z"}'`;
    assert.deepEqual(await open(t, json, {}, 'anchors').outcome, { anchorsPem: 'x', renewAt: Date.UTC(2030, 0, 1) });
  });

  it('exits with an error: its exit code and what it said, without what looks like a key', async (t) => {
    const secret = 'MC4CAQAwBQYDK2VwBCIEIHcHbQpzGKV9PBbBclGyZkXfTC0H68oHBZSrDHyBXv9u';
    const script = `echo 'no such role' >&2; printf -- '-----BEGIN PRIVATE KEY-----\\n${secret}\\n' >&2; exit 3`;
    const { code, message } = await fails(t, script);
    assert.equal(code, 'exec_failed');
    assert.match(message, /^edge \(exec\): the command failed \(exit code 3\): no such role/);
    assert.ok(!message.includes(secret.slice(0, 20)));
    const { message: other } = await fails(t, `echo 'token ${secret} is refused' >&2; exit 1`);
    assert.ok(!other.includes(secret.slice(0, 20)), other);
  });

  it('hangs: it is ended with what it started', async (t) => {
    let timeOut = (): void => {};
    const clock: Clock = {
      ...systemClock,
      after: (_delayMs, act) => {
        timeOut = act;
        return () => {};
      },
    };
    const { dir, outcome } = open(t, 'sleep 1000 & echo $! > "${0%/*}/pid"; wait', {}, 'pair', clock);
    await eventually(() => readFileSync(dir.file('pid'), 'utf8') !== '', { what: 'the process' });
    timeOut();
    const problem = await outcome;
    assert.equal('code' in problem && problem.code, 'exec_timeout');
    const pid = readFileSync(dir.file('pid'), 'utf8').trim();
    await eventually(
      () => !existsSync(`/proc/${pid}`) || /State:\s+Z/.test(readFileSync(`/proc/${pid}/status`, 'utf8')),
      {
        what: 'the end of what the command started',
      },
    );
  });

  it('floods: no more is kept than may be', async (t) => {
    assert.equal((await fails(t, 'yes')).code, 'exec_output_too_large');
    const flooded = await fails(t, 'yes error | head -c 20000000 >&2; exit 1');
    assert.ok(flooded.message.length < 1_000);
  });

  it('is not there, or may not be run', async (t) => {
    const { code, message } = await fails(t, '', { command: ['/nonexistent/program'] });
    assert.equal(code, 'exec_not_started');
    assert.match(message, /ENOENT/);
    assert.match((await fails(t, '', { command: ['/etc/passwd'] })).message, /EACCES/);
  });

  it('prints what is no JSON, or lacks a part', async (t) => {
    for (const text of [
      '{',
      '{}',
      '{"certificate": 1, "key": "x"}',
      '{"certificate": "x", "key": "y", "renewAt": "soon"}',
    ])
      assert.equal((await fails(t, `printf '%s' '${text}'`)).code, 'exec_output');
  });

  it('is ended where its source is closed', async (t) => {
    const { dir, source } = open(t, 'echo $$ > "${0%/*}/pid"; exec sleep 1000');
    await eventually(() => existsSync(dir.file('pid')) && readFileSync(dir.file('pid'), 'utf8') !== '', {
      what: 'the process',
    });
    source.close();
    const pid = readFileSync(dir.file('pid'), 'utf8').trim();
    await eventually(() => !existsSync(`/proc/${pid}`), { what: 'its end' });
  });
});
