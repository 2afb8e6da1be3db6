// Several gateways as processes on one store, each on an address of its own (127.0.0.1, 127.0.0.2, …), with a main file that holds no
// more than a gateway needs to join: name, store and listeners. Everything else is put into the store by the API of the first one.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { administrator, type ApiReply, enterAsAdmin } from './api-client.ts';
import { curl } from './curl.ts';
import { type Gateway, startGateway } from './gateway.ts';
import { type Load, startLoad } from './load.ts';
import { type Nginx, startNginx } from './nginx.ts';
import { openPki, type Pki } from './pki.ts';
import { plainCall } from './plain-call.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type FleetStore = {
  /** As `gateway.store.url`. */
  readonly url: string;
  /** The opening key, a path that all of them share; made by the first one. */
  readonly sealKey: string;
};

export type FleetMember = {
  readonly name: string;
  readonly address: string;
  gateway: Gateway;
  /** By its own API, as the administrator whom the first one made. */
  call(method: string, path: string, body?: object, as?: string): Promise<ApiReply>;
  /** Cookie of another session of the administrator, made here. */
  logIn(): Promise<string>;
  /** GET on the admin entry point. */
  adminText(path: string): Promise<string>;
  /** Status of a request as a client makes it. */
  status(path: string): Promise<number>;
  /** Ends it (SIGTERM; or as told) and starts it again from the same file. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  stop(signal?: NodeJS.Signals): Promise<void>;
  start(): Promise<void>;
};

export type Fleet = {
  readonly pki: Pki;
  readonly nginx: Nginx;
  readonly members: readonly FleetMember[];
  /** Joins one more. `more`: further lines at the end of its file; `env` of its process. */
  join(name: string, address: string, options?: JoinOptions): Promise<FleetMember>;
  /** Until each runs what it is to, as this one sees it. */
  settled(as?: FleetMember): Promise<void>;
  /** Steady traffic to one of them. */
  load(member: FleetMember): Load;
  [Symbol.asyncDispose](): Promise<void>;
};

export type JoinOptions = { readonly more?: string; readonly env?: Readonly<Record<string, string>> };

export const put = (kind: string, id: string, value: object): object => ({ kind, id, operation: 'put', value });

/** Opens one store and the first of its gateways (`edge-1`), with everything in the store that serves `/orders`. */
export async function openFleet(
  storeOf: (dir: TempDir) => Promise<FleetStore> | FleetStore,
  firstJoins: JoinOptions = {},
): Promise<Fleet> {
  const stack = new AsyncDisposableStack();
  try {
    const pki = stack.use(await openPki());
    const dir = openTempDir('fleet');
    stack.defer(() => dir.remove());
    const store = await storeOf(dir);
    const nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
    const members: FleetMember[] = [];
    let cookie = '';

    async function join(
      name: string,
      address: string,
      { more = '', env = {} }: JoinOptions = {},
    ): Promise<FleetMember> {
      const own = openTempDir(`fleet-${name}`);
      stack.defer(() => own.remove());
      const configFile = own.write(
        'gateway.yml',
        `version: 2
gateway:
  name: ${name}
  workers: 1
  store: {url: ${JSON.stringify(store.url)}, sealKey: ${JSON.stringify(store.sealKey)}}
  accessLog: {enabled: false}
  tls: {defaultPolicy: none}
  entryPoints:
    web: {enabled: false}
    webSecure: {address: "${address}:0"}
    admin: {address: "${address}:0"}
${more}`,
      );
      const start = async (): Promise<Gateway> =>
        startGateway({ configFile, env, entryPoints: ['webSecure', 'admin'] });
      const gateway = await start();
      const member: FleetMember = {
        name,
        address,
        gateway,
        async call(method, path, body, as = cookie) {
          const answer = await plainCall(`http://${address}:${member.gateway.ports.admin}/api/v1${path}`, {
            method,
            headers: { ...(body && { 'content-type': 'application/json' }), ...(as !== '' && { cookie: as }) },
            ...(body && { body: JSON.stringify(body) }),
          });
          const isJson = /json/.test(answer.headers['content-type'] ?? '');
          const read = isJson ? (JSON.parse(answer.body) as Record<string, unknown>) : {};
          return { status: answer.status, headers: answer.headers, body: read, text: answer.body };
        },
        async logIn() {
          const made = await member.call('POST', '/sessions', administrator, '');
          assert.equal(made.status, 201, made.text);
          return made.headers['set-cookie']?.split(';')[0] ?? '';
        },
        async adminText(path) {
          return (await plainCall(`http://${address}:${member.gateway.ports.admin}${path}`)).body;
        },
        async status(path) {
          const { port } = new URL(`https://localhost:${member.gateway.ports.webSecure}`);
          const answer = await curl(`https://localhost:${port}${path}`, {
            loopback: false,
            ca: pki.servers.file,
            cert: pki.alice.cert,
            key: pki.alice.key,
            args: ['--resolve', `localhost:${port}:${address}`],
          });
          return answer.status;
        },
        async stop(signal = 'SIGTERM') {
          await member.gateway.stop(signal);
        },
        async start() {
          member.gateway = await start();
        },
        async restart(signal) {
          await member.stop(signal);
          await member.start();
        },
      };
      stack.defer(async () => member.stop());
      members.push(member);
      return member;
    }

    const first = await join('edge-1', '127.0.0.1', firstJoins);
    ({ cookie } = await enterAsAdmin(first.gateway));
    const tls = { mode: 'mtls', certificateId: 'gateway-client', caBundle: 'internal' };
    const changes = [
      put('certificates', 'edge', { cert: pki.downstream.chainPem, key: pki.downstream.keyPem }),
      put('certificates', 'gateway-client', { cert: pki.gateway.chainPem, key: pki.gateway.keyPem }),
      put('caBundles', 'clients', { ca: pki.clients.certPem }),
      put('caBundles', 'internal', { ca: pki.internal.certPem }),
      put('services', 'orders', { address: `localhost:${nginx.port}`, tls }),
      put('routes', 'orders', { path: '/orders', hosts: ['localhost'], service: 'orders' }),
      put('policies', 'edge', {
        hosts: ['localhost'],
        certificateIds: ['edge'],
        clientAuth: { caBundles: ['clients'], required: true },
      }),
    ];
    const applied = await first.call('POST', '/config:apply', { parent: 0, changes, reason: 'first' });
    assert.equal(applied.status, 200, applied.text);
    const [cert, key] = [pki.alice.cert, pki.alice.key].map((file) => readFileSync(file, 'utf8'));
    return {
      pki,
      nginx,
      members,
      join,
      async settled(as = first) {
        await eventually(
          async () => {
            const { body } = await as.call('GET', '/gateways');
            const items = (body['items'] ?? []) as { name: string; state: string }[];
            const running = members.map(({ name }) => items.find((one) => one.name === name)?.state);
            return running.every((state) => state === 'current') || undefined;
          },
          { what: 'all gateways to run what they are to' },
        );
      },
      load: (member) =>
        startLoad({
          host: member.address,
          port: member.gateway.ports.webSecure,
          servername: 'localhost',
          path: '/orders',
          ca: pki.servers.certPem,
          ...(cert !== undefined && key !== undefined && { cert, key }),
          connections: 2,
          // Ten requests a second find what fails for a while; forty times as many cost a core, in a journey of minutes.
          pauseMs: 200,
        }),
      [Symbol.asyncDispose]: async () => stack.disposeAsync(),
    };
  } catch (error) {
    await stack.disposeAsync();
    throw error;
  }
}

/** Until each of them answers so: a machine that is busy may take longer than an answer of the API waits for (202). */
export async function live(
  members: readonly FleetMember[],
  path: string,
  wanted: readonly number[],
  made: ApiReply,
): Promise<void> {
  assert.ok([200, 201, 202].includes(made.status), made.text);
  await eventually(async () => (await statuses(members, path)).join() === wanted.join(), {
    what: `${path} to be answered with ${wanted.join()}`,
  });
}

/** Each path at each of them. */
export async function statuses(members: readonly FleetMember[], path: string): Promise<number[]> {
  return Promise.all(members.map(async (member) => member.status(path)));
}
