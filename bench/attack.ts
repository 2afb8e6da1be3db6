// `npm run bench -- --only attack`: what a good client gets while others take their time, through us and through nginx:
// bodies of a byte a second, requests that the backend never answers, answers of 10 MB that nobody reads, handshakes that stop
// in the middle, a body in chunks of one byte.
import { once } from 'node:events';
import { Agent, get } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type Backend, startBackend } from '../test/support/backend.ts';
import { captureClientHello } from '../test/support/client-hello.ts';
import { type CertFiles, openPki, type Pki } from '../test/support/pki.ts';
import { findVersion, peers, type RunningPeer, startPeer } from './peer.ts';
import { mintToken } from './token.ts';

const names = ['countersign', 'nginx'];
const measuredMs = 5_000;
const betweenMs = 10;
const timeoutMs = 10_000;
const large = Buffer.alloc(10 << 20, 'x');

type Attack = {
  readonly name: string;
  readonly connections: number;
  /** Sent first; absent: a copied ClientHello and nothing more, and the good client opens a connection for each request. */
  readonly head?: string;
  /** Written again and again, as far as it is taken. */
  readonly drip: string;
  /** Between two drips; default a second. */
  readonly dripMs?: number;
};

const attacks: readonly Attack[] = [
  { name: 'nobody', connections: 0, head: '', drip: '' },
  {
    name: '620 bodies, 1 byte/s',
    connections: 620,
    head: 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nx',
    drip: 'x',
  },
  {
    name: '620 chunked bodies, 1 byte/s',
    connections: 620,
    head: 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n',
    drip: '1\r\nx\r\n',
  },
  {
    name: '620 unanswered requests',
    connections: 620,
    head: 'GET /never HTTP/1.1\r\nHost: localhost\r\n\r\n',
    drip: '',
  },
  {
    name: '300 answers of 10 MB not read',
    connections: 300,
    head: 'GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n',
    drip: '',
  },
  { name: '4,500 handshakes that stop', connections: 4500, drip: '' },
  {
    name: '1 body in chunks of 1 byte',
    connections: 1,
    head: 'POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n',
    drip: '1\r\nx\r\n'.repeat(8_000),
    dripMs: 1,
  },
];

export type AttackRow = {
  readonly attack: string;
  readonly peer: string;
  readonly ok: number;
  readonly failed: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
};

/** `cores`: as in main.ts. */
export async function measureAttacks(cores: { gateway: string; load: string }): Promise<AttackRow[]> {
  using pki = await openPki();
  const mallory = await pki.clients.issue({ kind: 'client', cn: 'mallory' });
  const tls = { cert: pki.backend.chainPem, key: pki.backend.keyPem, clientCa: pki.internal.certPem };
  await using backend = await startBackend({
    tls,
    handle: (incoming, response) => {
      response.on('error', () => {});
      incoming.on('error', () => {});
      if (incoming.url === '/large') response.end(large);
      else if (incoming.url !== '/never') {
        incoming.resume();
        incoming.on('end', () => response.end('{"ok":true}'));
      }
    },
  });
  const rows: AttackRow[] = [];
  for (const attack of attacks)
    for (const name of names) rows.push(await measureOne(attack, name, { pki, mallory, backend, cores }));
  return rows;
}

type Scene = {
  readonly pki: Pki;
  readonly mallory: Pick<CertFiles, 'chainPem' | 'keyPem'>;
  readonly backend: Backend;
  readonly cores: { gateway: string; load: string };
};

/** A gateway of its own for each attack, so that none suffers from the one before. */
async function measureOne(attack: Attack, name: string, { pki, mallory, backend, cores }: Scene): Promise<AttackRow> {
  const peer = peers.find((candidate) => candidate.name === name);
  if (peer === undefined || findVersion(peer) === undefined) throw new Error(`${name} is not installed`);
  const gateway = await startPeer(peer, {
    pki,
    clientAuth: 'required',
    backend: 'h1',
    backendPort: backend.port,
    cores,
    token: mintToken(),
  });
  const sockets: Socket[] = [];
  let dripping: NodeJS.Timeout | undefined;
  try {
    const hello = await captureClientHello('localhost');
    for (let i = 0; i < attack.connections; i += 1) {
      const { head } = attack;
      sockets.push(
        head === undefined ? await stopAfter(hello, gateway) : await attackWith(head, gateway, pki, mallory),
      );
    }
    if (attack.drip !== '') {
      const drip = (socket: Socket): unknown => socket.writableNeedDrain || socket.write(attack.drip);
      dripping = setInterval(() => sockets.forEach(drip), attack.dripMs ?? 1000);
    }
    const { ok, failed, latencies } = await beGood(gateway, pki, attack.head !== undefined);
    const at = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
    return { attack: attack.name, peer: name, ok, failed, p50: at(0.5), p99: at(0.99) };
  } finally {
    clearInterval(dripping);
    for (const socket of sockets) socket.destroy();
    await gateway.process.stop();
  }
}

async function stopAfter(hello: Buffer, gateway: RunningPeer): Promise<Socket> {
  const socket = connectTcp({ host: '127.0.0.1', port: gateway.port });
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.resume();
  socket.write(hello);
  return socket;
}

async function attackWith(
  head: string,
  gateway: RunningPeer,
  pki: Pki,
  as: Pick<CertFiles, 'chainPem' | 'keyPem'>,
): Promise<TLSSocket> {
  const trust = { ca: pki.servers.certPem, cert: as.chainPem, key: as.keyPem };
  const socket = connect({ host: '127.0.0.1', port: gateway.port, servername: 'localhost', ...trust });
  socket.on('error', () => {});
  await once(socket, 'secureConnect');
  socket.pause();
  socket.write(head);
  return socket;
}

async function beGood(
  gateway: RunningPeer,
  pki: Pki,
  keepAlive: boolean,
): Promise<{ ok: number; failed: number; latencies: readonly number[] }> {
  const { alice, servers } = pki;
  const agent = new Agent({
    keepAlive,
    maxCachedSessions: 0,
    ca: servers.certPem,
    cert: alice.chainPem,
    key: alice.keyPem,
  });
  const latencies: number[] = [];
  let failed = 0;
  const end = performance.now() + measuredMs;
  while (performance.now() < end) {
    const startedAt = performance.now();
    if ((await ask(gateway.port, agent)) === 200) latencies.push(performance.now() - startedAt);
    else failed += 1;
    await new Promise((resolve) => setTimeout(resolve, betweenMs));
  }
  agent.destroy();
  return { ok: latencies.length, failed, latencies: latencies.sort((a, b) => a - b) };
}

function ask(port: number, agent: Agent): Promise<number> {
  return new Promise((resolve) => {
    const to = { host: '127.0.0.1', servername: 'localhost', headers: { host: 'localhost' }, port, agent };
    const call = get({ ...to, path: '/', timeout: timeoutMs }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(0));
  });
}

export function renderAttacks(rows: readonly AttackRow[]): string {
  const lines = rows.map(
    ({ attack, peer, ok, failed, p50, p99 }) =>
      `${attack.padEnd(32)}${peer.padEnd(14)}${String(ok).padStart(6)}${String(failed).padStart(8)}${p50.toFixed(1).padStart(10)}${p99.toFixed(1).padStart(10)}`,
  );
  const head = `${'beside'.padEnd(32)}${'through'.padEnd(14)}${'served'.padStart(6)}${'failed'.padStart(8)}${'p50 ms'.padStart(10)}${'p99 ms'.padStart(10)}`;
  return [`One good client for ${measuredMs / 1000} s, a request every ${betweenMs} ms`, head, ...lines].join('\n');
}
