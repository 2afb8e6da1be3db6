// The image: what is in it, and how it runs where nothing may be written to, without a shell, without root, as the first process of its
// namespace. Built from the Dockerfile and started by a real container runtime.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, chownSync, globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Backend, startBackend } from '../support/backend.ts';
import { buildImage, type Container, type Image, type Mount, startContainer } from '../support/container.ts';
import { curl } from '../support/curl.ts';
import type { LogLine } from '../support/gateway.ts';
import { openPki, type Pki } from '../support/pki.ts';

const { version } = JSON.parse(readFileSync(fileURLToPath(new URL('../../package.json', import.meta.url)), 'utf8')) as {
  readonly version: string;
};

describe('the image', () => {
  const stack = new AsyncDisposableStack();
  after(() => stack.disposeAsync());
  let image: Image;
  let pki: Pki;
  let backend: Backend;
  /** Answers to /slow wait for it. */
  const { promise: released, resolve: release } = Promise.withResolvers<void>();

  before(async () => {
    image = stack.use(await buildImage());
    pki = stack.use(await openPki());
    // Only its user reads keys, as a runtime mounts them.
    chownSync(pki.dir.path, 65_532, 65_532);
    for (const file of globSync(`${pki.dir.path}/*`)) chownSync(file, 65_532, 65_532);
    backend = stack.use(
      await startBackend({
        answer: ({ url }, response) => {
          if (url === '/slow') void released.then(() => response.end('in the end'));
          else response.end('served');
        },
      }),
    );
  });

  const yaml = (routes: string, more = ''): string => `version: 2
gateway:
  workers: 2
  accessLog: {enabled: false}
  timeouts: {drain: 60s}
  entryPoints: {web: {enabled: false}, webSecure: {address: "127.0.0.1:0"}, admin: {address: "127.0.0.1:0"}}
${more}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true, onFailure: explain}
  routes: ${routes}
`;
  /** A folder that is replaced file by file is mounted whole, as Kubernetes mounts a Secret. */
  const start = async (text: string, ...more: readonly Mount[]): Promise<Container> => {
    pki.dir.replace('gateway.yml', text);
    return startContainer(image, { mounts: [{ at: '/etc/countersign', from: pki.dir.path }, ...more] });
  };
  const portOf = async ({ log }: Container, entryPoint: string): Promise<number> => {
    const line = await log.waitFor((one) => one.msg === 'listening' && one['entryPoint'] === entryPoint, {
      what: `${entryPoint} to listen`,
    });
    return Number(String(line['address']).split(':').at(-1));
  };
  const said = async ({ log }: Container, fits: (line: LogLine) => boolean): Promise<LogLine> => log.waitFor(fits);

  it('says what it is, and runs nothing through a shell', () => {
    const { User, Entrypoint, Cmd, Healthcheck, Labels, StopSignal } = image.config;
    assert.equal(User, '65532:65532');
    assert.deepEqual(Entrypoint, ['countersign']);
    assert.deepEqual(Cmd, ['run', '--config', '/etc/countersign/gateway.yml']);
    assert.deepEqual(Healthcheck.Test, ['CMD', 'countersign', 'health']);
    assert.equal(StopSignal, 'SIGTERM');
    assert.equal(Labels['org.opencontainers.image.version'], version);
    assert.equal(Labels['org.opencontainers.image.licenses'], 'Apache-2.0');
    assert.match(Labels['org.opencontainers.image.revision'] ?? '', /^[0-9a-f]{40}$/);
  });

  it('holds Node, the program, libraries and the authorities of the web, and nothing to break in with', () => {
    const files = globSync('**/*', { cwd: image.root, withFileTypes: true }).filter((entry) => !entry.isDirectory());
    const paths = files.map(({ parentPath, name }) => `${parentPath}/${name}`.slice(image.root.length));
    const programs = paths.filter((path) => path.startsWith('/usr/bin/') || path.includes('/sbin/'));
    assert.deepEqual(programs.toSorted(), ['/usr/bin/countersign', '/usr/bin/node']);
    assert.ok(paths.includes('/etc/ssl/certs/ca-certificates.crt'));
    assert.deepEqual(
      paths.filter((path) => /\.(?:ts|key|pem|map)$|\/npm(?:\/|$)|\/(?:ba|da)?sh$/.test(path)),
      [],
    );
    const odd = files.filter((entry) => {
      const { mode, uid } = statSync(`${entry.parentPath}/${entry.name}`);
      return (mode & 0o6022) !== 0 || uid !== 0;
    });
    assert.deepEqual(odd, [], 'set-user-id, or to be changed by others than root');
    const state = statSync(`${image.root}/var/lib/countersign`);
    assert.deepEqual([state.uid, state.mode & 0o777], [65_532, 0o700]);
    // Scanners find what it is linked with.
    for (const name of ['libc6', 'libstdc++6', 'ca-certificates'])
      assert.match(readFileSync(`${image.root}/var/lib/dpkg/status.d/${name}`, 'utf8'), /^Version: \S+$/m);
  });

  it('serves mutual TLS, checks itself, reloads, and drains', async () => {
    const routes = `[{name: all, path: /, target: "http://127.0.0.1:${backend.port}"}]`;
    await using container = await start(yaml(routes));
    const [port, admin] = [await portOf(container, 'webSecure'), await portOf(container, 'admin')];
    const url = `https://localhost:${port}`;
    const alice = { cert: pki.alice.cert, key: pki.alice.key, ca: pki.servers.file };
    assert.equal((await curl(`${url}/`, alice)).body, 'served');
    const { status, body } = await curl(`${url}/`, { ca: pki.servers.file });
    assert.deepEqual([status, (JSON.parse(body) as { readonly code: string }).code], [403, 'no_client_cert']);

    const health = [...image.config.Healthcheck.Test.slice(1), `http://127.0.0.1:${admin}`];
    const good = await container.exec(...health);
    assert.deepEqual([good.code, good.stdout], [0, '2 of 2 workers ready\n']);
    assert.equal((await container.exec('sh', '-c', 'true')).code, 255);

    // Whom a kernel would leave to us: nobody's children, and none that ended and was not asked for.
    const states = (await container.pids()).map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'));
    assert.ok(states.length >= 3, 'a primary and two workers');
    for (const state of states) {
      assert.match(state, /^Uid:\t65532\t65532\t65532\t65532$/m);
      assert.match(state, /^CapEff:\t0+$/m);
      assert.match(state, /^NoNewPrivs:\t1$/m);
      assert.doesNotMatch(state, /^State:\tZ/m);
    }
    assert.match(states[0] ?? '', /^NSpid:\t\d+\t1$/m);

    pki.dir.replace('gateway.yml', yaml(routes.replace('path: /', 'path: /only')));
    await container.signal('HUP');
    await said(container, ({ msg }) => msg === 'configuration reloaded');
    assert.equal((await curl(`${url}/`, alice)).status, 404);
    pki.dir.replace('gateway.yml', yaml(routes));
    await said(container, ({ msg, generation }) => msg === 'configuration reloaded' && generation === 3);

    const slow = curl(`${url}/slow`, alice);
    await backend.requests.waitFor(({ url: path }) => path === '/slow');
    await container.signal('TERM');
    await said(container, ({ msg }) => msg.startsWith('draining'));
    const bad = await container.exec(...health);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^not healthy: \S+ (?:answered 503: .*|ECONNREFUSED)\n$/);
    release();
    assert.equal((await slow).body, 'in the end');
    assert.deepEqual(await container.exited, { code: 0, signal: null });
  });

  it('ends at once where it is told to before it serves', async () => {
    // An agent that is there and never says anything: whoever waits for its certificates is still starting.
    const sockets: Socket[] = [];
    const agent = createServer((socket) => void sockets.push(socket)).listen(0, '127.0.0.1');
    stack.defer(() => void agent.close());
    await once(agent, 'listening');
    const address = agent.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const more = `  certificates: [{id: mesh, spiffe: {socket: "tcp://127.0.0.1:${port}"}}]`;
    const routes = '[{name: a, path: /, target: "https://localhost:1", security: {tls: {certificateId: mesh}}}]';
    const asked = once(agent, 'connection');
    await using container = await start(yaml(routes, more));
    await Promise.race([asked, container.exited.then(() => assert.fail(container.log.tail(20)))]);
    await container.signal('TERM');
    assert.deepEqual(await container.exited, { code: 143, signal: null });
    for (const socket of sockets) socket.destroy();
  });

  it('runs as it is: with a volume for what it keeps, and nothing else', async () => {
    // As Kubernetes makes an empty folder for a Pod: everybody may write to it.
    const volume = pki.dir.file('volume');
    mkdirSync(volume);
    chmodSync(volume, 0o777);
    const config = readFileSync(`${image.root}/etc/countersign/gateway.yml`, 'utf8');
    assert.match(config, /sqlite:\/var\/lib\/countersign\/store\/store\.db/);
    await using container = await startContainer(image, {
      mounts: [{ at: '/var/lib/countersign', from: volume, writable: true }],
      alone: true,
    });
    await said(container, ({ msg, entryPoint }) => msg === 'listening' && entryPoint === 'admin');
    await said(container, ({ link }) => /^http:\/\/\S+$/.test(String(link)));
    assert.equal((await container.exec(...image.config.Healthcheck.Test.slice(1))).code, 0);
    const store = statSync(`${volume}/store`);
    assert.deepEqual([store.uid, store.mode & 0o777], [65_532, 0o700]);
    await container.signal('TERM');
    assert.deepEqual(await container.exited, { code: 0, signal: null });
  });
});
