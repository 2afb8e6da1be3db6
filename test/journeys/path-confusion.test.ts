// A guarded route next to an open one, before real web servers: however an anonymous client spells the path, on the TLS port
// or the plain one, he never gets the guarded file; and what only looks like it is served (incident 25).
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { curl } from '../support/curl.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { type StaticServer, startStaticServer, staticServers } from '../support/static-servers.ts';
import { openTempDir } from '../support/temp.ts';

const secret = 'the secret plan';

/** Ways to write /secret/plan.txt. What the gateway must answer: 403 (and 308 over plain HTTP) the guarded route, 400 nobody's. */
const tricks: readonly (readonly [target: string, status: 400 | 403])[] = [
  ['/secret/plan.txt', 403],
  ['//secret/plan.txt', 403],
  ['///secret/plan.txt', 403],
  ['/secret//plan.txt', 403],
  ['//secret//plan.txt', 403],
  ['/./secret/plan.txt', 403],
  ['//./secret/plan.txt', 403],
  ['/.//secret/plan.txt', 403],
  ['/x/../secret/plan.txt', 403],
  ['/x/..//secret/plan.txt', 403],
  ['/%73ecret/plan.txt', 403],
  ['/secret/plan.txt?', 403],
  ['//secret/plan.txt?/../x', 403],
  ['http://HOST//secret/plan.txt', 403],
  ['http://HOST/x/..//secret/plan.txt', 403],
  ['//x/secret/../../secret/plan.txt', 403],
  ['/x//../secret/plan.txt', 400],
  ['/../secret/plan.txt', 400],
  ['/x/%2e%2e/secret/plan.txt', 400],
  ['/x/.%2e/secret/plan.txt', 400],
  ['/%2e/%2e%2e/secret/plan.txt', 400],
  ['/x%2f..%2fsecret/plan.txt', 400],
  ['/secret%2fplan.txt', 400],
  ['/%2fsecret/plan.txt', 400],
  ['/%5csecret/plan.txt', 400],
  ['/\\secret/plan.txt', 400],
  ['/secret\\plan.txt', 400],
  ['/x/..\\secret\\plan.txt', 400],
  ['/x/..;/secret/plan.txt', 400],
  ['/x/..%3b/secret/plan.txt', 400],
  ['/secret%00/plan.txt', 400],
  ['/secret/plan.txt%00', 400],
  ['/x%252f..%252fsecret/plan.txt', 400],
  ['/x/%252e%252e/secret/plan.txt', 400],
  ['/x/..%20/secret/plan.txt', 400],
  ['/secret%252fplan.txt', 400],
  ['/secret%255cplan.txt', 400],
  ['/%2573ecret/plan.txt', 400],
  ['/%252573ecret/plan.txt', 400],
  ['/secret;/plan.txt', 400],
  ['/secret;jsessionid=1/plan.txt', 400],
  ['/;x/secret/plan.txt', 400],
  ['/secret%3bx/plan.txt', 400],
  ['/SECRET/plan.txt', 400],
  ['/Secret/plan.txt', 400],
  ['/%53ecret/plan.txt', 400],
  ['/secret./plan.txt', 400],
  ['/secret.../plan.txt', 400],
  ['/secret%20/plan.txt', 400],
  ['/secret%09/plan.txt', 400],
  ['/%20/secret/plan.txt', 400],
  ['/%EF%BC%8Fsecret/plan.txt', 400],
  ['/%EF%BD%93ecret/plan.txt', 400],
  ['/%C0%AFsecret/plan.txt', 400],
  ['/x/%C0%AE%C0%AE/secret/plan.txt', 400],
  ['/x/%EF%BC%8E%EF%BC%8E/secret/plan.txt', 400],
  ['/se%E2%80%8Bcret/plan.txt', 400],
  ['/se%FFcret/plan.txt', 400],
  ['/sec%C0%AFret/plan.txt', 400],
  ['/sec%C1%A1ret/plan.txt', 400],
  ['/sec%25C1%25A1ret/plan.txt', 400],
  ['/sec%C1%25A1ret/plan.txt', 400],
  ['/secret::$DATA/plan.txt', 400],
  ['/%E0%80%AFsecret/plan.txt', 400],
  ['/secret/plan.txt#x', 400],
  ['/secret%u002fplan.txt', 400],
];

/** What is no way to write it, and its file. */
const neighbours: readonly (readonly [target: string, content: string])[] = [
  ['/secretary/letter.txt', 'a letter'],
  ['/secret.txt', 'no secret'],
  ['/a%20b.txt', 'a blank'],
  ['/caf%C3%A9.txt', 'coffee'],
  ['/Open.TXT', 'open'],
  ['//Open.TXT', 'open'],
  ['/secretary/../Open.TXT', 'open'],
  ['/a;b.txt', 'a semicolon'],
  ['/100%25.txt', 'a percent sign'],
  ['/Open.TXT?x=//secret/plan.txt&y=/../secret', 'open'],
];

const files: Readonly<Record<string, string>> = {
  'secret/plan.txt': secret,
  'secretary/letter.txt': 'a letter',
  'secret.txt': 'no secret',
  'a b.txt': 'a blank',
  'caf\u00e9.txt': 'coffee',
  'Open.TXT': 'open',
  'a;b.txt': 'a semicolon',
  '100%.txt': 'a percent sign',
};

type Answer = { readonly status: number; readonly text: string };

/** Sends a head as it stands: no client library would. */
async function send(socket: Socket, target: string, host: string, method = 'GET'): Promise<Answer> {
  let text = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.on('error', (error) => (text += `\n${String(error)}`));
  const line = target.replace('HOST', host);
  socket.write(`${method} ${line} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1');
  await once(socket, 'close');
  return { status: Number(/^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1] ?? 0), text };
}

describe('a guarded route next to an open one', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let gateway: Gateway;
  const servers: StaticServer[] = [];

  const hostOf = (name: string): string => `${name}.test`;
  const plain = (target: string, host: string, method?: string): Promise<Answer> =>
    send(connect(gateway.ports.web, '127.0.0.1'), target, host, method);
  const secure = (target: string, host: string, method?: string): Promise<Answer> => {
    const socket = connectTls({
      port: gateway.ports.webSecure,
      host: '127.0.0.1',
      servername: host,
      rejectUnauthorized: false,
    });
    return send(socket, target, host, method);
  };

  before(async () => {
    pki = stack.use(await openPki());
    const root = stack.use(openTempDir('root'));
    for (const [name, content] of Object.entries(files)) root.write(name, `${content}\n`);
    for (const name of staticServers) servers.push(stack.use(await startStaticServer(name, root)));
    const routes = servers.map(
      ({ name, port }) => `
    - {name: "${name} all", path: /, hosts: [${hostOf(name)}], target: "http://127.0.0.1:${port}"}
    - {name: "${name} secret", path: /secret, hosts: [${hostOf(name)}], target: "http://127.0.0.1:${port}", security: {clientCert: {required: true}}}`,
    );
    const [{ port }] = servers as [StaticServer];
    const target = `"http://127.0.0.1:${port}"`;
    gateway = stack.use(
      await startGateway({
        dir: pki.dir,
        yaml: `version: 2
gateway:
  accessLog: {path: stdout}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false}
  routes:${routes.join('')}
    - {name: rules, path: /, hosts: [rules.test], target: ${target}}
    - {name: closed, path: /secretary, hosts: [rules.test], target: ${target}, maintenance: {enabled: true}}
    - {name: put, path: /secret, hosts: [rules.test], target: ${target}, methods: [PUT]}
    - {name: alias, path: /alias, hosts: [rules.test], rewrite: /secretary, target: ${target}}
`,
      }),
    );
  });

  for (const name of staticServers) {
    it(`never gives the guarded file of ${name} to an anonymous client`, async () => {
      for (const [target, status] of tricks) {
        const over = await secure(target, hostOf(name));
        assert.ok(!over.text.includes(secret), `${target} over TLS`);
        assert.equal(over.status, status, `${target} over TLS`);
        const open = await plain(target, hostOf(name));
        assert.ok(!open.text.includes(secret), `${target} over plain HTTP`);
        assert.equal(open.status, status === 403 ? 308 : 400, `${target} over plain HTTP`);
      }
    });

    it(`would have been led by some of these spellings without the gateway: ${name}`, async () => {
      const server = servers.find((one) => one.name === name);
      const led: string[] = [];
      for (const [target] of tricks.slice(1)) {
        const answer = await send(connect(server?.port ?? 0, '127.0.0.1'), target, hostOf(name));
        if (answer.status === 200 && answer.text.includes(secret)) led.push(target);
      }
      assert.ok(led.length >= 3, led.join(' '));
    });

    it(`serves the neighbours that ${name} has, and the guarded file to who may have it`, async () => {
      for (const [target, content] of neighbours) {
        const answers = [await secure(target, hostOf(name)), await plain(target, hostOf(name))];
        for (const { status, text } of answers) assert.deepEqual([status, text.includes(content)], [200, true], target);
      }
      for (const path of ['/secret/plan.txt', '//secret//plan.txt']) {
        const { cert, key } = pki.alice;
        const url = `https://${hostOf(name)}:${gateway.ports.webSecure}${path}`;
        const answer = await curl(url, { cert, key, args: ['--insecure', '--path-as-is'] });
        assert.deepEqual([answer.status, answer.body], [200, `${secret}\n`], answer.stderr);
      }
    });
  }

  it('holds for every rule of a route, and for what a rewrite makes of a path', async () => {
    for (const at of [plain, secure]) {
      assert.equal((await at('/Open.TXT', 'rules.test')).status, 200);
      for (const target of ['/secretary/letter.txt', '//secretary/letter.txt', '/x/..//secretary/letter.txt'])
        assert.equal((await at(target, 'rules.test')).status, 503, target);
      for (const target of ['/secret/plan.txt', '//secret/plan.txt'])
        assert.equal((await at(target, 'rules.test')).status, 405, target);
      for (const target of [
        '/Secretary/letter.txt',
        '/secretary;x/letter.txt',
        '/SECRET/plan.txt',
        '/secret%20/plan.txt',
      ])
        assert.equal((await at(target, 'rules.test')).status, 400, target);
      assert.match((await at('/alias//letter.txt', 'rules.test')).text, /a letter/);
      for (const target of ['/alias/../secret/plan.txt', '/alias//../secret/plan.txt', '/alias/..%252fsecret/plan.txt'])
        assert.ok(!(await at(target, 'rules.test')).text.includes(secret), target);
    }
  });

  it('tells the client the code, and only the log which route it was', async () => {
    const answer = await secure('/SECRET/plan.txt', hostOf('nginx'));
    assert.match(answer.text, /"type":"urn:countersign:fault:ambiguous_path"/);
    assert.doesNotMatch(answer.text, /nginx secret/);
    const line = await gateway.waitForLog(({ code, path }) => code === 'ambiguous_path' && path === '/SECRET/plan.txt');
    assert.equal(line['rule'], 'it selects route nginx all, but read as "/secret/plan.txt" route nginx secret');
  });
});
