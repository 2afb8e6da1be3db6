// The examples work as their READMEs say: the commands that make certificates are run as they are written there, so are the
// curl lines, and each ends as its comment promises (`# passes`, `# refused`). Only ports are others than written.
import assert from 'node:assert/strict';
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isOfPebble, waitForCertificate } from '../support/acme-stage.ts';
import { accepts, findFreePort } from '../support/free-port.ts';
import { startGateway } from '../support/gateway.ts';
import { startNginx } from '../support/nginx.ts';
import { runToEnd, startProcess } from '../support/owned-process.ts';
import { debianPython, requireCommand } from '../support/peers.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import { eventually } from '../support/wait-for.ts';

const examples = fileURLToPath(new URL('../../examples', import.meta.url));
const LAUNCHER = fileURLToPath(new URL('../../bin/countersign', import.meta.url));
const SEVERAL = fileURLToPath(new URL('../support/several-commands.ts', import.meta.url));
const COUNTERSIGN = '../../bin/countersign';
/** What the READMEs call for: 94xx demand a certificate of certs/ca.crt, 90xx are plain. */
const BACKEND_PORTS = ['9443', '9444', '9080', '9081'];
/** Of its API and of its management. */
const PEBBLE_PORTS = ['14000', '15000'];

type Example = {
  readonly name: string;
  readonly dir: TempDir;
  readonly yaml: string;
  readonly setup: readonly string[];
  readonly calls: readonly Call[];
};

type Call = { readonly command: string; readonly comment: string };

/** The lines of a README's shell blocks. */
function readCommands(readme: string): { setup: string[]; calls: Call[] } {
  const lines = [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].flatMap(([, block = '']) => block.trim().split('\n'));
  const setup = lines.filter((line) => line.startsWith(COUNTERSIGN) && !line.endsWith(' &'));
  const alias = /^alias c='(.*)'$/m.exec(readme)?.[1] ?? 'c';
  const calls = lines.flatMap((line) => {
    const call = /^(c|curl) (.*?)\s+# ((?:passes|refused).*)$/.exec(line);
    return call === null ? [] : [{ command: `${call[1] === 'c' ? alias : 'curl'} ${call[2]}`, comment: call[3] ?? '' }];
  });
  return { setup, calls };
}

/** Runs the commands of a README, as they are written there, in its folder. */
async function runWritten(commands: readonly string[], cwd: string): Promise<void> {
  for (const command of commands) {
    const run = await runToEnd('sh', ['-c', command], { cwd });
    assert.equal(run.code, 0, `${command}\n${run.stdout}${run.stderr}`);
    // Whether clients have the CA of a throwaway certificate as a root is nothing that a file can tell.
    const warnings = run.stdout.split('\n').filter((one) => one.includes(' warning: '));
    for (const warning of warnings) assert.match(warning, /server\.crt holds only the leaf/);
  }
}

/** Several READMEs, each in its folder, all in one process, which is quicker. */
async function runTogether(all: readonly Example[]): Promise<void> {
  const words = all.flatMap(({ dir, setup }) => {
    assert.ok(!setup.some((line) => line.includes('#')), 'no comment hides the commands after it');
    return [`in '${dir.path}'`, ...setup.map((line) => line.slice(COUNTERSIGN.length))];
  });
  await runWritten([`'${process.execPath}' '${SEVERAL}' ${words.join(' then ')}`], tmpdir());
}

/** Servers of other languages, as the README starts them, each on a port of its own. */
async function startPrograms(dir: TempDir, stack: AsyncDisposableStack): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  const readme = readFileSync(dir.file('README.md'), 'utf8');
  const written = [...readme.matchAll(/^((?:node|go run|java|python3) \S+) (94\d\d) &$/gm)];
  await Promise.all(
    written.map(async ([, start = '', port = '']) => {
      const free = await findFreePort();
      ports.set(port, free);
      // `go run` passes no signal on to what it has built.
      const command = start
        .replace(/^node /, `exec '${process.execPath}' `)
        .replace(/^go run (\S+)\.go$/, `'${requireCommand('go')}' build -o $1 $1.go && exec ./$1`)
        .replace(/^python3 /, `exec ${debianPython} `)
        .replace(/^java /, 'exec java ');
      const program = await startProcess('sh', ['-c', `${command} ${free}`], { cwd: dir.path, name: start });
      stack.use(program);
      await program.lines.waitFor(({ text }) => text === `listening on ${free}`, { what: start });
    }),
  );
  return ports;
}

async function startBackends(
  dir: TempDir,
  name: string,
  text: string,
  stack: AsyncDisposableStack,
): Promise<Map<string, number>> {
  const ports = await startPrograms(dir, stack);
  if (ports.size > 0) return ports;
  if (readdirSync(join(examples, name)).includes('nginx.conf')) {
    const port = await findFreePort();
    dir.write('nginx.conf', readFileSync(dir.file('nginx.conf'), 'utf8').replaceAll('9443', String(port)));
    // Started by root, it would read files as a user who may not enter our folder.
    const user = process.getuid?.() === 0 ? ['-g', 'user root;'] : [];
    const args = ['-p', dir.path, '-c', 'nginx.conf', ...user];
    stack.use(await startProcess(requireCommand('nginx'), args, { cwd: dir.path, name: 'nginx' }));
    await eventually(() => accepts(port), { what: "the example's nginx" });
    return ports.set('9443', port);
  }
  if (readdirSync(join(examples, name)).includes('pebble.json'))
    for (const written of PEBBLE_PORTS) ports.set(written, await findFreePort());
  for (const written of BACKEND_PORTS.filter((port) => text.includes(`:${port}`))) {
    const tls = {
      tls: { cert: dir.file('certs/server.crt'), key: dir.file('certs/server.key') },
      clientCa: dir.file('certs/ca.crt'),
    };
    const nginx = stack.use(await startNginx({ name: written, ...(written.startsWith('94') ? tls : {}) }));
    ports.set(written, nginx.port);
  }
  return ports;
}

/** The CA of an example, which looks for its challenges at the gateway; resolves when that has its certificate. */
async function startExamplePebble(
  dir: TempDir,
  put: (text: string) => string,
  tlsPort: number,
  stack: AsyncDisposableStack,
): Promise<void> {
  const text = put(readFileSync(dir.file('pebble.json'), 'utf8')).replace('"tlsPort": 8443', `"tlsPort": ${tlsPort}`);
  const config = dir.write('pebble.json', text);
  stack.use(
    await startProcess(requireCommand('pebble'), ['-config', config], {
      cwd: dir.path,
      name: 'pebble',
      env: { PEBBLE_VA_NOSLEEP: '1' },
    }),
  );
  await waitForCertificate(tlsPort, '127.0.0.1', isOfPebble, "the example's certificate");
}

/** An example in a folder of its own. */
function openExample(name: string): Example {
  const dir = openTempDir(`example-${name}`);
  cpSync(join(examples, name), dir.path, { recursive: true });
  const readme = readFileSync(dir.file('README.md'), 'utf8');
  const file = readdirSync(dir.path).find((entry) => entry.endsWith('.yml')) ?? '';
  const { setup, calls } = readCommands(readme);
  assert.ok(readme.includes(`cd examples/${name}\n`) && setup.length >= 2, 'the README says how to begin');
  return { name, dir, yaml: readFileSync(dir.file(file), 'utf8'), setup, calls };
}

describe('examples', () => {
  // One begins with programs of SPIRE (examples-spire.test.ts), one is of several gateways (fleet/join.test.ts).
  const folders = readdirSync(examples, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && !['spire', 'several-gateways'].includes(entry.name),
  );
  const opened = folders.map(({ name }) => openExample(name));
  before(async () => {
    const [first, ...others] = opened;
    await runWritten(
      first?.setup.map((line) => line.replace(COUNTERSIGN, `'${LAUNCHER}'`)) ?? [],
      first?.dir.path ?? '',
    );
    await runTogether(others);
  });
  after(() => {
    for (const { dir } of opened) dir.remove();
  });

  for (const { name, dir, yaml, calls } of opened) {
    it(`${name}: what its README promises`, async () => {
      await using stack = new AsyncDisposableStack();
      const ports = await startBackends(dir, name, yaml, stack);
      const put = (text: string): string =>
        [...ports].reduce((all, [written, port]) => all.replaceAll(`:${written}`, `:${port}`), text);
      const gateway = stack.use(await startGateway({ yaml: put(yaml), dir }));
      if (ports.has('14000')) await startExamplePebble(dir, put, gateway.ports.webSecure, stack);

      const kinds = new Set<string>();
      for (const { command, comment } of calls) {
        const line = put(command).replaceAll(':8443', `:${gateway.ports.webSecure}`);
        const flags = `--silent --show-error --noproxy '*' -w '%{stderr}status=%{http_code}'`;
        const run = await runToEnd('sh', ['-c', `${line} ${flags}`], { cwd: dir.path });
        const status = Number(/status=(\d+)/.exec(run.stderr)?.[1]);
        const shown = `${command} # ${comment}\n${run.stdout}${run.stderr}`;
        kinds.add(comment.slice(0, 6));
        if (comment.startsWith('passes')) assert.equal(status, 200, shown);
        else assert.ok(status === 0 || (status >= 400 && status < 500), shown);
        const by = /by (\d+)/.exec(comment)?.[1];
        if (by !== undefined) assert.ok(run.stdout.includes(`backend: ${by}\n`), shown);
        if (/, (?:un)?named/.test(comment)) {
          const isNamed = /(?:http_x_forwarded_client_cert: .*|"subject": ?".*)CN=alice/.test(run.stdout);
          assert.equal(isNamed, comment.includes(', named'), shown);
        }
        const language = name === 'backends' && status === 200 ? /[a-z]+$/.exec(command)?.[0] : undefined;
        if (language !== undefined) {
          const { subject: _, ...said } = JSON.parse(run.stdout) as Record<string, string>;
          assert.deepEqual(said, { language, spiffe: 'spiffe://example.org/alice' }, shown);
        }
        const promised = /\b(4\d\d)\b/.exec(comment)?.[1];
        if (promised !== undefined && !comment.includes('by ')) assert.equal(status, Number(promised), shown);
      }
      assert.deepEqual([...kinds].toSorted(), ['passes', 'refuse'], 'one request passes, one is refused');
    });
  }
});

it('The configuration of the README serves, with the commands that stand there, pasted in an empty folder', async () => {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(openTempDir('readme'));
  const readme = readFileSync(fileURLToPath(new URL('../../README.md', import.meta.url)), 'utf8');
  const own = readme.slice(readme.indexOf('## Your own configuration'));
  const [, yaml = ''] = /^```yaml\n([^]*?)^```$/m.exec(own) ?? [];
  const [setup = [], calls = []] = [...own.matchAll(/^```sh\n([^]*?)^```$/gm)].map(([, block = '']) =>
    block.trim().split('\n'),
  );
  const [init = '', check = '', echo = '', run = ''] = setup.map((line) =>
    line.replace(/^bin\/countersign /, `'${LAUNCHER}' `).replace(/ +#.*$/, ''),
  );
  dir.write('goma.yml', yaml);
  for (const command of [init, check]) {
    const done = await runToEnd('sh', ['-c', command], { cwd: dir.path });
    assert.equal(done.code, 0, `${command}\n${done.stdout}${done.stderr}`);
  }
  assert.match(run, / run --config goma\.yml &$/);
  const backends = await startProcess('sh', ['-c', `exec ${echo.replace(/ &$/, '').replace(/944[34]/g, '0')}`], {
    cwd: dir.path,
    name: 'echo',
  });
  stack.use(backends);
  const isListening = ({ text }: { readonly text: string }): boolean => text.startsWith('listening https:');
  await eventually(() => backends.lines.items.filter(isListening).length === 2, { what: 'both backends' });
  const [one, two] = backends.lines.items.filter(isListening).map(({ text }) => /\d+$/.exec(text)?.[0]);
  const gateway = stack.use(
    await startGateway({ yaml: yaml.replace('9443', one ?? '').replace('9444', two ?? ''), dir }),
  );
  const answers = [];
  for (const call of calls) {
    const command = call.replace(/ +#.*$/, '').replaceAll(':8443', `:${gateway.ports.webSecure}`);
    answers.push(await runToEnd('sh', ['-c', `${command} -sS --noproxy '*'`], { cwd: dir.path }));
  }
  const [passes, refused] = answers;
  assert.match(
    passes?.stdout ?? '',
    /^backend: \d+\n.*\nclient certificate: CN=client\n[^]*x-forwarded-client-cert: Hash=/,
  );
  assert.doesNotMatch(refused?.stdout ?? '', /backend/);
});
