// `explain backend ROUTE`: the gateway's own handshake with each backend, from its configuration, and what is said where it breaks.
// The command in this process, against real nginx.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { explainBackendCommand } from '../../src/cli/explain-backend.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import { type Checked, runHere } from '../support/cli.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { serveTls } from './explain-setup.ts';
import { serialOf, writeCrl } from '../support/crls.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let plain: Nginx;
let file: string;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  plain = stack.use(await startNginx());
  // As the console page's appendix makes it: no SAN.
  const nameless = await pki.internal.issue({ kind: 'server', cn: 'localhost', sans: [] });
  const bare = stack.use(await serveTls({ cert: nameless.chainPem, key: nameless.keyPem }));
  // The console page's appendix, its first command run twice.
  const twice = await mintCa({ subject: '/O=Countersign Test/CN=internal CA' });
  const again = await twice.issue({ kind: 'client', cn: 'console' });
  pki.dir.write('again.crt', again.certPem);
  pki.dir.write('again.key', again.keyPem);
  pki.dir.write('elsewhere-ca.crt', (await mintCa({ cn: 'Elsewhere CA' })).certPem);
  writeCrl(pki.dir, 'internal.crl', pki.internal, { revoked: [{ serial: serialOf(pki.backend) }] });
  const at = `https://localhost:${nginx.port}`;
  const own = 'clientCert: gateway.crt, clientKey: gateway.key';
  const route = (name: string, target: string, tls = ''): string =>
    `    - {name: ${name}, path: /${name}, target: "${target}"${tls === '' ? '' : `, security: {tls: {${tls}}}`}}`;
  const free = await findFreePort();
  file = pki.dir.write(
    'gateway.yml',
    `version: 2
gateway:
  routes:
${[
  route('good', at, `rootCAs: internal-ca.crt, ${own}`),
  route('bare', at, 'rootCAs: internal-ca.crt'),
  route('stranger', at, 'rootCAs: internal-ca.crt, clientCert: stranger.crt, clientKey: stranger.key'),
  route('twice', at, 'rootCAs: internal-ca.crt, clientCert: again.crt, clientKey: again.key'),
  route('untrusting', at, `rootCAs: elsewhere-ca.crt, ${own}`),
  route('misnamed', at, `rootCAs: internal-ca.crt, ${own}, serverName: other.example.com`),
  route('ruled', at, `rootCAs: internal-ca.crt, ${own}, allowedSANs: [{type: URI, exact: "spiffe://a/b"}]`),
  route('pinned', at, `rootCAs: internal-ca.crt, ${own}, allowedFingerprints: ["${'ab'.repeat(32)}"]`),
  route('revoked', at, `rootCAs: internal-ca.crt, ${own}, crl: {sources: [internal.crl]}`),
  route('unnamed', `https://localhost:${bare.port}`, `rootCAs: internal-ca.crt, ${own}`),
  route('common-name', `https://localhost:${bare.port}`, `rootCAs: internal-ca.crt, ${own}, nameCheck: commonName`),
  route('blind', at, `insecureSkipVerify: true, ${own}`),
  route('clear', `http://localhost:${plain.port}`),
  route('clear-to-tls', `http://localhost:${nginx.port}`),
  route('tls-to-clear', `https://localhost:${plain.port}`, `rootCAs: internal-ca.crt, ${own}`),
  route('nobody', `https://localhost:${free}`, `rootCAs: internal-ca.crt, ${own}`),
].join('\n')}
`,
  );
});

const explain = (...args: string[]): Promise<Checked> => runHere(explainBackendCommand, [...args, '--config', file]);

type Case = { readonly route: string; readonly code: 0 | 1; readonly says: readonly RegExp[] };
const cases: readonly Case[] = [
  {
    route: 'good',
    code: 0,
    says: [
      /^route {5}good {2}\(.*gateway\.yml:4\)\npresents {2}"CN=gateway" \(.*gateway\.crt\), valid until .*\ntrusts {4}.*internal-ca\.crt$/m,
      /ok {6}chain .* up to "CN=internal CA,O=Countersign Test" in rootCAs \(/,
      /ok {6}our certificate "CN=gateway" sent/,
      /ok {6}answer {10}HTTP\/1\.1 200 OK/,
      /openssl s_client .* -cert \S+gateway\.crt -key \S+gateway\.key/,
    ],
  },
  {
    route: 'bare',
    code: 1,
    says: [
      /^presents {2}no certificate: security\.tls\.clientCert is not set$/m,
      /asks for a client certificate from "CN=internal CA,O=Countersign Test"/,
      /FAILED {2}our certificate none sent: the route has no security\.tls\.clientCert/,
      /remedy: Set security\.tls\.clientCert and clientKey of the route/,
      /code: {3}no_client_cert/,
    ],
  },
  {
    route: 'stranger',
    code: 1,
    says: [
      /most likely because the issuer of our certificate, "CN=strangers CA,.*is not among the CAs that the server names/,
      /remedy: Give the backend the CA that issued our certificate, or set security\.tls\.clientCert/,
      /code: {3}untrusted_issuer/,
    ],
  },
  {
    route: 'twice',
    code: 1,
    says: [
      /"CN=console" was issued by "CN=internal CA,O=Countersign Test" with another key than the CA of that name in rootCAs/,
      /was the CA made twice\?/,
      /code: {3}untrusted_issuer/,
    ],
  },
  {
    route: 'untrusting',
    code: 1,
    says: [/FAILED {2}chain .* judged against rootCAs \(/, /in security\.tls\.rootCAs/, /code: {3}untrusted_issuer/],
  },
  {
    route: 'misnamed',
    code: 1,
    says: [/FAILED {2}name {12}other\.example\.com/, /name it with security\.tls\.serverName/],
  },
  { route: 'unnamed', code: 1, says: [/FAILED {2}name /, /a common name does not count/, /code: {3}name_mismatch/] },
  {
    route: 'common-name',
    code: 0,
    says: [/ok {6}name {12}localhost is its common name \(nameCheck: commonName\)/, /200 OK/],
  },
  { route: 'ruled', code: 1, says: [/FAILED {2}name /, /it carries .*; allowed: URI exact "spiffe:\/\/a\/b"/] },
  { route: 'pinned', code: 1, says: [/FAILED {2}name /, /code: {3}pin_mismatch/] },
  { route: 'revoked', code: 1, says: [/FAILED {2}chain /, /code: {3}revoked/] },
  {
    route: 'blind',
    code: 0,
    says: [/^trusts {4}everybody: insecureSkipVerify$/m, /\? {7}chain .*not judged: insecureSkipVerify/, /200 OK/],
  },
  { route: 'clear', code: 0, says: [/^http:\/\/localhost:\d+, plain HTTP$/m, /ok {6}answer {10}HTTP\/1\.1 200 OK/] },
  {
    route: 'clear-to-tls',
    code: 1,
    says: [/the backend speaks TLS on this port/, /remedy: Write the endpoint as https/],
  },
  { route: 'tls-to-clear', code: 1, says: [/FAILED {2}TLS /, /write http:\/\/ in the endpoint/, /code: {3}not_tls/] },
  { route: 'nobody', code: 1, says: [/FAILED {2}TCP /, /code: {3}refused \(ECONNREFUSED\)/] },
];

describe('explain backend', () => {
  for (const { route, code, says } of cases) {
    it(`${route}: ${code === 0 ? 'passes' : 'breaks'} as the gateway's own connection would`, async () => {
      const run = await explain(route);
      assert.equal(run.code, code, run.stdout + run.stderr);
      for (const words of says) assert.match(run.stdout, words);
      if (code === 0) assert.doesNotMatch(run.stdout, /FAILED/);
    });
  }

  it('says the same in JSON', async () => {
    const run = await explain('bare', '--json');
    assert.equal(run.code, 1);
    const json = JSON.parse(run.stdout) as Record<string, unknown>;
    assert.deepEqual([json['route'], json['presents']], ['bare', null]);
    const [first] = json['backends'] as Record<string, unknown>[];
    assert.deepEqual([first?.['ok'], first?.['failedStep'], first?.['code']], [false, 'own', 'no_client_cert']);
  });

  it('is a question that cannot be asked of a route that is not there, nor of a file that is not usable', async () => {
    const unknown = await explain('goof');
    assert.deepEqual([unknown.code, unknown.stdout], [2, '']);
    assert.equal(unknown.stderr, 'there is no route goof; did you mean good?\n');
    const broken = pki.dir.write(
      'broken.yml',
      'version: 2\ngateway: {routes: [{name: x, path: /, target: "https://a", bogus: 1}]}',
    );
    const run = await runHere(explainBackendCommand, ['x', '--config', broken]);
    // An unknown key that is not about trust does not keep anybody from looking.
    assert.equal(run.code, 1, run.stderr);
    const worse = pki.dir.write(
      'worse.yml',
      'version: 2\ngateway: {routes: [{name: x, path: /, target: "https://a", security: {tls: {rootCAs: nowhere.crt}}}]}',
    );
    const refused = await runHere(explainBackendCommand, ['x', '--config', worse]);
    assert.equal(refused.code, 2);
    assert.match(refused.stderr, /nowhere\.crt.*does not exist[^]*worse\.yml is not usable, see the errors above/);
  });
});
