// Certificates asked for at the handshake, and required on every route that does not open itself: who gets in with, without and
// with a stranger's certificate, over TLS and over plain HTTP; a forgotten route is named at start, by `check` and at reload;
// a reload that opens or closes a route says so in its line; `explain access` shows what is served.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { explainRouteCommand } from '../../src/cli/explain-route.ts';
import { runCheck, runCli, runHere } from '../support/cli.ts';
import { curl, type CurlResult } from '../support/curl.ts';
import { type Gateway, type LogLine, startGateway } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { type CertFiles, openPki, type Pki } from '../support/pki.ts';
import { readProblem } from '../support/problem-answer.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;

const closedByDefault = '  defaults: {security: {clientCert: {required: true}}}';
const openInWords = closedByDefault.replace('true', 'false');
const meant = 'security: {clientCert: {required: false}}';
const onlyAlice = 'security: {clientCert: {allow: [{spiffe: spiffe://example.org/alice}]}}';

/** `forgotten`: more of the route that says nothing about its clients. */
const config = ({ defaults = closedByDefault, forgotten = '', more = '' } = {}): string => `version: 2
gateway:
${defaults}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: false, onFailure: explain}
    policies:
      - {name: lax, hosts: [b.test], clientAuth: {clientCA: clients-ca.crt, required: false}, defaults: {security: {clientCert: {required: false}}}}
  routes:
    - {name: public, path: /public, hosts: [a.test, b.test], target: "http://127.0.0.1:${nginx.port}", ${meant}}
    - {name: forgotten, path: /, hosts: [a.test, b.test], target: "http://127.0.0.1:${nginx.port}"${forgotten}}
    - {name: alice, path: /alice, hosts: [a.test, b.test], target: "http://127.0.0.1:${nginx.port}", ${onlyAlice}}
    - {name: away, path: /away, hosts: [a.test], target: "http://127.0.0.1:${nginx.port}", maintenance: {enabled: true}}
${more}`;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx());
  gateway = stack.use(await startGateway({ yaml: config(), dir: pki.dir }));
});

type Who = CertFiles | undefined;
const ask = (who: Who, path: string, host = 'a.test', method = 'GET'): Promise<CurlResult> =>
  curl(`https://${host}:${gateway.ports.webSecure}${path}`, {
    ca: pki.servers.file,
    method,
    ...(who !== undefined && { cert: who.cert, key: who.key }),
  });
const plain = (path: string, host = 'a.test', method = 'GET'): Promise<CurlResult> =>
  curl(`http://${host}:${gateway.ports.web}${path}`, { method });
const statuses = async (path: string, host?: string): Promise<number[]> => [
  (await ask(undefined, path, host)).status,
  (await ask(pki.alice, path, host)).status,
  (await plain(path, host)).status,
  (await plain(path, host, 'POST')).status,
];
const isOpenWarning = (line: LogLine): boolean => line['code'] === 'route_open_to_anyone';

describe('a route that says nothing about its clients', () => {
  it('is closed where that is the default; only what opens itself is open, over TLS as over plain HTTP', async () => {
    const before = nginx.access().length;
    for (const [path, ...wanted] of [
      ['/', 403, 200, 308, 403],
      ['/nothing/of/its/own', 403, 200, 308, 403],
      ['/alice', 403, 200, 308, 403],
      // Closed first, then away: who may not enter learns nothing of it.
      ['/away', 403, 503, 308, 403],
      ['/public', 200, 200, 200, 200],
    ] as const) {
      assert.deepEqual(await statuses(path), wanted, path);
    }
    assert.equal(nginx.access().length - before, 3 + 4, 'nothing that was refused reached the backend');
    const denied = await ask(undefined, '/');
    assert.equal(readProblem(denied).code, 'no_client_cert');
    assert.doesNotMatch(denied.body, /default|require/, 'the client learns nothing of the rule');
  });

  it('is open under a policy whose own default says so, and there alone', async () => {
    assert.deepEqual(await statuses('/', 'b.test'), [200, 200, 200, 200]);
    assert.deepEqual(await statuses('/alice', 'b.test'), [403, 200, 308, 403]);
  });

  it("never lets a stranger's certificate pass for none", async () => {
    for (const path of ['/', '/public', '/alice']) {
      const answer = await ask(pki.stranger, path);
      assert.deepEqual([answer.status, readProblem(answer).code], [403, 'untrusted_issuer'], path);
    }
  });

  it('says in the access log which rule denied', async () => {
    const from = gateway.log.length;
    await ask(undefined, '/which-rule');
    const line = await gateway.waitForLog(({ path }) => path === '/which-rule', { from });
    assert.deepEqual([line['code'], line['rule']], ['no_client_cert', 'defaults.security.clientCert.required']);
  });

  it('is named at start where it is open, with its place, and no other route is', () => {
    const warned = gateway.log.items.filter(({ level, msg }) => level === 'warn' && msg.startsWith('anyone may call '));
    assert.deepEqual(
      warned.map(({ at, msg }) => [String(at).replace(/.*\//, ''), msg.slice(0, 46)]),
      [[`gateway.yml:${lineOf('name: forgotten')}:7`, 'anyone may call route "forgotten" under b.test']],
    );
  });
});

/** From 1, in the file as it was written for the gateway. */
function lineOf(text: string): number {
  const lines = readFileSync(gateway.configFile, 'utf8').split('\n');
  return lines.findIndex((line) => line.includes(text)) + 1;
}

describe('a reload', () => {
  const reload = async (yaml: string): Promise<{ line: LogLine; warnings: LogLine[] }> => {
    const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(yaml));
    assert.ok(ok);
    return { line: lines.at(-1) ?? { msg: '' }, warnings: lines.filter(isOpenWarning) };
  };

  it('that opens a route says what, and names the routes that are open without a word; closing it says that', async () => {
    const opened = await reload(config({ defaults: openInWords }));
    assert.deepEqual(await statuses('/'), [200, 200, 200, 200]);
    assert.deepEqual(opened.line['opened'], [
      '/ on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route forgotten)',
      '/away on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route away)',
    ]);
    assert.deepEqual([opened.line['closed'], opened.line['rulesChanged']], [undefined, undefined]);
    assert.equal(opened.warnings.length, 2);

    const silenced = await reload(config({ defaults: openInWords, forgotten: `, ${meant}` }));
    // That of the other route was told by the reload before.
    assert.deepEqual([silenced.warnings, silenced.line['warningsAsBefore']], [[], 2]);
    assert.deepEqual([silenced.line['opened'], silenced.line['closed']], [undefined, undefined]);

    const closed = await reload(config());
    assert.deepEqual(await statuses('/'), [403, 200, 308, 403]);
    assert.deepEqual(closed.line['closed'], [
      '/ on a.test: anyone, over plain HTTP too → a certificate (policy gateway) (route forgotten)',
      '/away on a.test: anyone, over plain HTTP too → a certificate (policy gateway) (route away)',
    ]);
    assert.equal(closed.line['opened'], undefined);
  });

  it('that removes a guarded route says that its path is open now', async () => {
    const guard = `    - {name: guard, path: /public/secret, hosts: [a.test], target: "http://127.0.0.1:${nginx.port}"}\n`;
    await reload(config({ more: guard }));
    assert.equal((await ask(undefined, '/public/secret')).status, 403);
    const { line } = await reload(config());
    assert.equal((await ask(undefined, '/public/secret')).status, 200);
    assert.deepEqual(line['opened'], [
      '/public/secret on a.test: a certificate (policy gateway) → anyone, over plain HTTP too (route guard → public)',
    ]);
  });

  it('that changes CAs names them, and who is let in follows', async () => {
    const both = config().replaceAll('clientCA: clients-ca.crt', 'clientCA: [clients-ca.crt, strangers-ca.crt]');
    const { line } = await reload(both);
    assert.deepEqual(line['rulesChanged'], [
      'policy gateway: CA added "CN=strangers CA,O=Countersign Test"',
      'policy lax: CA added "CN=strangers CA,O=Countersign Test"',
    ]);
    assert.equal((await ask(pki.stranger, '/')).status, 200);
    const back = await reload(config());
    assert.match(String(back.line['rulesChanged']), /CA removed "CN=strangers CA/);
    assert.equal((await ask(pki.stranger, '/')).status, 403);
  });

  it('that changes nothing about it says nothing', async () => {
    const { line } = await reload(config({ forgotten: ', timeouts: {idle: 5s}' }));
    assert.deepEqual(Object.keys(line).toSorted(), [
      'generation',
      'level',
      'msg',
      'reason',
      'time',
      'warningsAsBefore',
    ]);
  });
});

describe('the command line', () => {
  it('explain access shows what the gateway does', async () => {
    const file = pki.dir.write('explained.yml', config());
    const text = await runCli(['explain', 'access', '--config', file]);
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /^ +a\.test +every +\/ +forgotten +308 or 403 +certificate of "CN=clients CA/m);
    assert.match(text.stdout, /^ +b\.test +every +\/ +forgotten +anyone +anyone$/m);
    const json = await runCli(['explain', 'access', '--config', file, '--json']);
    const { access } = JSON.parse(json.stdout) as {
      access: { route: string; hosts: string[]; path: string; web: { who: string }; webSecure: { who: string } }[];
    };
    assert.equal(access.length, 7);
    for (const { hosts, path, web, webSecure } of access) {
      const [anonymous, , overPlain] = await statuses(path, hosts[0]);
      assert.equal(webSecure.who, anonymous === 403 ? 'certificate' : 'anyone', path);
      assert.equal(web.who, overPlain === 308 ? 'nobody' : 'anyone', path);
    }
    const broken = await runCli(['explain', 'access', '--config', pki.dir.write('broken.yml', 'gateway: [')]);
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /broken\.yml:1/);
  });

  it('explain route says which default closes a route, and what a word of its own opens', async () => {
    const file = pki.dir.write('explained.yml', config());
    const closed = await runHere(explainRouteCommand, ['GET', 'http://a.test/', '--config', file]);
    assert.match(closed.stdout, /^rule +a client certificate \(by default: defaults\.security\.clientCert\)$/m);
    assert.match(closed.stdout, /^answer +308 to https: the route requires/m);
    const open = await runHere(explainRouteCommand, ['GET', 'http://a.test/public', '--config', file]);
    assert.doesNotMatch(open.stdout, /answer|by default/);
  });

  it('check --compare says what another file would open and close', async () => {
    const old = pki.dir.write('old.yml', config());
    const changed = pki.dir.write('new.yml', config({ defaults: '' }));
    const text = await runCli(['check', '--config', changed, '--compare', old]);
    assert.equal(text.code, 0, text.stderr);
    assert.match(text.stdout, /warning: anyone may call route "forgotten" under a\.test, b\.test/);
    assert.match(
      text.stdout,
      /^who may enter, compared with .*old\.yml:\nopened: 2\n {2}\/ on a\.test: a certificate/m,
    );
    const json = await runCheck(['--config', old, '--compare', changed, '--json']);
    const { ok, access } = JSON.parse(json.stdout) as { ok: boolean; access: { opened: string[]; closed: string[] } };
    assert.deepEqual([ok, access.opened, access.closed.length], [true, [], 2]);
    const same = await runCheck(['--config', old, '--compare', old]);
    assert.match(same.stdout, /\nnothing changes\n/);
    const broken = await runCli(['check', '--config', old, '--compare', pki.dir.write('broken.yml', 'gateway: [')]);
    assert.equal(broken.code, 1);
    assert.match(broken.stderr, /broken\.yml:1[\s\S]*cannot be compared with/);
  });

  it('check refuses a default that nobody could satisfy, and takes it where the routes open themselves', async () => {
    const nobody = (more: string): string =>
      pki.dir.write(
        'nobody.yml',
        `gateway:\n${closedByDefault}\n  routes:\n    - {name: a, path: /, target: "http://b:1"${more}}\n`,
      );
    const refused = await runCheck(['--config', nobody('')]);
    assert.equal(refused.code, 1);
    assert.match(refused.stdout, /client certificates are asked for nowhere.*nobody could call the route "a"/);
    assert.equal((await runCheck(['--config', nobody(`, ${meant}`)])).code, 0);
  });
});
