// A name server of a test's own (RFC 1035): real UDP and TCP sockets on 127.0.0.1, answers as the test says and changes them.
import dgram from 'node:dgram';
import { once } from 'node:events';
import net, { isIP } from 'node:net';
import { findFreePort } from './free-port.ts';
import { Feed } from './wait-for.ts';

const typeA = 1;
const typeAaaa = 28;
const rcodes = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3, REFUSED: 5 } as const;

/** What is answered for a name: addresses of either family, an error, or nothing at all. */
export type Reply = {
  readonly addresses?: readonly string[];
  /** Seconds. Default 0. */
  readonly ttl?: number;
  readonly rcode?: keyof typeof rcodes;
  /** No answer, whatever is asked; `A`: for this type only. */
  readonly silent?: boolean | 'A' | 'AAAA';
  /** Over UDP an empty answer with the TC bit: the client has to ask again over TCP. */
  readonly truncated?: boolean;
};

export type Question = { readonly name: string; readonly type: 'A' | 'AAAA'; readonly over: 'udp' | 'tcp' };

export type DnsServer = {
  /** 127.0.0.1:PORT. */
  readonly address: string;
  /** Everything that was asked. */
  readonly questions: Feed<Question>;
  /** From now on; names that were never set do not exist. */
  set(name: string, reply: Reply): void;
  [Symbol.asyncDispose](): Promise<void>;
};

export async function startDns(replies: Readonly<Record<string, Reply>> = {}): Promise<DnsServer> {
  const known = new Map(Object.entries(replies));
  const questions = new Feed<Question>('questions to the name server');
  const tcp = net.createServer();
  const sockets = new Set<net.Socket>();
  // The same port for both, as the protocol wants.
  const port = await findFreePort();
  tcp.listen(port, '127.0.0.1');
  await once(tcp, 'listening');
  const udp = dgram.createSocket('udp4');
  udp.bind(port, '127.0.0.1');
  await once(udp, 'listening');
  const answer = (query: Buffer, over: 'udp' | 'tcp'): Buffer | undefined => {
    const { name, type, end } = readQuestion(query);
    const typeName = type === typeA ? 'A' : 'AAAA';
    questions.push({ name, type: typeName, over });
    const reply = known.get(name) ?? { rcode: 'NXDOMAIN' };
    if (reply.silent === true || reply.silent === typeName) return undefined;
    return writeReply(query.subarray(0, end), type, reply, over === 'udp' && reply.truncated === true);
  };
  udp.on('message', (query, { port: from, address }) => {
    const message = answer(query, 'udp');
    if (message !== undefined) udp.send(message, from, address);
  });
  tcp.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    let held: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      held = Buffer.concat([held, chunk]);
      while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
        const size = held.readUInt16BE(0);
        const message = answer(held.subarray(2, 2 + size), 'tcp');
        held = held.subarray(2 + size);
        if (message !== undefined) socket.write(Buffer.concat([uint16(message.length), message]));
      }
    });
  });
  return {
    address: `127.0.0.1:${port}`,
    questions,
    set: (name, reply) => void known.set(name, reply),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      udp.close();
      tcp.close();
      await once(tcp, 'close');
    },
  };
}

/** The first question: header of 12 bytes, labels, type and class. */
function readQuestion(query: Buffer): { name: string; type: number; end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}

function writeReply(question: Buffer, type: number, reply: Reply, truncated: boolean): Buffer {
  const { addresses = [], ttl = 0, rcode = 'NOERROR' } = reply;
  const mine = addresses.filter((address) => (isIP(address) === 6) === (type === typeAaaa));
  const told = truncated || rcode !== 'NOERROR' || (type !== typeA && type !== typeAaaa) ? [] : mine;
  const head = Buffer.from(question);
  // QR, AA, RD as asked, TC; RA and the response code.
  head.writeUInt16BE(0x8580 | (truncated ? 0x0200 : 0) | rcodes[rcode], 2);
  for (const [at, count] of [1, told.length, 0, 0].entries()) head.writeUInt16BE(count, 4 + 2 * at);
  return Buffer.concat([head, ...told.map((address) => writeRecord(address, type, ttl))]);
}

/** The name is a pointer to the question's. */
function writeRecord(address: string, type: number, ttl: number): Buffer {
  const data = toBytes(address);
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0xc00c, 0);
  fixed.writeUInt16BE(type, 2);
  fixed.writeUInt16BE(1, 4);
  fixed.writeUInt32BE(ttl, 6);
  fixed.writeUInt16BE(data.length, 10);
  return Buffer.concat([fixed, data]);
}

function toBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): string[] => (text === '' ? [] : text.split(':'));
  const [before, after] = [groups(head), groups(tail)];
  const zeros = address.includes('::') ? 8 - before.length - after.length : 0;
  const all = [...before, ...Array<string>(zeros).fill('0'), ...after];
  return Buffer.concat(all.map((group) => uint16(Number.parseInt(group, 16))));
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
