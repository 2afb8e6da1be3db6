// `countersign explain handshake` as a person uses it: against the gateway with each of its refusals, in a process of its own,
// with exit codes, JSON, and commands that run when they are pasted.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { curlCommand, opensslCommand } from '../../src/diagnosis/shell-commands.ts';
import { stepNames } from '../../src/diagnosis/step.ts';
import { type HandshakeOptions, loadTarget } from '../../src/diagnosis/target.ts';
import { UsageError } from '../../src/base/usage-error.ts';
import { serveTls } from '../conformance/explain-setup.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { type Finished, runToEnd } from '../support/owned-process.ts';
import type { CertFiles } from '../support/pki.ts';
import { program } from '../support/program.ts';

function explain(...args: string[]): Promise<Finished> {
  return runToEnd(process.execPath, [program, 'explain', 'handshake', ...args]);
}

/** Pasted into a shell, with nothing on standard input. */
function paste(line: string): Promise<Finished> {
  return runToEnd('sh', ['-c', `timeout 10 ${line} </dev/null`]);
}

/** The line below `heading`. */
function commandBelow(heading: string, output: string): string {
  const lines = output.split('\n');
  return lines[lines.findIndex((line) => line.startsWith(heading)) + 1]?.trim() ?? '';
}

let setup: Setup;
before(async () => {
  setup = await openSetup({
    tls: `    policies:
      - {name: explaining, hosts: [b.test], clientAuth: {clientCA: clients-ca.crt, required: true, onFailure: explain}}`,
  });
});
after(() => setup[Symbol.asyncDispose]());

const place = (): string => `localhost:${setup.gateway.ports.webSecure}`;
const ca = (): string[] => ['--ca', setup.pki.servers.file];
const as = ({ cert, key }: CertFiles): string[] => ['--cert', cert, '--key', key];

describe('explain handshake against the gateway', () => {
  it('climbs to the answer of the backend with a certificate that passes', async () => {
    const { stdout, code } = await explain(place(), ...ca(), ...as(setup.pki.alice));
    assert.equal(code, 0, stdout);
    assert.match(stdout, /^ {2}ok {6}our certificate "CN=alice" sent/m);
    assert.match(stdout, /^ {2}ok {6}answer {10}HTTP\/1\.1 200 OK$/m);
  });

  it('understands the bare close of a refusal', async () => {
    const none = await explain(place(), ...ca());
    assert.equal(none.code, 1);
    assert.match(none.stdout, /^ {2}FAILED {2}our certificate none sent/m);
    assert.match(none.stdout, /code: {3}no_client_cert/);
    const foreign = await explain(place(), ...ca(), ...as(setup.pki.stranger));
    assert.match(foreign.stdout, /code: {3}untrusted_issuer/);
  });

  it('reads the problem document of onFailure: explain', async () => {
    const none = await explain(place(), ...ca(), '--servername', 'b.test');
    assert.match(none.stdout, /its problem document says no_client_cert/);
    assert.match(none.stdout, /code: {3}no_client_cert \(HTTP 403\)/);
    const foreign = await explain(place(), ...ca(), '--servername', 'b.test', ...as(setup.pki.stranger));
    const { code } = await setup.gateway.waitForLog((line) => line['leaf'] !== undefined);
    assert.ok(foreign.stdout.includes(`code:   ${String(code)} (HTTP 403)`), foreign.stdout);
  });

  it('tells a server name that the gateway does not know', async () => {
    const { stdout, code } = await explain(place(), ...ca(), '--servername', 'nobody.test');
    assert.equal(code, 1);
    assert.match(stdout, /^ {2}FAILED {2}TLS/m);
    assert.match(stdout, /the server knows no nobody\.test \(alert unrecognized_name\)/);
    assert.match(stdout, /code: {3}unknown_sni/);
  });
});

describe('explain handshake for machines and shells', () => {
  it('says the same in JSON', async () => {
    const run = await explain(place(), ...ca(), '--json');
    const json = JSON.parse(run.stdout) as Record<string, unknown>;
    assert.deepEqual(Object.keys(json), [
      'ok',
      'failedStep',
      'code',
      'target',
      'clock',
      'tls',
      'certificates',
      'clientCertificate',
      'steps',
      'commands',
    ]);
    assert.deepEqual([json['ok'], json['failedStep'], json['code'], run.code], [false, 'own', 'no_client_cert', 1]);
    assert.deepEqual(json['clientCertificate'], { asked: true, acceptedCas: ['CN=clients CA,O=Countersign Test'] });
  });

  it('prints an openssl line and a curl line that run', async () => {
    const { stdout } = await explain(place(), ...ca(), ...as(setup.pki.alice), '--path', '/x?a=1&b=$HOME');
    const openssl = await paste(commandBelow('the same with OpenSSL', stdout));
    assert.equal(openssl.code, 0, openssl.stderr);
    assert.match(openssl.stdout, /Verify return code: 0 \(ok\)/);
    assert.match(openssl.stdout, /Acceptable client certificate CA names/);
    const curl = await paste(commandBelow('and with curl', stdout));
    assert.equal(curl.code, 0, curl.stderr);
    assert.match(curl.stdout, /request_uri: \/x\?a=1&b=\$HOME/);
  });

  it('prints commands that mean the same handshake: name, address, versions, intermediates', async () => {
    const inter = await setup.pki.clients.issueCa({ cn: 'Clients Issuing CA' });
    const bob = await inter.issue({ kind: 'client', cn: 'bob' });
    const cert = setup.pki.dir.write("bob's cert; $(touch x).crt", bob.chainPem + bob.keyPem);
    const at = ['--servername', 'a.test', '--cert', cert, '--min', '1.2', '--max', '1.2'];
    const { stdout, code } = await explain(place(), ...ca(), ...at);
    assert.equal(code, 0, stdout);
    assert.match(stdout, /"CN=bob" sent, with 1 more/);
    const openssl = await paste(commandBelow('the same with OpenSSL', stdout));
    assert.match(openssl.stdout, /Protocol *: TLSv1\.2/, openssl.stderr);
    assert.match(openssl.stdout, /Verify return code: 0 \(ok\)/);
    const curl = await paste(commandBelow('and with curl', stdout));
    assert.equal(curl.code, 0, curl.stderr);
    assert.match(curl.stdout, /ssl_client_s_dn/);
  });

  it('prints for a name that fails what openssl finds too', async () => {
    await using server = await serveTls({ cert: setup.pki.downstream.chainPem, key: setup.pki.downstream.keyPem });
    const { stdout, code } = await explain(`localhost:${server.port}`, ...ca(), '--servername', 'c.test');
    assert.equal(code, 1);
    const openssl = await paste(commandBelow('the same with OpenSSL', stdout));
    assert.match(openssl.stdout, /Verify return code: 62 \(hostname mismatch\)/i);
  });

  it('lets no byte of a hostile certificate reach the terminal raw', async () => {
    const evil = await setup.pki.servers.issue({
      kind: 'server',
      subject: '/O=\u001b[2J\u202eevil\n  ok      answer          HTTP 200/CN=x',
      sans: ['localhost', 'spiffe://a/\u001b]0;title\u0007'],
    });
    await using server = await serveTls({ cert: evil.chainPem, key: evil.keyPem });
    const fair = await setup.pki.servers.issue({
      kind: 'server',
      subject: '/O=\u202e\u001b[31mx/CN=y',
      sans: ['localhost'],
    });
    await using second = await serveTls({ cert: fair.chainPem, key: fair.keyPem });
    for (const port of [server.port, second.port]) {
      for (const more of [[], ['--json']]) {
        const { stdout, stderr } = await explain(`localhost:${port}`, ...ca(), ...more);
        assert.doesNotMatch(stdout + stderr, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/);
        assert.doesNotMatch(stdout, /^ {2}ok {6}answer {10}HTTP 200/m);
      }
    }
  });
});

describe('a question that cannot be asked', () => {
  it('ends with exit code 2 and a sentence, not a stack', async () => {
    for (const args of [
      [],
      ['a.test', '--bogus'],
      ['a.test', '--min', '1.4'],
      ['a.test', '--ca', '/nonexistent/ca.crt'],
    ]) {
      const { code, stdout, stderr } = await explain(...args);
      assert.equal(code, 2, stdout + stderr);
      assert.equal(stdout, '');
      assert.match(stderr, /missing required argument|unknown option|1\.0, 1\.1, 1\.2 or 1\.3|ca\.crt does not exist/);
      assert.doesNotMatch(stderr, / at .*\.ts/);
    }
  });

  const cases: readonly (readonly [
    name: string,
    place: string,
    options: () => Partial<HandshakeOptions>,
    says: RegExp,
  ])[] = [
    ['versions the wrong way round', 'a.test', () => ({ min: 'TLSv1.3', max: 'TLSv1.2' }), /--min TLSv1\.3 is above/],
    ['an IPv6 address without brackets', '::1:443', () => ({}), /an IPv6 address in brackets/],
    ['a port that is none', 'a.test:99999', () => ({}), /there is no port 99999/],
    ['a name that is none', 'a b:443', () => ({}), /neither a host name nor an IP address/],
    ['a name in Unicode', 'bücher.test', () => ({}), /must be written as its A-label/],
    [
      'a CA file with a key',
      'a.test',
      () => ({ ca: setup.pki.downstream.key }),
      /holds a private key|holds no certificate/,
    ],
    ['a CA file with a leaf', 'a.test', () => ({ ca: setup.pki.downstream.cert }), /is an end-entity certificate/],
    ['a certificate without its key', 'a.test', () => ({ cert: setup.pki.alice.cert }), /holds no private key/],
    ['a key without a certificate', 'a.test', () => ({ key: setup.pki.alice.key }), /of no use without --cert/],
    [
      'a key that belongs to another certificate',
      'a.test',
      () => ({ cert: setup.pki.alice.cert, key: setup.pki.stranger.key }),
      /stranger\.key is not the key of .*alice\.crt/,
    ],
    ['a path with a line break', 'a.test', () => ({ path: '/x\r\nEvil: 1' }), /--path must start with/],
    ['ciphers that nobody knows', 'a.test', () => ({ ciphers: 'ROT13' }), /OpenSSL does not know --ciphers/],
  ];
  for (const [name, where, options, says] of cases) {
    it(name, async () => {
      const all = { path: '/', alpn: 'none', timeout: 1, ...options() };
      await assert.rejects(loadTarget(where, all, Date.now()), (error: unknown) => {
        assert.ok(error instanceof UsageError);
        assert.match(error.message, says);
        return true;
      });
    });
  }

  it('quotes for the shell whatever the files are called', async () => {
    const odd = setup.pki.dir.write('-it\'s "$(x)" `y`\\.pem', setup.pki.alice.chainPem + setup.pki.alice.keyPem);
    const options = { cert: odd, path: '/', alpn: 'none', timeout: 1 };
    const target = await loadTarget('[::1]:8443', options, Date.now());
    for (const line of [opensslCommand(target, undefined), curlCommand(target, undefined)]) {
      const { stdout } = await runToEnd('sh', ['-c', `printf '%s\\n' ${line}`]);
      assert.ok(
        stdout.split('\n').some((word) => word.replaceAll('\\\\', '\\') === odd),
        stdout,
      );
    }
  });
});

describe('the page of the command', () => {
  it('the README shows what the command prints', async () => {
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
    const shown = /```console\n\$ countersign explain handshake [^]*?```/.exec(readme)?.[0] ?? '';
    const { stdout } = await explain(place(), ...ca());
    // Names, addresses and dates differ; labels, codes and the sentences of the failed step do not.
    const shape = (text: string): string[] => [
      ...[...text.matchAll(/^ {2}(?:ok|FAILED) +[A-Za-z ]{15} /gm)].map(([label]) => label),
      ...[...text.matchAll(/^ {26}(?:cause|remedy|code): .*$/gm)].map(([line]) => line),
      ...[...text.matchAll(/^(?:the same with OpenSSL|and with curl):$/gm)].map(([line]) => line),
    ];
    // It leaves out what a reader can do without; the rest is what is printed, in that order.
    const [some, all] = [shape(shown), shape(stdout)];
    assert.equal(all.length, 8 + 3 + 2);
    assert.ok(some.length >= 3 + 3, shown);
    let at = 0;
    for (const line of some) assert.notEqual((at = all.indexOf(line, at) + 1), 0, line);
  });

  it('the documentation names every option and every step', async () => {
    const page = readFileSync(new URL('../../docs/explain-handshake.md', import.meta.url), 'utf8');
    const { stdout } = await explain('--help');
    const options = [...stdout.matchAll(/^ +(--[a-z]+)/gm)].map(([, name = '']) => name);
    assert.ok(options.length > 8);
    for (const name of options) assert.ok(page.includes(`\`${name}`), name);
    for (const name of Object.values(stepNames)) assert.ok(page.includes(`| ${name} |`), name);
  });
});
