// Backends that make variables of field names see ours only, however a client spells its own: a real CGI program under
// lighttpd, and a WSGI application, behind mutual TLS, a certificate that is optional, and plain HTTP (incidents 14 and 26).
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { type Backend, startBackend } from '../support/backend.ts';
import { type EnvironmentBackend, readVariables, startCgi, startWsgi } from '../support/cgi.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { askRaw } from '../support/raw-request.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let cgi: EnvironmentBackend;
let wsgi: EnvironmentBackend;
/** Keeps header lines and trailers as they came. */
let recorder: Backend;
let gateway: Gateway;
/** Everybody on this machine is a trusted proxy of it. */
let behind: Gateway;

const routes = (): string => `
    - {name: cgi, path: /cgi, hosts: [must.test, may.test], target: "http://localhost:${cgi.port}"}
    - {name: wsgi, path: /wsgi, hosts: [must.test, may.test], target: "http://localhost:${wsgi.port}"}
    - {name: raw, path: /raw, hosts: [must.test, may.test], target: "http://localhost:${recorder.port}"}
`;

before(async () => {
  pki = stack.use(await openPki());
  await pki.servers.issueFiles('names', { kind: 'server', sans: ['must.test', 'may.test'] });
  cgi = stack.use(await startCgi());
  wsgi = stack.use(await startWsgi());
  recorder = stack.use(await startBackend());
  gateway = stack.use(
    await startGateway({
      yaml: `version: 2
gateway:
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
    policies:
      - {name: may, hosts: [may.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
  forwardClientCert: {rfc9440: {clientCert: true}, custom: [{name: X-Caller, value: subject}, {name: SSL_CLIENT_S_DN, value: subject}]}
  proxy: {trustedHeaders: [X-My-User, X-Forwarded-User], enabled: true, trustedProxies: [192.0.2.1]}
  routes:${routes()}`,
      dir: pki.dir,
    }),
  );
  behind = stack.use(
    await startGateway({
      yaml: `version: 2
gateway:
  entryPoints: {webSecure: {enabled: false}}
  proxy: {enabled: true, trustedProxies: [127.0.0.1], trustedHeaders: [X-Forwarded-User, X-Auth-Request-*]}
  allowOverrideHeaders: [X-HTTP-Method-Override]
  routes:${routes()}`,
    }),
  );
});

const FORGED = 'forged-by-the-client';
const SEPARATORS = "-_.!#$%&'*+^`|~".split('');
const PROTECTED = [
  'X-Forwarded-Client-Cert',
  'Client-Cert',
  'Client-Cert-Chain',
  'SSL-Client-Verify',
  'SSL-Client-S-DN',
  'SSLClientCert-Subject',
  'X-SSL-CN',
  'X-ClientCert-DN',
  'X-Remote-User',
  'X-Remote-Group',
  'X-Remote-Extra-Scopes',
  'Impersonate-User',
  'Remote-User',
  'L5d-Client-Id',
  'X-Forwarded-User',
  'X-Auth-Request-Email',
  'X-Amzn-Mtls-Clientcert',
  'Cf-Client-Cert-Sha256',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Forwarded-Port',
  'X-Real-IP',
  'X-Request-Id',
  // Of this configuration.
  'X-Caller',
  'X-My-User',
];

type Who = 'alice' | 'nobody' | 'plain';
const WAYS: [way: string, host: string, who: Who][] = [
  ['over mutual TLS', 'must.test', 'alice'],
  ['over TLS without a certificate', 'may.test', 'nobody'],
  ['over plain HTTP', 'may.test', 'plain'],
];

/** Sends `request` and reads until the connection ends; the answer as it came. */
async function send(to: Gateway, who: Who, host: string, request: string): Promise<string> {
  if (who !== 'plain') {
    const as = who === 'alice' ? pki.alice : undefined;
    return (await askRaw({ port: to.ports.webSecure, servername: host, as, request })).response;
  }
  return new Promise((resolve, reject) => {
    let got = '';
    const socket = connect(to.ports.web, '127.0.0.1', () => socket.write(request, 'latin1'));
    socket.setEncoding('latin1').on('data', (piece: string) => (got += piece));
    socket.on('close', () => resolve(got)).on('error', reject);
  });
}

const get = (path: string, host: string, lines: readonly string[]): string =>
  `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const bodyOf = (answer: string): string => answer.slice(answer.indexOf('\r\n\r\n') + 4);
/** What a CGI program would call it. */
const variable = (name: string): string => `HTTP_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`;

/** What of ours a backend sees, by its variables' names. */
const OURS: Readonly<Record<string, RegExp>> = {
  HTTP_X_FORWARDED_FOR: /^127\.0\.0\.1$/,
  HTTP_X_FORWARDED_PROTO: /^https?$/,
  HTTP_X_FORWARDED_HOST: /^m(?:ust|ay)\.test$/,
  HTTP_X_REAL_IP: /^127\.0\.0\.1$/,
  HTTP_X_REQUEST_ID: /^[0-9a-f]{20}-/,
};
const OF_ALICE: Readonly<Record<string, RegExp>> = {
  HTTP_X_FORWARDED_CLIENT_CERT: /^Hash=/,
  HTTP_CLIENT_CERT: /^:/,
  HTTP_X_CALLER: /^CN=alice/,
  HTTP_SSL_CLIENT_S_DN: /^CN=alice/,
};

/** Asserts that the variables hold ours, and nothing else by these names. */
function assertOursOnly(answer: string, who: Who): Map<string, string> {
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.ok(!answer.includes(FORGED), answer);
  const ours = who === 'alice' ? { ...OURS, ...OF_ALICE } : OURS;
  const variables = readVariables(bodyOf(answer));
  for (const name of PROTECTED.map(variable)) {
    const value = variables.get(name);
    const wanted = ours[name];
    if (wanted === undefined) assert.equal(value, undefined, name);
    else assert.match(value ?? '', wanted, name);
  }
  return variables;
}

/** In several requests: the number of header lines has its limit. */
function* portions<T>(all: readonly T[], size: number): Generator<T[]> {
  for (let at = 0; at < all.length; at += size) yield all.slice(at, at + size);
}

describe('A backend that makes variables of names', () => {
  const spellings = (separators: readonly string[]): string[] =>
    PROTECTED.flatMap((name) =>
      separators.flatMap((separator) => {
        const spelt = name.replaceAll('-', separator);
        return [spelt, spelt.toLowerCase(), spelt.toUpperCase(), name.replace('-', separator)];
      }),
    );

  for (const [way, host, who] of WAYS) {
    // All separators go over plain HTTP, the usual ones over each way.
    const separators = who === 'plain' ? SEPARATORS : ['-', '_', '.', '+'];

    for (const backend of ['cgi', 'wsgi']) {
      it(`sees ours only, ${way}, ${backend}, in every case and with every separator, twice`, async () => {
        for (const names of portions(spellings(separators), 44)) {
          const lines = names.flatMap((name) => [`${name}: ${FORGED}`, `${name}: ${FORGED}`]);
          const answer = await send(gateway, who, host, get(`/${backend}`, host, [...lines, 'X.Mine: kept']));
          const variables = assertOursOnly(answer, who);
          assert.equal(variables.get(backend === 'cgi' ? 'HTTP_X_MINE' : 'HTTP_X.MINE'), 'kept');
        }
      });
    }

    it(`sees ours though they are nominated in Connection, ${way}`, async () => {
      const names = PROTECTED.flatMap((name) => [name, name.replaceAll('-', '.'), name.replaceAll('-', '_')]);
      const lines = [`Connection: ${names.join(', ')}`, `X.Real.IP: ${FORGED}`, `Client_Cert: ${FORGED}`];
      assertOursOnly(await send(gateway, who, host, get('/cgi', host, lines)), who);
    });

    it(`sees none in trailers, ${way}`, async () => {
      const names = PROTECTED.flatMap((name) =>
        separators.slice(0, 5).map((separator) => name.replaceAll('-', separator)),
      );
      for (const [at, some] of [...portions(names, 28)].entries()) {
        const trailers = [...some, 'Transfer.Encoding', 'Content_Length'].map((name) => `${name}: ${FORGED}\r\n`);
        const request = (path: string): string =>
          `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nTrailer: ${some.join(', ')}\r\nConnection: close\r\n\r\n` +
          `5\r\nhello\r\n0\r\n${trailers.join('')}X.Sum: 5\r\n\r\n`;
        assertOursOnly(await send(gateway, who, host, request('/cgi')), who);
        const path = `/raw/${who}/${at}`;
        assert.match(await send(gateway, who, host, request(path)), /^HTTP\/1\.1 200 /);
        const seen = recorder.requests.items.find(({ url }) => url === path);
        assert.deepEqual(seen?.rawTrailers, ['X.Sum', '5']);
      }
    });

    it(`gets no request with framing in another spelling, ${way}`, async () => {
      for (const separator of separators.slice(1))
        for (const line of [`Transfer${separator}Encoding: chunked`, `CONTENT${separator}length: 5`]) {
          const answer = await send(gateway, who, host, get('/cgi', host, [line]));
          assert.match(answer, /^HTTP\/1\.1 400 /, line);
        }
    });
  }

  it('sees every field that folds to none of the protected names, and none that does', async () => {
    const letters = fc.string({ unit: fc.constantFrom(...'abxyzABXYZ019'.split('')), minLength: 1, maxLength: 5 });
    const separator = fc.constantFrom(...SEPARATORS);
    const spelt = fc
      .tuple(fc.constantFrom(...PROTECTED), fc.array(separator, { minLength: 5, maxLength: 5 }), fc.boolean())
      .map(([name, marks, upper]) => {
        let at = 0;
        const text = name.replaceAll('-', () => marks[at++] ?? '-');
        return upper ? text.toUpperCase() : text;
      });
    const harmless = fc.tuple(letters, separator, letters).map(([a, mark, b]) => `Q${a}${mark}${b}`);
    const names = fc.uniqueArray(fc.oneof(spelt, harmless), { selector: variable, minLength: 5, maxLength: 30 });
    const protectedNames = new Set(PROTECTED.map(variable));
    await fc.assert(
      fc.asyncProperty(names, async (given) => {
        const lines = given.map((name) => `${name}: ${FORGED}`);
        const answer = await send(gateway, 'plain', 'may.test', get('/cgi', 'may.test', lines));
        const variables = readVariables(bodyOf(answer));
        const forged = [...variables].filter(([, value]) => value === FORGED).map(([name]) => name);
        const wanted = given.map(variable).filter((name) => !protectedNames.has(name));
        assert.deepEqual(forged.sort(), wanted.sort());
      }),
      { numRuns: 60 },
    );
  });
});

describe('What the configuration lets through', () => {
  const said = ['X-Forwarded-User: bob', 'X-Auth-Request-Email: bob@example.org', 'X-HTTP-Method-Override: PUT'];
  const others = [
    'X.Forwarded.User',
    'X_Auth_Request_Email',
    'X-Auth-Request-Em.ail',
    'Remote-User',
    'X-HTTP+Method+Override',
  ];

  it('passes from a trusted proxy as it is written, and in no other spelling', async () => {
    const lines = [...others.map((name) => `${name}: ${FORGED}`), ...said];
    const answer = await send(behind, 'plain', 'may.test', get('/cgi', 'may.test', lines));
    assert.ok(!answer.includes(FORGED), answer);
    const variables = readVariables(bodyOf(answer));
    assert.deepEqual(
      ['HTTP_X_FORWARDED_USER', 'HTTP_X_AUTH_REQUEST_EMAIL', 'HTTP_X_HTTP_METHOD_OVERRIDE'].map((name) =>
        variables.get(name),
      ),
      ['bob', 'bob@example.org', 'PUT'],
    );
  });

  it('does not pass from anybody else, whoever the client is', async () => {
    for (const [, host, who] of WAYS) {
      const lines = [`X-My-User: ${FORGED}`, `X-Forwarded-User: ${FORGED}`, ...said];
      const variables = assertOursOnly(await send(gateway, who, host, get('/cgi', host, lines)), who);
      assert.equal(variables.get('HTTP_X_AUTH_REQUEST_EMAIL'), undefined);
    }
  });
});
