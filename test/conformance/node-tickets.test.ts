// Facts N25 and N31: which tickets Node's TLS server sends, when, and what a session that its owner keeps does instead. Where they
// change, decision 83 is to be looked at again. The servers are Node's alone, nothing of ours is under test.
import assert from 'node:assert/strict';
import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect, createServer, type Server, type TlsOptions } from 'node:tls';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';

const dir = openTempDir('node-tickets');
let clients: Authority;
let servers: Authority;
let server: CertFiles;
let alice: CertFiles;

before(async () => {
  [clients, servers] = await Promise.all([openAuthority(dir, 'clients'), openAuthority(dir, 'servers')]);
  [server, alice] = await Promise.all([
    servers.issueFiles('server', { kind: 'server', sans: ['a.test'] }),
    clients.issueFiles('alice', { kind: 'client', cn: 'alice' }),
  ]);
});
after(() => dir.remove());

type Visit = { readonly reused: boolean; readonly tickets: readonly Buffer[] };

async function open(options: TlsOptions): Promise<Server & AsyncDisposable> {
  const opened = createServer({
    cert: server.chainPem,
    key: server.keyPem,
    ca: clients.certPem,
    requestCert: true,
    minVersion: 'TLSv1.3',
    ...options,
  });
  opened.on('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    socket.end(socket.isSessionReused() ? 'resumed' : 'full');
  });
  await once(opened.listen(0, '127.0.0.1'), 'listening');
  return Object.assign(opened, { [Symbol.asyncDispose]: async () => void (await once(opened.close(), 'close')) });
}

async function visit(to: Server, session?: Buffer): Promise<Visit> {
  const { port } = to.address() as AddressInfo;
  const socket = connect({
    port,
    host: '127.0.0.1',
    servername: 'a.test',
    ca: servers.certPem,
    cert: alice.chainPem,
    key: alice.keyPem,
    ...(session !== undefined && { session }),
  });
  const tickets: Buffer[] = [];
  let said = '';
  socket.on('session', (ticket: Buffer) => tickets.push(ticket));
  socket.on('data', (bytes: Buffer) => (said += bytes.toString('latin1')));
  await once(socket, 'close');
  assert.match(said, /^(resumed|full)$/);
  return { reused: said === 'resumed', tickets };
}

/** Its sessions, kept by their owner: who comes next gets the one that `choose` names. */
async function openKeeping(sessionIdContext: string, choose: () => Buffer | undefined) {
  const made: Buffer[] = [];
  const numbers: Buffer[] = [];
  const keeping = await open({ sessionIdContext, secureOptions: constants.SSL_OP_NO_TICKET });
  keeping.on('newSession', (_number, session: Buffer, done: () => void) => {
    made.push(session);
    done();
  });
  keeping.on('resumeSession', (number: Buffer, give: (error: Error | null, session: Buffer | null) => void) => {
    numbers.push(number);
    give(null, choose() ?? null);
  });
  return { keeping, made, numbers };
}

describe('tickets of Node', () => {
  test('two with a full handshake, none with a resumed one, under whatever keys (N25)', async () => {
    await using plain = await open({ sessionIdContext: 'a' });
    const first = await visit(plain);
    assert.deepEqual([first.reused, first.tickets.length], [false, 2]);
    const second = await visit(plain, first.tickets[0]);
    assert.deepEqual([second.reused, second.tickets.length], [true, 0]);
    const third = await visit(plain, first.tickets[1]);
    assert.deepEqual([third.reused, third.tickets.length], [true, 0]);
    const keys = plain.getTicketKeys();
    plain.setTicketKeys(Buffer.alloc(48, 1));
    const other = await visit(plain, first.tickets[1]);
    assert.deepEqual([other.reused, other.tickets.length], [false, 2]);
    plain.setTicketKeys(keys);
    const again = await visit(plain, first.tickets[1]);
    assert.deepEqual([again.reused, again.tickets.length], [true, 0]);
  });

  test('a session that its owner keeps is renewed each time, and is found by no number that Node names (N31)', async () => {
    const { keeping, made, numbers } = await openKeeping('a', () => made.at(-1));
    await using _ = keeping;
    let last = await visit(keeping);
    assert.deepEqual([last.reused, last.tickets.length, made.length], [false, 2, 2]);
    for (let round = 1; round <= 3; round += 1) {
      last = await visit(keeping, last.tickets.at(-1));
      assert.deepEqual([last.reused, last.tickets.length, made.length], [true, 1, 2 + round]);
    }
    const told = new Set(numbers.map((number) => number.toString('hex')));
    assert.equal(told.size, 4);
  });

  test('what its owner gives is resumed for a client that proves its key, under the same context, and for nobody else (N31)', async () => {
    let given: Buffer | undefined;
    const { keeping, made } = await openKeeping('a', () => given);
    await using _ = keeping;
    const first = await visit(keeping);
    const [offered] = first.tickets;
    assert.deepEqual((await visit(keeping, offered)).reused, false, 'nothing is given');
    const { keeping: other, made: elsewhere } = await openKeeping('b', () => given);
    await using __ = other;
    await visit(other);
    given = elsewhere[0];
    await assert.rejects(visit(keeping, offered), 'a session of another client key');
    given = made[0];
    assert.deepEqual((await visit(other, offered)).reused, false, 'another context');
    assert.deepEqual((await visit(keeping, offered)).reused, true);
  });
});
