// What the API answers in with many objects, and what memory its process takes: a gateway with so many certificates and services
// in its store, asked one request after the other. `node bench/api.ts [--objects 1000] [--requests 1000] [--rounds 4]`
import { readFileSync } from 'node:fs';
import { get as httpGet, Agent } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildProgram } from '../scripts/build.ts';
import { mintCa } from '../src/certs/test-ca.ts';
import type { ObjectChange } from '../src/store/object.ts';
import { openAdminApi } from '../test/support/admin-api.ts';
import { programVariable } from '../test/support/program.ts';
import { openPki } from '../test/support/pki.ts';
import { openWrittenStore } from '../test/support/stored-config.ts';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '1000' },
    requests: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '4' },
  },
});
const objects = Number(values.objects);
const requests = Number(values.requests);

const paths = [
  '/services/service-7',
  '/services?limit=100',
  '/certificates/certificate-7',
  '/certificates?limit=100',
  '/relations?limit=100',
  '/overview',
  '/handshakes',
  '/identities',
  '/gateways',
];

const dist = fileURLToPath(new URL('../dist', import.meta.url));
await buildProgram(dist);
// Which program is started is settled when this is loaded.
process.env[programVariable] = join(dist, 'cli/main.js');
const { startGateway } = await import('../test/support/gateway.ts');
await using stack = new AsyncDisposableStack();
const pki = stack.use(await openPki());
const written = await openWrittenStore(pki.dir);
const ca = await mintCa({ cn: 'bench CA' });
const changes: ObjectChange[] = [{ kind: 'caBundles', id: 'internal', put: { ca: ca.certPem } }];
for (let i = 0; i < objects; i++) {
  const pair = await ca.issue({ kind: 'client', cn: `client ${i}`, sans: [`client-${i}.test`] });
  const id = `certificate-${i}`;
  changes.push(
    { kind: 'certificates', id, put: { cert: pair.chainPem, key: written.sealFor('certificates', id, pair.keyPem) } },
    {
      kind: 'services',
      id: `service-${i}`,
      put: {
        address: `backend-${i}.invalid:8443`,
        tls: { mode: 'mtls', certificateId: id, caBundle: 'internal' },
      },
    },
    { kind: 'routes', id: `route-${i}`, put: { path: `/${i}`, hosts: ['localhost'], service: `service-${i}` } },
  );
}
written.append(changes);
await written.close();
const yaml = `version: 2
gateway:
  store: {url: "sqlite:store.db"}
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: edge.crt, key: edge.key}]
    clientAuth: {clientCA: clients-ca.crt, required: true}
`;
const gateway = stack.use(await startGateway({ yaml, dir: pki.dir, workers: 2 }));
const api = await openAdminApi(gateway);
const serves = await gateway.waitForLog(({ msg }) => msg === 'control process serves the API');
const pid = Number(serves['pid']);

const megabytes = (of: number): number => {
  const [, kb = '0'] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${of}/status`, 'utf8')) ?? [];
  return Math.round(Number(kb) / 1024);
};

const agent = new Agent({ keepAlive: true, maxSockets: 1 });
async function ask(path: string): Promise<number> {
  const begun = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  httpGet(`${api.base}${path}`, { agent, headers: { cookie: api.cookie } }, (answer) => {
    answer.resume();
    answer.on('end', () =>
      answer.statusCode === 200
        ? resolve(performance.now() - begun)
        : reject(new Error(`${path}: ${answer.statusCode}`)),
    );
  }).on('error', reject);
  return promise;
}

process.stdout.write(`${objects} certificates, services and routes\n`);
process.stdout.write(
  `memory of control after the start: ${megabytes(pid)} MB (primary ${megabytes(gateway.pid)} MB)\n`,
);
for (const path of paths) {
  await ask(path);
  const times: number[] = [];
  for (let i = 0; i < requests / paths.length; i++) times.push(await ask(path));
  times.sort((a, b) => a - b);
  const at = (share: number): string => (times[Math.floor(times.length * share)] ?? 0).toFixed(1).padStart(7);
  process.stdout.write(`${path.padEnd(28)} p50 ${at(0.5)} ms   p99 ${at(0.99)} ms\n`);
}
for (let round = 1; round <= Number(values.rounds); round++) {
  for (let i = 0; i < requests; i++) await ask(paths[i % paths.length] ?? '/');
  process.stdout.write(`memory of control after ${round * requests} more: ${megabytes(pid)} MB\n`);
}
agent.destroy();
