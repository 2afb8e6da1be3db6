// `check --probe`: what each backend speaks and what its route gets, by the gateway's own handshake; the command in this process, against
// real nginx and servers that speak one version alone.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type Checked, runCheck } from '../support/cli.ts';
import { findFreePort } from '../support/free-port.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { serveTls } from './explain-setup.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let both: Nginx;
let one: Nginx;
let plain: Nginx;
/** Ports of a server of HTTP/2 alone, of one that heeds no ALPN, and of nobody. */
let two: number;
let deaf: number;
let nobody: number;

before(async () => {
  pki = stack.use(await openPki());
  const tls = { tls: pki.backend, clientCa: pki.internal.file };
  both = stack.use(await startNginx({ ...tls, http2: true }));
  one = stack.use(await startNginx(tls));
  plain = stack.use(await startNginx());
  const { chainPem: cert, keyPem: key } = pki.backend;
  const server = http2.createSecureServer({ cert, key }, (_request, response) => void response.end());
  server.on('sessionError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stack.defer(() => void server.close());
  two = (server.address() as AddressInfo).port;
  deaf = stack.use(await serveTls({ cert, key })).port;
  nobody = await findFreePort();
});

async function probe(routes: readonly string[], args: readonly string[] = []): Promise<Checked> {
  const yaml = `version: 2\ngateway:\n  tls: {certificates: [{cert: edge.crt, key: edge.key}]}\n  routes:\n${routes.join('')}`;
  return runCheck(['--config', pki.dir.write('gateway.yml', yaml), '--probe', ...args]);
}

const secure = (name: string, port: number, mode = 'auto', ca = 'internal-ca.crt'): string =>
  `    - {name: ${name}, path: /${name}, target: "https://localhost:${port}", security: {tls: {rootCAs: ${ca}, clientCert: gateway.crt, clientKey: gateway.key, http2: "${mode}"}}}\n`;
const clear = (name: string, port: number): string =>
  `    - {name: ${name}, path: /${name}, target: "http://localhost:${port}"}\n`;

const tail = ({ stdout }: Checked): string[] => {
  const lines = stdout.trimEnd().split('\n');
  return lines.slice(lines.findIndex((line) => line.startsWith('probed ')));
};

describe('check --probe', () => {
  it('says what backends speak, and what their routes get', async () => {
    const checked = await probe([
      secure('both', both.port),
      secure('both-off', both.port, 'off'),
      secure('both-on', both.port, 'on'),
      secure('one', one.port),
      secure('two', two),
      secure('deaf', deaf),
      clear('plain', plain.port),
    ]);
    const at = (port: number, scheme = 'https'): string => `${scheme}://localhost:${port}`;
    assert.deepEqual(tail(checked), [
      'probed 7 backends, all as their routes say:',
      `  ok      both  ${at(both.port)}  TLSv1.3, speaks HTTP/2 and HTTP/1.1; gets HTTP/2 (http2: auto)`,
      `  ok      both-off  ${at(both.port)}  TLSv1.3, speaks HTTP/2 and HTTP/1.1; gets HTTP/1.1 (http2: off)`,
      `  ok      both-on  ${at(both.port)}  TLSv1.3, speaks HTTP/2 and HTTP/1.1; gets HTTP/2 (http2: on)`,
      `  ok      one  ${at(one.port)}  TLSv1.3, speaks HTTP/1.1 only; gets HTTP/1.1 (http2: auto)`,
      `  ok      two  ${at(two)}  TLSv1.3, speaks HTTP/2 only; gets HTTP/2 (http2: auto)`,
      `  ok      deaf  ${at(deaf)}  TLSv1.3, speaks HTTP/1.1 only, without ALPN; gets HTTP/1.1 (http2: auto)`,
      `  ok      plain  ${at(plain.port, 'http')}  plain HTTP`,
    ]);
    assert.equal(checked.code, 0);
  });

  it('names what does not fit on either side, and everything else that keeps a route from its backend', async () => {
    const checked = await probe([
      secure('one-on', one.port, 'on'),
      secure('deaf-on', deaf, 'on'),
      secure('two-off', two, 'off'),
      secure('dead', nobody),
      secure('strange', both.port, 'auto', 'servers-ca.crt'),
      clear('clear-to-tls', both.port),
      secure('good', both.port, 'on'),
    ]);
    const text = tail(checked).join('\n');
    assert.match(text, /^probed 7 backends, 6 not as its route says:/);
    assert.match(
      text,
      /FAILED {2}one-on .*speaks HTTP\/1\.1 only\n +cause: {2}it agrees on http\/1\.1 alone \(ALPN\), and the route says http2: on\n +remedy: Let the backend offer h2, or leave out security\.tls\.http2 \(of a service: protocol\)\./,
    );
    assert.match(text, /deaf-on .*\n +cause: {2}it agrees on no protocol \(ALPN\), and the route says http2: on/);
    assert.match(
      text,
      /two-off .*speaks HTTP\/2 only\n +cause: {2}it agrees on h2 alone \(ALPN\), and the route says http2: off/,
    );
    assert.match(text, /dead .*\n +cause: {2}.*nothing listens there/);
    assert.match(text, /strange .*\n +cause: .*\n +remedy: .*security\.tls\.rootCAs/);
    assert.match(text, /clear-to-tls .*plain HTTP\n +cause: {2}the backend speaks TLS on this port/);
    assert.match(text, / {2}ok {6}good /);
    assert.equal(checked.code, 4);
  });

  it('says the same for machines, and probes nothing where the configuration is of no use', async () => {
    const { stdout, code } = await probe([secure('two', two), secure('one-on', one.port, 'on')], ['--json']);
    const { backends } = JSON.parse(stdout) as { readonly backends: readonly Record<string, unknown>[] };
    const [good, bad] = backends;
    const steps = good?.['steps'] as readonly { readonly step: string; readonly status: string }[];
    assert.deepEqual([steps[0]?.step, steps.at(-1)?.step, steps.at(-1)?.status], ['dns', 'answer', 'ok']);
    assert.deepEqual(
      { ...good, backend: '', steps: [] },
      {
        route: 'two',
        backend: '',
        ok: true,
        http2: 'auto',
        tls: 'TLSv1.3',
        speaks: ['h2'],
        alpn: true,
        gets: 'HTTP/2',
        failure: null,
        steps: [],
      },
    );
    assert.deepEqual([bad?.['ok'], bad?.['speaks'], bad?.['gets']], [false, ['http/1.1'], null]);
    assert.match(JSON.stringify(bad?.['failure']), /"code":"protocol_mismatch"/);
    assert.equal(code, 4);
    const broken = await probe(['    - {name: x}\n']);
    assert.equal(broken.code, 1);
    assert.doesNotMatch(broken.stdout, /probed/);
  });
});
