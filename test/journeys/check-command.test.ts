// `countersign check` against real files, as a process and (its JSON) without one: each thing that can be wrong with a certificate, a key or a bundle
// is told apart, placed and explained, all at once; and `run` does not start with what `check` refuses.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { mintCa } from '../../src/certs/test-ca.ts';
import { runCheck } from '../support/cli.ts';
import { startGateway, StartFailure } from '../support/gateway.ts';
import { type Finished, runToEnd } from '../support/owned-process.ts';
import { requireCommand } from '../support/peers.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { program } from '../support/program.ts';

const DAY = 86_400_000;

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;

type Values = { cert: string; key: string; clientCA: string; rootCAs: string; clientCert: string; clientKey: string };
const good: Values = {
  cert: 'edge.crt',
  key: 'edge.key',
  clientCA: 'clients-ca.crt',
  rootCAs: 'internal-ca.crt',
  clientCert: 'gateway.crt',
  clientKey: 'gateway.key',
};
const configOf = (changes: Partial<Values> = {}, more = ''): string => {
  const { cert, key, clientCA, rootCAs, clientCert, clientKey } = { ...good, ...changes };
  return `version: 2
gateway:
  workers: 1
  entryPoints:
    web: {address: 127.0.0.1:0}
    webSecure: {address: 127.0.0.1:0}
    admin: {address: 127.0.0.1:0}
  tls:
    certificates:
      - cert: ${cert}
        key: ${key}
    clientAuth:
      clientCA: ${clientCA}
      required: true
  routes:
    - name: api
      path: /
      hosts: [localhost]
      target: https://localhost:9443
      security:
        tls:
          rootCAs: ${rootCAs}
          clientCert: ${clientCert}
          clientKey: ${clientKey}
${more}`;
};

before(async () => {
  pki = stack.use(await openPki());
  const { dir, clients, servers, internal } = pki;
  const names = { kind: 'server', sans: ['localhost'] } as const;
  const now = Date.now();
  const below = await servers.issueCa({ subject: '/O=Countersign Test/CN=Issuing CA' });
  const orphan = await below.issue(names);
  const [old, early, elsewhere, weak] = await Promise.all([
    servers.issue({ ...names, notBefore: now - 3 * DAY, notAfter: now - DAY }),
    servers.issue({ ...names, notBefore: now + DAY, notAfter: now + 9 * DAY }),
    servers.issue({ kind: 'server', sans: ['other.example.com'] }),
    servers.issue({ ...names, key: 'rsa-1024' }),
  ]);
  const aging = await servers.issue({ ...names, notBefore: now - 61 * DAY, notAfter: now + 29 * DAY + 60_000 });
  const agingCa = await mintCa({ cn: 'Aging CA', notBefore: now - 71 * DAY, notAfter: now + 29 * DAY + 60_000 });
  dir.write('aging-ca.crt', agingCa.certPem);
  const expiredCa = await mintCa({ cn: 'Old CA', notBefore: now - 9 * DAY, notAfter: now - DAY });
  for (const [name, pair] of Object.entries({ old, aging, early, elsewhere, weak, orphan })) {
    dir.write(`${name}.crt`, pair.certPem);
    dir.write(`${name}.key`, pair.keyPem);
  }
  mkdirSync(dir.file('folder.crt'));
  dir.write('empty.crt', '');
  dir.write('notes.crt', 'Dear colleague,\nthe certificate is attached.\n');
  const half = servers.der.subarray(0, 200).toString('base64');
  dir.write('broken.crt', `${clients.certPem}-----BEGIN CERTIFICATE-----\n${half}\n-----END CERTIFICATE-----\n`);
  dir.write('cut.crt', clients.certPem.slice(0, -40));
  dir.write('leaf-only.crt', pki.alice.certPem);
  dir.write('with-key.crt', clients.certPem + clients.keyPem);
  dir.write('expired-ca.crt', expiredCa.certPem);
  dir.write('two.key', pki.downstream.keyPem + pki.alice.keyPem);
  dir.write('request.crt', '-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n');
  const serverOnly = await internal.issue({ kind: 'server', sans: ['gateway.test'] });
  dir.write('server-only.crt', serverOnly.certPem);
  dir.write('server-only.key', serverOnly.keyPem);
  const openssl = async (...args: string[]): Promise<void> => {
    const run = await runToEnd(requireCommand('openssl'), args, { cwd: dir.path });
    assert.equal(run.code, 0, run.stderr);
  };
  await openssl('genpkey', '-algorithm', 'X25519', '-out', 'x25519.key');
  await openssl('pkcs12', '-export', '-in', 'edge.crt', '-inkey', 'edge.key', '-passout', 'pass:x', '-out', 'edge.p12');
  await openssl('pkey', '-in', 'edge.key', '-aes256', '-passout', 'pass:secret', '-out', 'locked.key');
});

const check = (file: string, ...args: string[]): Promise<Finished> =>
  runToEnd(process.execPath, [program, 'check', '--config', file, ...args]);

type Shown = { severity: string; code: string; file: string; line: number; col: number; message: string; hint: string };
type Report = { ok: boolean; errors: number; warnings: number; problems: Shown[] };

let files = 0;
async function checkText(
  yaml: string,
  ...args: string[]
): Promise<{ file: string; code: number | null; report: Report; stderr: string }> {
  const file = pki.dir.write(`config-${(files += 1)}.yml`, yaml);
  const run = await runCheck(['--config', file, '--json', ...args]);
  return { file, code: run.code, report: JSON.parse(run.stdout) as Report, stderr: run.stderr };
}

/** `at`: the value that is pointed at, where it is not the first that was changed; '' for the whole policy. */
type Case = [
  what: string,
  changes: Partial<Values>,
  code: string,
  message: RegExp,
  hint: RegExp,
  at?: keyof Values | '',
];
const errors: Case[] = [
  [
    'a certificate file that is not there',
    { cert: 'gone-1.crt' },
    'file_missing',
    /gone-1\.crt does not exist/,
    /path/,
  ],
  [
    'a folder in place of a certificate file',
    { cert: 'folder.crt' },
    'file_is_directory',
    /folder\.crt is a directory/,
    /file/,
  ],
  ['an empty certificate file', { cert: 'empty.crt' }, 'file_empty', /empty\.crt is empty/, /BEGIN/],
  [
    'a certificate file with something else in it',
    { cert: 'notes.crt' },
    'not_pem',
    /notes\.crt holds no PEM/,
    /BEGIN/,
  ],
  [
    'a file in the format of Windows and Java',
    { cert: 'edge.p12' },
    'not_pem',
    /edge\.p12 is a file in the format PKCS #12/,
    /openssl pkcs12 -in \S+edge\.p12 -nokeys/,
  ],
  [
    'a signing request in place of a certificate',
    { cert: 'request.crt' },
    'no_certificate',
    /request\.crt holds no certificate/,
    /sign/,
  ],
  [
    "certificate and key in each other's place",
    { cert: 'edge.key', key: 'edge.crt' },
    'no_certificate',
    /edge\.key holds no certificate/,
    /swapped/,
  ],
  [
    'a key that belongs to another certificate',
    { key: 'alice.key' },
    'key_mismatch',
    /alice\.key is not the key of .*edge\.crt/,
    /both files/,
  ],
  ['an expired certificate', { cert: 'old.crt', key: 'old.key' }, 'expired', /old\.crt.*expired/, /Renew/],
  ['a certificate of the future', { cert: 'early.crt', key: 'early.key' }, 'not_yet_valid', /early\.crt/, /clock/],
  ['a key too short', { cert: 'weak.crt', key: 'weak.key' }, 'weak_key', /1024/, /2048/, 'key'],
  ['a key of a type that TLS cannot use', { key: 'x25519.key' }, 'unsupported_key', /x25519\.key.*x25519/, /EC P-256/],
  ['a key behind a passphrase', { key: 'locked.key' }, 'encrypted_key', /locked\.key.*passphrase/, /openssl pkey/],
  ['two keys in one file', { key: 'two.key' }, 'several_keys', /two\.key holds 2/, /Keep the one/],
  ['a CA bundle that is not there', { clientCA: 'gone-2.crt' }, 'file_missing', /gone-2\.crt does not exist/, /path/],
  [
    'a CA bundle with a broken certificate',
    { clientCA: 'broken.crt' },
    'broken_certificate',
    /broken\.crt: certificate block 2/,
    /again/,
  ],
  ['a CA bundle that was cut off', { clientCA: 'cut.crt' }, 'broken_pem_block', /cut\.crt/, /./],
  [
    'a CA bundle with no CA in it',
    { clientCA: 'leaf-only.crt' },
    'no_ca_in_bundle',
    /leaf-only\.crt holds no CA/,
    /clients CA/,
  ],
  [
    'a CA bundle with a private key in it',
    { clientCA: 'with-key.crt' },
    'private_key_in_bundle',
    /with-key\.crt holds a private key/,
    /Take the key out/,
  ],
  ['a CA for backends that is not there', { rootCAs: 'gone.crt' }, 'file_missing', /gone\.crt does not exist/, /path/],
  [
    'a client certificate for backends that is none',
    { clientCert: 'server-only.crt', clientKey: 'server-only.key' },
    'wrong_purpose',
    /server-only\.crt.*clientAuth/,
    /clientAuth/,
  ],
  [
    'a client key that belongs to another certificate',
    { clientKey: 'alice.key' },
    'key_mismatch',
    /alice\.key is not the key of .*gateway\.crt/,
    /both files/,
  ],
];
const warnings: Case[] = [
  [
    'a certificate that does not cover the host of a route',
    { cert: 'elsewhere.crt', key: 'elsewhere.key' },
    'host_not_covered',
    /localhost.*other\.example\.com/,
    /SAN/,
    '',
  ],
  [
    'a certificate without its intermediate',
    { cert: 'orphan.crt', key: 'orphan.key' },
    'missing_intermediate',
    /orphan\.crt.*Issuing CA/,
    /append/,
  ],
  [
    'a certificate with less than a third of its life left',
    { cert: 'aging.crt', key: 'aging.key' },
    'expires_soon',
    /aging\.crt.*expires in 29 days, on 20/,
    /renew/i,
  ],
  [
    'a CA with less than a third of its life left',
    { clientCA: 'aging-ca.crt' },
    'anchor_expires_soon',
    /aging-ca\.crt.*Aging CA.*expires in 29 days/,
    /successor/,
  ],
  [
    'a CA that has expired',
    { clientCA: 'expired-ca.crt' },
    'anchor_expired',
    /expired-ca\.crt.*Old CA.*expired/,
    /replace/i,
  ],
];

/** Where a value stands: line and column from 1. */
function placeOf(yaml: string, text: string): [line: number, col: number] {
  const before = yaml.slice(0, yaml.indexOf(text)).split('\n');
  return [before.length, (before.at(-1)?.length ?? 0) + 1];
}

/** One configuration with all cases: what is wrong on the client side as a policy each, on the backend side as a route each. */
function renderCases(cases: readonly Case[]): { yaml: string; places: [line: number, col: number][] } {
  const policies: string[] = [];
  const routes: string[] = [];
  for (const [at, [, changes]] of cases.entries()) {
    const value = (key: keyof Values): string => changes[key] ?? good[key];
    if ('rootCAs' in changes || 'clientCert' in changes || 'clientKey' in changes) {
      const keys = (['rootCAs', 'clientCert', 'clientKey'] as const).map((key) => `${key}: ${value(key)}`).join(', ');
      routes.push(`    - {name: c${at}, path: /${at}, target: "https://localhost:9443", security: {tls: {${keys}}}}`);
    } else {
      const pair = `certificates: [{cert: ${value('cert')}, key: ${value('key')}}]`;
      const host = 'elsewhere.crt' === changes.cert ? 'localhost' : `c${at}.wild.test`;
      const clientAuth = `clientAuth: {clientCA: ${value('clientCA')}, required: true}`;
      policies.push(`      - {name: c${at}, hosts: [${host}], ${pair}, ${clientAuth}}`);
    }
  }
  const yaml = configOf({}, `${routes.join('\n')}\n`).replace(
    '  routes:\n',
    `    policies:\n${policies.join('\n')}\n  routes:\n`,
  );
  const lines = yaml.split('\n');
  const places = cases.map(([, changes, , , , at], number): [number, number] => {
    const line = lines.findIndex((text) => text.includes(`{name: c${number},`));
    const key = at ?? (Object.keys(changes)[0] as keyof Values);
    const text = key === '' ? '{name' : `${key}: `;
    return [line + 1, (lines[line]?.indexOf(text) ?? 0) + (key === '' ? 0 : text.length) + 1];
  });
  return { yaml, places };
}

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('check', { concurrency: 2 }, () => {
  it('reads files of the folder where somebody stands who runs it through npm', async () => {
    const args = ['run', '-s', 'countersign', '--', 'check', '--config', 'gateway.yml'];
    const found = await runToEnd('npm', args, { cwd: join(root, 'examples/canary') });
    assert.match(found.stdout + found.stderr, /examples\/canary\/gateway\.yml/);
    assert.doesNotMatch(found.stdout + found.stderr, /gateway\.yml cannot be read/);
    const absent = await runToEnd('npm', args, { cwd: root });
    assert.match(absent.stdout + absent.stderr, /gateway\.yml cannot be read/);
  });

  it('finds nothing wrong with good files, and exits 0', async () => {
    const file = pki.dir.write('good.yml', configOf());
    const run = await check(file);
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.match(run.stdout, new RegExp(`${file}: ok, 0 errors, \\d+ warnings?\\n$`));
  });

  for (const [severity, cases] of Object.entries({ error: errors, warning: warnings })) {
    describe(`${severity}s`, () => {
      const rendered = renderCases(cases);
      let checked: Awaited<ReturnType<typeof checkText>>;
      before(async () => {
        checked = await checkText(rendered.yaml);
      });

      it(`end in exit code ${severity === 'error' ? 1 : 0}`, () => {
        assert.equal(checked.code, severity === 'error' ? 1 : 0, JSON.stringify(checked.report));
        assert.equal(checked.report.ok, severity === 'warning');
        assert.equal(checked.report.problems.filter((one) => one.severity === 'error').length, checked.report.errors);
      });

      for (const [number, [what, , code, message, hint]] of cases.entries()) {
        it(`name ${what} by its code ${code}, its place and a remedy`, () => {
          const [line, col] = rendered.places[number] ?? [];
          const here = checked.report.problems.filter((one) => one.line === line);
          const problem = here.find((one) => one.code === code);
          assert.ok(problem !== undefined, `line ${line}: ${JSON.stringify(here)}`);
          assert.deepEqual(
            [problem.severity, problem.file, problem.col],
            [severity, checked.file, col],
            problem.message,
          );
          assert.match(problem.message, message);
          assert.match(problem.hint, hint);
        });
      }
    });
  }

  it('gives every one of these its own code or its own words', () => {
    const told = errors.map(([, , code, message]) => `${code} ${message.source}`);
    const places = new Set(errors.map(([, changes], at) => `${told[at]} ${Object.keys(changes)[0]}`));
    assert.equal(places.size, errors.length);
  });

  it('tells all problems at once, each with its line, a caret and a hint', async () => {
    const yaml = configOf(
      { cert: 'old.crt', key: 'old.key', clientCA: 'leaf-only.crt', rootCAs: 'gone.crt' },
      '  rutes: []\n',
    );
    const file = pki.dir.write('many.yml', yaml);
    const run = await check(file);
    assert.equal(run.code, 1);
    for (const [text, message] of [
      ['old.crt', 'error: .*old\\.crt.*expired'],
      ['leaf-only.crt', 'error: .*leaf-only\\.crt holds no CA'],
      ['gone.crt', 'error: .*gone\\.crt does not exist'],
      ['rutes', 'error: .*rutes'],
    ] as const) {
      const [line, col] = placeOf(yaml, text);
      const caret = `\\n  ${line} \\| .*${text}.*\\n +\\| {${col}}\\^\\n  hint: .+`;
      assert.match(run.stdout, new RegExp(`${file}:${line}:${col}: ${message}.*${caret}`), text);
    }
    assert.match(run.stdout, /Did you mean `?"?routes|routes/);
    assert.match(run.stdout, /not usable, 4 errors, \d+ warnings?\n$/);
    assert.doesNotMatch(run.stdout + run.stderr, /\n\s+at .*\.ts/);
  });

  it('takes an unknown key for an error, and for a warning under --lenient only', async () => {
    const yaml = configOf({}, '      prioritty: 3\n');
    const lenient = await checkText(yaml, '--lenient');
    assert.equal(lenient.code, 0, JSON.stringify(lenient.report));
    const warned = lenient.report.problems.find((one) => one.message.includes('prioritty'));
    assert.equal(warned?.severity, 'warning');
    assert.match(`${warned?.message} ${warned?.hint}`, /priority/);
    for (const args of [[], ['--strict']]) {
      const strict = await checkText(yaml, ...args);
      assert.equal(strict.code, 1);
      assert.equal(strict.report.problems.find((one) => one.message.includes('prioritty'))?.severity, 'error');
    }
  });

  it('says in one line that the configuration itself is not there', async () => {
    const { code, report } = await checkMissing();
    assert.equal(code, 1);
    assert.deepEqual(
      report.problems.map((one) => one.code),
      ['unreadable_file'],
    );
    const plain = await check(pki.dir.file('nowhere.yml'));
    assert.equal(plain.code, 1);
    assert.match(plain.stdout, /nowhere\.yml cannot be read: it does not exist/);
    assert.doesNotMatch(plain.stdout + plain.stderr, /\n\s+at /);
  });

  it('places a mistake of YAML itself', async () => {
    const { code, report } = await checkText('version: 2\ngateway:\n  routes: [a, b\n');
    assert.equal(code, 1);
    assert.equal(report.problems[0]?.severity, 'error');
    assert.ok((report.problems[0]?.line ?? 0) >= 3, JSON.stringify(report.problems));
  });

  it('never prints a private key', async () => {
    const pem = pki.downstream.keyPem.trim().replaceAll('\n', '\n          ');
    const { report } = await checkText(configOf({ cert: `|\n          ${pem}` }));
    assert.ok(report.errors > 0);
    assert.ok(!JSON.stringify(report).includes(pki.downstream.keyPem.split('\n')[1] ?? '?'));
  });
});

async function checkMissing(): Promise<{ code: number | null; report: Report }> {
  const run = await check(pki.dir.file('nowhere.yml'), '--json');
  return { code: run.code, report: JSON.parse(run.stdout) as Report };
}

describe('run', () => {
  it('refuses to start with what check refuses, in the same words, and listens nowhere', async () => {
    const yaml = configOf({ clientCA: 'leaf-only.crt', key: 'alice.key' });
    const file = pki.dir.write('refused.yml', yaml);
    const checked = await check(file);
    const failure = await startGateway({ configFile: file }).then(
      async (gateway) => {
        await gateway.stop();
        return assert.fail('it started');
      },
      (error: unknown) => error,
    );
    assert.ok(failure instanceof StartFailure);
    assert.deepEqual(failure.exit, { code: 1, signal: null });
    const said = failure.log.map((line) => line.msg).join('\n');
    const problems = checked.stdout
      .split('\n')
      .filter((line) => line.startsWith(`${file}:`) && line.includes(' error: '));
    assert.equal(problems.length, 2, checked.stdout);
    for (const problem of problems) assert.ok(said.includes(problem), problem);
    assert.doesNotMatch(said, /listening/);
  });

  it('starts with what check only warns of, and repeats the warning', async () => {
    const yaml = configOf({ cert: 'elsewhere.crt', key: 'elsewhere.key' });
    await using gateway = await startGateway({ configFile: pki.dir.write('warned.yml', yaml) });
    assert.ok(gateway.log.items.some((line) => /no certificate covers the host localhost/.test(line.msg)));
  });
});
