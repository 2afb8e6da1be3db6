// `npm run bench -- --only revocation`: how long after a CRL is in place the open connections of the client that it revokes
// are gone, idle ones and endless answers, over two workers.
import { startBackend } from '../test/support/backend.ts';
import { serialOf, writeCrl } from '../test/support/crls.ts';
import { keepConnection, type KeptConnection } from '../test/support/kept-connection.ts';
import { openSetup } from '../test/support/mtls-setup.ts';

const idleConnections = 100;
const endlessAnswers = 20;

/** Milliseconds from the file in place to the close, sorted. */
export type RevocationRound = { readonly idle: readonly number[]; readonly endless: readonly number[] };

export async function measureRevocation(rounds: number): Promise<RevocationRound[]> {
  const measured: RevocationRound[] = [];
  for (let round = 0; round < rounds; round++) measured.push(await measureOnce());
  return measured;
}

async function measureOnce(): Promise<RevocationRound> {
  await using endless = await startBackend({
    handle: (_request, response) => {
      response.writeHead(200).write('begun');
      const more = setInterval(() => response.write('.'), 50);
      response.on('close', () => clearInterval(more));
    },
  });
  await using setup = await openSetup({
    workers: 2,
    clientAuth: '{clientCA: clients-ca.crt, required: true, crl: {sources: [clients.crl]}}',
    target: `http://127.0.0.1:${endless.port}`,
    route: `    - {name: idle, path: /idle, target: "http://127.0.0.1:${endless.port}", maintenance: {enabled: true}}`,
    prepare: ({ dir, clients }) => void writeCrl(dir, 'clients.crl', clients, { number: 1 }),
  });
  const { pki, gateway } = setup;
  const open = async (path: string, begun: RegExp): Promise<KeptConnection> => {
    const one = await keepConnection({ port: gateway.ports.webSecure, ca: pki.servers.certPem, as: pki.alice });
    one.send(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await one.waitFor(begun);
    return one;
  };
  const openAll = async (count: number, path: string, begun: RegExp) =>
    Promise.all(Array.from({ length: count }, async () => open(path, begun)));
  const idle = await openAll(idleConnections, '/idle', /HTTP\/1\.1 503 /);
  const busy = await openAll(endlessAnswers, '/', /begun/);
  const revoked = [{ serial: serialOf(pki.alice) }];
  writeCrl(pki.dir, 'clients.crl', pki.clients, { number: 2, revoked });
  const from = performance.now();
  const closing = async (some: readonly KeptConnection[]): Promise<number[]> => {
    const times = await Promise.all(some.map(async (one) => one.ended.then(() => performance.now() - from)));
    return times.sort((a, b) => a - b);
  };
  const [idleMs, endlessMs] = await Promise.all([closing(idle), closing(busy)]);
  return { idle: idleMs, endless: endlessMs };
}

export function renderRevocation(rounds: readonly RevocationRound[]): string {
  const row = (name: string, of: (round: RevocationRound) => readonly number[]): string => {
    const show = (pick: (times: readonly number[]) => number | undefined): string =>
      rounds.map((round) => String(Math.round(pick(of(round)) ?? 0))).join(', ');
    const median = show((times) => times[times.length >> 1]);
    return `${name}: median ${median} ms; last ${show((times) => times.at(-1))} ms`;
  };
  return [
    `revocation: from a CRL in place to the connections of the revoked client closed, 2 workers, ${rounds.length} rounds`,
    `  ${row(`${idleConnections} idle connections`, ({ idle }) => idle)}`,
    `  ${row(`${endlessAnswers} endless answers`, ({ endless }) => endless)}`,
  ].join('\n');
}
