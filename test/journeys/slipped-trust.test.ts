// A block of trust slips: by two columns, into another block, out of the file. Nobody without a certificate gets an answer for
// it: not at the start, not in a reload of two running workers, not from a worker that starts later, not with --lenient.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Backend, startBackend } from '../support/backend.ts';
import { runCheck, runCli } from '../support/cli.ts';
import { curl } from '../support/curl.ts';
import { type Gateway, StartFailure, startGateway } from '../support/gateway.ts';
import { reloadBy, type ReloadOutcome } from '../support/mtls-setup.ts';
import { openPki, type Pki } from '../support/pki.ts';

const CERTIFICATES = 'certificates: [{cert: edge.crt, key: edge.key}]';
const CLIENT_AUTH = 'clientAuth: {clientCA: clients-ca.crt, required: true}';
const TLS = `{${CERTIFICATES}, ${CLIENT_AUTH}}`;

type Parts = {
  /** Lines at the top of the file. */
  readonly top?: string;
  /** Lines of `gateway`. */
  readonly gateway?: string;
  readonly webSecure?: string;
  readonly backend?: string;
};

describe('a block of trust that slips', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let backend: Backend;

  before(async () => {
    pki = await openPki();
    stack.defer(() => pki.remove());
    backend = stack.use(await startBackend());
  });

  const yaml = ({ top = '', gateway = '', webSecure = '', backend: part = '' }: Parts): string => `version: 2
${top}
gateway:
  workers: 2
  accessLog: {enabled: false}
  entryPoints:
    web: {address: "127.0.0.1:0"}
    admin: {address: "127.0.0.1:0"}
    webSecure: {address: "127.0.0.1:0"${webSecure}}
  routes:
    - {name: all, path: /, hosts: [localhost], backends: [{endpoint: "http://127.0.0.1:${backend.port}"${part}}]}
${gateway}
`;
  const good = (): string => yaml({ gateway: `  tls: ${TLS}` });

  /** By name: the file, what the problem says, and whether the file alone, without a running gateway, is wrong already. */
  const slips = (): readonly (readonly [name: string, text: string, says: RegExp, atStart: boolean])[] => [
    ['tls at the top of the file', yaml({ top: `tls: ${TLS}` }), /"tls".*gateway\.tls/s, true],
    ['tls in an entry point', yaml({ webSecure: `, tls: ${TLS}` }), /"tls".*gateway\.tls/s, true],
    ['gateway.tlsOptions', yaml({ gateway: `  tlsOptions: ${TLS}` }), /"tlsOptions".*gateway\.tls/s, true],
    ['gateway.ssl', yaml({ gateway: `  ssl: ${TLS}` }), /"ssl".*gateway\.tls/s, true],
    ['gateway.security', yaml({ gateway: `  security: {${CLIENT_AUTH}}` }), /"security".*routes/s, true],
    [
      'defaults.security',
      yaml({ gateway: `  defaults: {security: {${CLIENT_AUTH}}}` }),
      /"clientAuth".*gateway\.tls\.clientAuth/s,
      true,
    ],
    ['backends[].security', yaml({ backend: `, security: {${CLIENT_AUTH}}` }), /"security".*routes/s, true],
    [
      'a block of another name',
      yaml({ gateway: `  foo: {bar: [{TLS_Options: ${TLS}}]}` }),
      /"TLS_Options".*about trust/s,
      true,
    ],
    [
      'an extension in place of clientAuth',
      yaml({ gateway: `  tls: {${CERTIFICATES}, x-${CLIENT_AUTH}}` }),
      /"x-clientAuth".*clientAuth/s,
      true,
    ],
    [
      'below a key without effect',
      yaml({ gateway: `  redis: {addr: "a:1", tls: ${TLS}}` }),
      /no effect below redis/,
      true,
    ],
    [
      'a file of Traefik',
      `${yaml({})}http: {routers: {r: {rule: "Host(\`localhost\`)", tls: {options: default}}}}\n`,
      /"http".*about trust/s,
      true,
    ],
    ['clientAuth gone', yaml({ gateway: `  tls: {${CERTIFICATES}}` }), /clientAuth: off/, false],
    ['clientAuth empty', yaml({ gateway: `  tls: {${CERTIFICATES}, clientAuth: {}}` }), /clientAuth: off/, false],
    [
      'required gone',
      yaml({ gateway: `  tls: {${CERTIFICATES}, clientAuth: {clientCA: clients-ca.crt}}` }),
      /required: false/,
      false,
    ],
    ['tls gone', yaml({}), /self-signed/, false],
    ['certificates gone', yaml({ gateway: `  tls: {${CLIENT_AUTH}}` }), /self-signed/, false],
    [
      'a new policy around the host, and clientAuth slid into another',
      yaml({
        gateway: `  tls: {${CERTIFICATES}, policies: [{name: a, hosts: [localhost]}, {name: b, hosts: [b.test], ${CLIENT_AUTH}}]}`,
      }),
      /clientAuth: off/,
      false,
    ],
  ];

  const anonymous = (gateway: Gateway) =>
    curl(`https://localhost:${gateway.ports.webSecure}/`, { ca: pki.servers.file });
  const alice = (gateway: Gateway) =>
    curl(`https://localhost:${gateway.ports.webSecure}/`, {
      ca: pki.servers.file,
      cert: pki.alice.cert,
      key: pki.alice.key,
    });

  async function expectRefusedAndServed(gateway: Gateway, when: string): Promise<void> {
    const [nobody, somebody] = await Promise.all([anonymous(gateway), alice(gateway)]);
    assert.equal(nobody.status, 0, `${when}: ${nobody.body}`);
    assert.equal(somebody.status, 200, `${when}: ${somebody.stderr}`);
  }

  async function expectClosed(gateway: Gateway, when: string): Promise<void> {
    const [nobody, insecure, plain, good200] = await Promise.all([
      anonymous(gateway),
      curl(`https://localhost:${gateway.ports.webSecure}/`, { args: ['--insecure'] }),
      curl(`http://localhost:${gateway.ports.web}/`),
      alice(gateway),
    ]);
    assert.equal(nobody.status, 0, `${when}: ${nobody.body}`);
    assert.equal(insecure.status, 0, `${when}: ${insecure.body}`);
    assert.equal(plain.status, 308, when);
    assert.equal(good200.status, 200, `${when}: ${good200.stderr}`);
  }

  function expectRefused({ ok, lines }: ReloadOutcome, name: string, says: RegExp): void {
    assert.equal(ok, false, name);
    assert.match(
      JSON.stringify(lines),
      says.source.includes('"') ? new RegExp(says.source.replaceAll('"', '\\\\"'), says.flags) : says,
      name,
    );
  }

  for (const lenient of [false, true])
    it(`opens nothing in a running gateway${lenient ? ' with --lenient' : ''}, whatever asks for the reload`, async () => {
      const args = lenient ? ['--lenient'] : [];
      await using gateway = await startGateway({ yaml: good(), dir: pki.dir, workers: 2, args });
      await expectClosed(gateway, 'before');
      for (const [name, text, says] of slips()) {
        expectRefused(await reloadBy(gateway, () => gateway.rewrite(text)), name, says);
        await expectRefusedAndServed(gateway, name);
      }
      const [, slipped, says] = slips()[0] ?? ['', '', /never/];
      expectRefused(await reloadBy(gateway, () => gateway.rewrite(slipped)), 'again', says);
      expectRefused(await reloadBy(gateway, () => gateway.reload()), 'SIGHUP', says);
      await expectClosed(gateway, 'SIGHUP');

      const from = gateway.log.length;
      const ready = gateway.log.items.find((line) => line.msg === 'worker ready');
      process.kill(Number(ready?.['pid']), 'SIGKILL');
      await gateway.waitForLog((line) => line.msg === 'worker ready', { from });
      await expectClosed(gateway, 'a worker that started while the file was wrong');

      assert.ok((await reloadBy(gateway, () => gateway.rewrite(good()))).ok);
      await expectClosed(gateway, 'the good file again');
    });

  for (const lenient of [false, true])
    it(`is an error at the start and for check${lenient ? ' with --lenient' : ''}`, async () => {
      const args = lenient ? ['--lenient'] : [];
      for (const [name, text, says, atStart] of slips()) {
        if (!atStart) continue;
        const file = pki.dir.write('slip.yml', text);
        // The first as a user types it.
        const run = await (name === slips()[0]?.[0]
          ? runCli(['check', '--config', file, ...args])
          : runCheck(['--config', file, ...args]));
        assert.equal(run.code, 1, name);
        assert.match(run.stdout, says, name);
        assert.match(run.stdout, /slip\.yml:\d+:\d+: error: /, name);
      }
      const [, text] = slips()[0] ?? ['', ''];
      await assert.rejects(
        startGateway({ yaml: text, args }),
        (error) => error instanceof StartFailure && error.exit?.code === 1,
      );
    });

  it('is passed over by --lenient where it is not about trust, and only there', async () => {
    const text = yaml({ gateway: `  colour: {shade: blue}\n  tls: ${TLS}` });
    const file = pki.dir.write('colour.yml', text);
    assert.equal((await runCheck(['--config', file])).code, 1);
    assert.equal((await runCheck(['--config', file, '--lenient'])).code, 0);
    await using gateway = await startGateway({ yaml: text, dir: pki.dir, workers: 1, args: ['--lenient'] });
    await expectClosed(gateway, 'with an unknown key');
  });

  it('opens what the file says in so many words, and the reload line names it', async () => {
    await using gateway = await startGateway({ yaml: good(), dir: pki.dir, workers: 2 });
    const dropped = async (tls: string): Promise<string> => {
      const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(yaml({ gateway: `  tls: {${tls}}` })));
      assert.ok(ok, JSON.stringify(lines));
      return JSON.stringify(lines.at(-1)?.['clientAuthDropped']);
    };
    assert.match(
      await dropped(`${CERTIFICATES}, clientAuth: off`),
      /policy gateway, for .*localhost.* \(clientAuth: off\)/,
    );
    assert.equal((await anonymous(gateway)).status, 200);
    assert.equal(await dropped(`${CERTIFICATES}, ${CLIENT_AUTH}`), undefined);
    await expectClosed(gateway, 'closed again');
    const named = 'policies: [{name: open, hosts: [localhost]}]';
    assert.match(
      await dropped(`${CERTIFICATES}, ${CLIENT_AUTH}, ${named}`),
      /policy open instead of gateway, for localhost/,
    );
    assert.equal((await anonymous(gateway)).status, 200);
  });
});
