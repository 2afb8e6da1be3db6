// What a client says about itself never reaches a backend, on any way in and any route: every identity field in every
// spelling, repeated, folded, nominated in Connection, in trailers, pipelined and retried; the backend sees ours only
// (incident 14).
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Backend, headerValues, type Received, startBackend } from '../support/backend.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { sumOf } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { openPki, type Pki } from '../support/pki.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
/** Keeps header lines as they came. */
let recorder: Backend;
let gateway: Gateway;

before(async () => {
  pki = stack.use(await openPki());
  await pki.servers.issueFiles('names', { kind: 'server', sans: ['must.test', 'may.test'] });
  recorder = stack.use(await startBackend());
  const nobody = await findFreePort();
  const to = `hosts: [must.test, may.test], target: "http://localhost:${recorder.port}"`;
  gateway = stack.use(
    await startGateway({
      yaml: `version: 2
gateway:
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
    policies:
      - {name: may, hosts: [may.test], clientAuth: {clientCA: clients-ca.crt, required: false}}
  forwardClientCert:
    xfcc: {cert: true, chain: true}
    rfc9440: {clientCert: true, chain: true}
    custom: [{name: X-Caller, value: subject}, {name: SSL_CLIENT_CERT, value: pem}]
  routes:
    - {name: everything, path: /everything, ${to}}
    - {name: silent, path: /silent, ${to}, security: {forwardClientCert: {mode: sanitize, rfc9440: {clientCert: false, chain: false}, custom: []}}}
    - {name: other, path: /other, ${to}, security: {forwardClientCert: {mode: sanitize, rfc9440: {clientCert: false, chain: false}, custom: [{name: Whose_Key, value: fingerprint}]}}}
    - {name: appending, path: /appending, ${to}, security: {forwardClientCert: {mode: appendForward}}}
    - name: retried
      path: /retried
      hosts: [must.test, may.test]
      backends: [{endpoint: "http://localhost:${nobody}"}, {endpoint: "http://localhost:${recorder.port}"}]
      retry: {attempts: 2, on: [connect]}
`,
      dir: pki.dir,
    }),
  );
});

const FORGEABLE = [
  'X-Forwarded-Client-Cert',
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Client-Cert',
  'X-Client-Cert-Chain',
  'X-SSL-Cert',
  'X-SSL-Client-Cert',
  'X-SSL-Client-Verify',
  'X-SSL-Client-S-DN',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'SSL-Client-Cert',
  'SSL-Client-Verify',
  'X-Forwarded-For',
  'X-Forwarded-Proto',
  'X-Forwarded-Host',
  'X-Real-IP',
  'X-Request-Id',
  'Forwarded',
  // Of this configuration.
  'X-Caller',
  'Whose-Key',
] as const;
const fold = (name: string): string => name.toLowerCase().replaceAll('_', '-');
const spellings = (name: string): string[] => [
  name,
  name.toLowerCase(),
  name.toUpperCase(),
  name.replaceAll('-', '_'),
  name.toUpperCase().replaceAll('-', '_'),
  name.replace('-', '_').toLowerCase(),
];
const FORGED = 'forged-by-the-client';

/** What of ours may be there, once each: everything else that could be taken for it must be gone. */
function assertNothingForged(received: Received, ours: readonly string[]): void {
  const { rawHeaders, rawTrailers } = received;
  const names = rawHeaders.filter((_, at) => at % 2 === 0).map(fold);
  for (const name of FORGEABLE.map(fold)) {
    const count = names.filter((one) => one === name).length;
    assert.equal(count, ours.includes(name) ? 1 : 0, `${name}: ${JSON.stringify(rawHeaders)}`);
  }
  assert.ok(!JSON.stringify([rawHeaders, rawTrailers]).includes(FORGED), JSON.stringify([rawHeaders, rawTrailers]));
}

const WAYS: [way: string, host: string, who: 'alice' | 'nobody' | 'plain'][] = [
  ['over mutual TLS', 'must.test', 'alice'],
  ['over TLS without a certificate', 'may.test', 'nobody'],
  ['over plain HTTP', 'may.test', 'plain'],
];
const ALWAYS = ['x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip', 'x-request-id'];
const EVERYTHING = ['x-forwarded-client-cert', 'client-cert', 'x-caller', 'ssl-client-cert'];

/** What each route says of an authenticated client. */
const SAID: Readonly<Record<string, readonly string[]>> = {
  everything: EVERYTHING,
  silent: [],
  other: ['whose-key'],
  retried: EVERYTHING,
};

describe('what a client says about itself', () => {
  /** Sends raw bytes the given way and returns what the backend received, or undefined where nothing reached it. */
  async function send(who: 'alice' | 'nobody' | 'plain', host: string, path: string, request: string) {
    const from = recorder.requests.length;
    const text = request.replaceAll('@HOST@', host);
    let status: number | undefined;
    if (who === 'plain') {
      const answer = await new Promise<string>((resolve) => {
        let got = '';
        const socket = connect(gateway.ports.web, '127.0.0.1', () => socket.write(text, 'latin1'));
        socket.setEncoding('latin1').on('data', (piece: string) => (got += piece));
        socket.on('close', () => resolve(got)).on('error', () => {});
      });
      status = Number(answer.slice(9, 12));
    } else {
      const { cert, key } = pki.alice;
      const to = { port: gateway.ports.webSecure, servername: host, request: text };
      status = (await sClient(who === 'alice' ? { ...to, cert, key } : to)).status;
    }
    const seen = recorder.requests.items.slice(from).find(({ url }) => url === path);
    return { status, seen };
  }

  for (const [way, host, who] of WAYS) {
    const oursOn = (route: string): readonly string[] => [...(who === 'alice' ? (SAID[route] ?? []) : []), ...ALWAYS];
    const ours = oursOn('everything');

    for (const route of Object.keys(SAID)) {
      it(`is gone in every spelling, twice and more, ${way}, on the route ${route}`, async () => {
        const lines = FORGEABLE.flatMap(spellings).flatMap((name) => `${name}: ${FORGED}`);
        // In several requests: the number of header lines has its limit.
        for (let at = 0; at < lines.length; at += 70) {
          const path = `/${route}/${way.length}/${at}`;
          const some = lines.slice(at, at + 70).join('\r\n');
          const { status, seen } = await send(
            who,
            host,
            path,
            `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${some}\r\nX-Mine: kept\r\nConnection: close\r\n\r\n`,
          );
          assert.equal(status, 200);
          assert.ok(seen !== undefined);
          assertNothingForged(seen, oursOn(route));
          assert.deepEqual(headerValues(seen, 'x-mine'), ['kept']);
        }
      });
    }

    it(`is gone whatever the form of the request, ${way}`, async () => {
      const forged = FORGEABLE.map((name) => `${name}: ${FORGED}\r\n`).join('');
      const forms: [name: string, request: (path: string) => string][] = [
        ['http10', (path) => `GET ${path} HTTP/1.0\r\nHost: @HOST@\r\n${forged}\r\n`],
        [
          'absolute',
          (path) => `GET http://@HOST@${path} HTTP/1.1\r\nHost: @HOST@\r\n${forged}Connection: close\r\n\r\n`,
        ],
        [
          'body',
          (path) =>
            `POST ${path} HTTP/1.1\r\n${forged}Host: @HOST@\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi`,
        ],
        [
          'second',
          (path) =>
            `GET /silent/first HTTP/1.1\r\nHost: @HOST@\r\n\r\nGET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${forged}Connection: close\r\n\r\n`,
        ],
      ];
      for (const [form, request] of forms) {
        const path = `/everything/${form}/${way.length}`;
        const { seen } = await send(who, host, path, request(path));
        assert.ok(seen !== undefined, form);
        assertNothingForged(seen, ours);
      }
    });

    it(`is gone but for the one header that the route passes on, ${way}`, async () => {
      const path = `/appending/${way.length}`;
      const lines = FORGEABLE.flatMap(spellings).filter((name) => name.toLowerCase() !== 'x-forwarded-client-cert');
      for (let at = 0; at < lines.length; at += 70) {
        const some = lines.slice(at, at + 70).map((name) => `${name}: ${FORGED}\r\n`);
        const request = `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${some.join('')}X-Forwarded-Client-Cert: Hash=00\r\nConnection: close\r\n\r\n`;
        const { seen } = await send(who, host, path, request);
        assert.ok(seen !== undefined);
        assertNothingForged(seen, ours);
        const xfcc = headerValues(seen, 'x-forwarded-client-cert');
        assert.deepEqual(
          xfcc.map((value) => value.slice(0, 13)),
          who === 'alice' ? ['Hash=00,Hash='] : [],
        );
      }
    });

    it(`cannot make the gateway drop what it says itself, by nominating it in Connection, ${way}`, async () => {
      const path = `/everything/nominated/${way.length}`;
      const nominated = ['close', ...FORGEABLE, 'x_forwarded_client_cert', 'X-Mine', 'Host'].join(', ');
      const { status, seen } = await send(
        who,
        host,
        path,
        `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\nX-Forwarded-Client-Cert: ${FORGED}\r\nX-Mine: gone\r\nX-Other: kept\r\nConnection: ${nominated}\r\n\r\n`,
      );
      assert.equal(status, 200);
      assert.ok(seen !== undefined);
      assertNothingForged(seen, ours);
      assert.deepEqual([headerValues(seen, 'x-mine'), headerValues(seen, 'x-other')], [[], ['kept']]);
      assert.equal(headerValues(seen, 'host').length, 1);
    });

    it(`is gone from trailers too, ${way}`, async () => {
      const path = `/everything/trailers/${way.length}`;
      const trailers = FORGEABLE.map((name) => `${name}: ${FORGED}\r\n`).join('');
      const { status, seen } = await send(
        who,
        host,
        path,
        `POST ${path} HTTP/1.1\r\nHost: @HOST@\r\nTransfer-Encoding: chunked\r\nTrailer: X-Forwarded-Client-Cert, X-Sum\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n${trailers}X-Sum: 5\r\n\r\n`,
      );
      assert.equal(status, 200);
      assert.ok(seen !== undefined);
      assert.equal(seen.body.toString(), 'hello');
      assertNothingForged(seen, ours);
      assert.deepEqual(seen.rawTrailers, ['X-Sum', '5']);
    });

    it(`cannot hide in a folded line or behind a space, ${way}`, async () => {
      for (const [at, line] of [
        `X-A: 1\r\n X-Forwarded-Client-Cert: ${FORGED}`,
        `X-Forwarded-Client-Cert : ${FORGED}`,
        `\tX-Forwarded-Client-Cert: ${FORGED}`,
        `X-A: 1\nX-Forwarded-Client-Cert: ${FORGED}`,
        `X-A: 1\rX-Forwarded-Client-Cert: ${FORGED}`,
      ].entries()) {
        const path = `/everything/hidden/${way.length}/${at}`;
        const { status, seen } = await send(
          who,
          host,
          path,
          `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\n${line}\r\nConnection: close\r\n\r\n`,
        );
        assert.deepEqual([status, seen], [400, undefined], JSON.stringify(line));
      }
    });
  }

  it('is gone on a second attempt too: the retried route did try again', async () => {
    const { body } = await gateway.admin('/metrics');
    assert.ok(sumOf(body, 'countersign_upstream_retries_total') > 0, body);
  });

  it('about hops behind it is gone as well, and the fields of a single hop are not passed on', async () => {
    const path = '/everything/hops';
    const { seen } = await send(
      'alice',
      'must.test',
      path,
      `GET ${path} HTTP/1.1\r\nHost: @HOST@\r\nConnection: close, Keep-Alive\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nX-Forwarded-For: 203.0.113.7\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n`,
    );
    assert.ok(seen !== undefined);
    for (const name of ['keep-alive', 'proxy-connection', 'upgrade']) assert.deepEqual(headerValues(seen, name), []);
    assert.deepEqual(headerValues(seen, 'x-forwarded-for'), ['127.0.0.1']);
    assert.deepEqual(headerValues(seen, 'x-forwarded-proto'), ['https']);
    assert.equal(headerValues(seen, 'traceparent').length, 1);
  });
});

it("A field that only the gateway names, and every route overrides, is no client's to write either", async () => {
  await using lonely = await startGateway({
    yaml: `version: 2
gateway:
  tls:
    certificates: [{cert: ${pki.downstream.cert}, key: ${pki.downstream.key}}]
  forwardClientCert: {custom: [{name: X-Who-Calls, value: subject}]}
  routes:
    - {name: all, path: /, target: "http://localhost:${recorder.port}", security: {forwardClientCert: {custom: []}}}
`,
  });
  const request = `GET /lonely HTTP/1.1\r\nHost: localhost\r\nx_who-calls: ${FORGED}\r\nConnection: close\r\n\r\n`;
  const from = recorder.requests.length;
  assert.equal((await sClient({ port: lonely.ports.webSecure, request })).status, 200);
  const seen = recorder.requests.items.slice(from).find(({ url }) => url === '/lonely');
  assert.ok(seen !== undefined && !seen.rawHeaders.includes(FORGED));
});
