// TCP and TLS that the gateway passes on unread: a port for one target, a port that is shared by server names, mutual TLS that the
// target ends itself. With real nginx and curl; what is logged, counted, drained at stop, and taken over by a reload.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { curl } from '../support/curl.ts';
import { type Gateway, type LogLine, StartFailure, startGateway } from '../support/gateway.ts';
import { type Nginx, readEcho, startNginx } from '../support/nginx.ts';
import { openPki, type Pki } from '../support/pki.ts';

describe('connections that are passed through', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let pki: Pki;
  let one: Nginx;
  let two: Nginx;
  let gateway: Gateway;
  let plainPort = 0;
  let namedPort = 0;
  let echoPort = 0;
  let yaml: (plainTarget: number) => string;

  before(async () => {
    pki = stack.use(await openPki());
    one = stack.use(await startNginx({ tls: pki.downstream, name: 'one', clientCa: pki.clients.file }));
    two = stack.use(await startNginx({ tls: pki.downstream, name: 'two' }));
    const echo = net.createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined);
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    stack.defer(() => void echo.close());
    yaml = (plainTarget) => `version: 2
gateway:
  timeouts: {drain: 5s}
  entryPoints:
    web: {enabled: false}
    passThrough:
      forwards:
        - {protocol: tcp, port: 0, address: 127.0.0.1, target: "localhost:${plainTarget}"}
        - {port: 0, address: 127.0.0.1, target: "127.0.0.1:${(echo.address() as AddressInfo).port}"}
        - {port: 0, address: 127.0.0.1, target: "localhost:${one.port}", sni: [a.test]}
        - {port: 0, address: 127.0.0.1, target: "localhost:${two.port}", sni: ["*.wild.test"]}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
  routes:
    - {name: r, path: /, target: "http://127.0.0.1:1"}
`;
    gateway = stack.use(await startGateway({ dir: pki.dir, yaml: yaml(two.port) }));
    const ports = gateway.log.items
      .filter((line) => line.msg === 'listening' && line['entryPoint'] === 'passThrough')
      .map((line) => Number(String(line['address']).split(':')[1]));
    [plainPort = 0, echoPort = 0, namedPort = 0] = ports;
  });

  const ask = async (port: number, host: string, withCertificate = false) =>
    curl(`https://${host}:${port}/`, {
      ca: pki.servers.file,
      ...(withCertificate ? { cert: pki.alice.cert, key: pki.alice.key } : {}),
    });
  const logged = (fits: (line: LogLine) => boolean, from = 0): Promise<LogLine> =>
    gateway.waitForLog((line) => line['protocol'] === 'TCP' && fits(line), { from });

  it('of one target end there: its certificate is what clients see', async () => {
    const answer = await ask(plainPort, 'localhost');
    assert.deepEqual([answer.status, readEcho(answer.body)['backend']], [200, 'two']);
    const line = await logged(({ route }) => route === `passThrough:${plainPort}`);
    assert.deepEqual([line['backend'], line['code']], [`localhost:${two.port}`, undefined]);
    assert.ok(Number(line['bytesIn']) > 0 && Number(line['bytesOut']) > 0);
  });

  it('by server name reach the target of that name, who does mutual TLS itself', async () => {
    const mine = await ask(namedPort, 'a.test', true);
    assert.deepEqual([readEcho(mine.body)['backend'], readEcho(mine.body)['ssl_client_verify']], ['one', 'SUCCESS']);
    assert.equal((await ask(namedPort, 'a.test')).status, 400, 'nginx wants a certificate, and got none');
    assert.equal(readEcho((await ask(namedPort, 'x.wild.test')).body)['backend'], 'two');
    const line = await logged(({ host }) => host === 'x.wild.test');
    assert.equal(line['backend'], `localhost:${two.port}`);
  });

  it('by a server name that leads nowhere are refused with an alert, and told', async () => {
    const refused = await ask(namedPort, 'b.test');
    assert.equal(refused.exitCode, 35);
    assert.match(refused.stderr, /unrecognized name/i);
    const line = await logged(({ host }) => host === 'b.test');
    assert.deepEqual([line['code'], line['backend']], ['unknown_sni', undefined]);
  });

  it('are counted', async () => {
    const { body } = await gateway.admin('/metrics');
    assert.match(body, /countersign_connections_total\{entry_point="passThrough"\} [1-9]/);
    assert.match(
      body,
      new RegExp(`countersign_passthrough_bytes_total\\{backend="localhost:${two.port}",direction="sent"\\} [1-9]`),
    );
    assert.match(body, /countersign_faults_total\{code="unknown_sni",source="client"\} 1/);
  });

  it('follow a reload, and open ones go on', async () => {
    const open = await connectTo(echoPort);
    await say(open, 'before');
    const from = gateway.log.length;
    gateway.rewrite(yaml(one.port));
    gateway.reload();
    await gateway.waitForLog((line) => line.msg === 'configuration reloaded', { from });
    assert.equal((await ask(plainPort, 'a.test', true)).status, 200);
    await logged(
      ({ backend, route }) => route === `passThrough:${plainPort}` && backend === `localhost:${one.port}`,
      from,
    );
    await say(open, 'after');
    open.destroy();
  });

  it('need a port of their own: a start is refused where it is taken', async () => {
    const taken = yaml(two.port).replace('port: 0', `port: ${two.port}`);
    const failure = await startGateway({ dir: pki.dir, yaml: taken }).then(
      async (other) => other.stop(),
      (error: unknown) => error,
    );
    assert.ok(failure instanceof StartFailure);
    assert.equal(failure.exit?.code, 1);
    assert.ok(
      failure.log.some(({ msg }) =>
        msg.includes(`cannot listen on 127.0.0.1:${two.port}: another process does already`),
      ),
    );
  });

  it('have their time at stop, and nobody new comes in', async () => {
    const open = await connectTo(echoPort);
    await say(open, 'before');
    gateway.signal('SIGTERM');
    await gateway.waitForLog((line) => line.msg.startsWith('draining'));
    await say(open, 'after');
    open.end();
    await once(open, 'end');
    const { code, signal } = await gateway.exited;
    assert.deepEqual([code, signal], [0, null]);
    const late = net.connect(echoPort, '127.0.0.1');
    const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
    assert.equal(error.code, 'ECONNREFUSED');
  });
});

async function connectTo(port: number): Promise<Socket> {
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}

/** And hears it back. */
async function say(socket: Socket, what: string): Promise<void> {
  socket.write(what);
  const [heard] = (await once(socket, 'data')) as [Buffer];
  assert.equal(heard.toString(), what);
}
