// Tunnels (RFC 6455, RFC 8441) in every pairing of HTTP versions: bytes pass as they are and each direction ends by itself; what
// nobody agreed on is no tunnel, and what is sent too early is nobody's request.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import { eventually } from '../support/wait-for.ts';
import {
  acceptByHand,
  ask,
  type BackendSide,
  type ClientSide,
  openTunnelSetup,
  readAll,
  readBytes,
  sampleKey,
  type TunnelSetup,
  type Version,
} from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

/** One frame of WebSocket, as it stands on the wire (RFC 6455 section 5.2). */
function frame(first: number, payload: Buffer, mask: Buffer | undefined): Buffer {
  const { length } = payload;
  const masked = mask === undefined ? 0 : 0x80;
  const size = length < 126 ? [masked | length] : length < 65_536 ? [masked | 126] : [masked | 127];
  const more = Buffer.alloc(length < 126 ? 0 : length < 65_536 ? 2 : 8);
  if (more.length === 2) more.writeUInt16BE(length);
  else if (more.length === 8) more.writeBigUInt64BE(BigInt(length));
  const body = mask === undefined ? payload : Buffer.from(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)));
  return Buffer.concat([Buffer.from([first, ...size]), more, mask ?? Buffer.alloc(0), body]);
}

/** What autobahn sends, right or wrong: that is for the two ends to judge. */
function framesOf(mask: Buffer | undefined): Buffer[] {
  const text = (value: string): Buffer => Buffer.from(value);
  const sizes = [0, 1, 125, 126, 127, 128, 65_535, 65_536, 131_072];
  const close = (code: number, why = ''): Buffer => Buffer.concat([Buffer.from([code >> 8, code & 255]), text(why)]);
  return [
    ...sizes.map((size) => frame(0x81, Buffer.alloc(size, '*'), mask)),
    ...sizes.map((size) => frame(0x82, Buffer.alloc(size, 0xfe), mask)),
    frame(0x89, text(''), mask),
    frame(0x89, Buffer.alloc(125, 0xff), mask),
    frame(0x8a, text('unsolicited'), mask),
    frame(0x01, text('frag'), mask),
    frame(0x89, text('between fragments'), mask),
    frame(0x00, text(''), mask),
    frame(0x80, text('ment'), mask),
    frame(0xc1, Buffer.from([0xca, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00]), mask),
    frame(0xf1, text('reserved bits'), mask),
    frame(0x83, text('reserved opcode'), mask),
    frame(0x8f, text('reserved control'), mask),
    // Text that is no UTF-8: in one frame (a surrogate), cut within a character and never finished, too long a form, beyond U+10FFFF.
    frame(0x81, Buffer.from([0xce, 0xba, 0xe1, 0xbd, 0xb9, 0xed, 0xa0, 0x80]), mask),
    frame(0x01, Buffer.from([0xf0, 0x9f]), mask),
    frame(0x80, Buffer.from([0x98]), mask),
    frame(0x81, Buffer.from([0xc0, 0xaf]), mask),
    frame(0x81, Buffer.from([0xf4, 0x90, 0x80, 0x80]), mask),
    // A message of many fragments, most of one byte.
    frame(0x02, text('0'), mask),
    ...Array.from({ length: 200 }, (_, at) => frame(0x00, Buffer.from([at]), mask)),
    frame(0x80, Buffer.alloc(1000, 1), mask),
    // As long as a header can say, in the longest form where the shortest would do.
    Buffer.from([0x82, mask === undefined ? 127 : 255, 0, 0, 0, 0, 0, 0, 0, 1, ...(mask ?? []), 0x2a]),
    frame(0x89, Buffer.alloc(126), mask),
    frame(0x80, text('continues nothing'), mask),
    // Masked where it must not be, and not where it must.
    frame(0x81, text('the other way'), mask === undefined ? Buffer.from([1, 2, 3, 4]) : undefined),
    Buffer.from('GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
    ...[
      1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999, 0, 999, 1004, 1005, 1006, 1015,
      1016, 2999, 5000, 65_535,
    ].map((code) => frame(0x88, close(code, 'why'), mask)),
    frame(0x88, text(''), mask),
    frame(0x88, text('x'), mask),
    frame(0x88, close(1000, 'w'.repeat(123)), mask),
    frame(0x88, Buffer.concat([close(1000), Buffer.from([0xed, 0xa0, 0x80])]), mask),
  ];
}

const mask = Buffer.from([0x37, 0xfa, 0x21, 0x3d]);

/** Whatever it ends with. */
const closed = async (stream: Duplex): Promise<void> => new Promise((resolve) => void stream.on('close', resolve));

async function openPair(
  setup: TunnelSetup,
  version: Version,
): Promise<{ readonly client: ClientSide; readonly backend: BackendSide }> {
  const from = setup.backend.tunnels.length;
  const client = await ask(setup, version);
  const backend = await setup.backend.tunnels.waitFor(() => true, { from, what: 'a tunnel at the backend' });
  return { client, backend };
}

/** Both directions end, and the access log says so. */
async function closeInOrder(setup: TunnelSetup, { client, backend }: Awaited<ReturnType<typeof openPair>>) {
  const from = setup.records.length;
  client.stream.resume();
  backend.stream.resume();
  client.stream.end();
  backend.stream.end();
  const record = await setup.records.waitFor(() => true, { from, what: 'the record of the tunnel' });
  client.destroy();
  return record;
}

for (const version of ['h1', 'h2'] as const) {
  for (const to of ['h1', 'h2'] as const) {
    describe(`a WebSocket of ${version} to ${to}`, () => {
      let setup: TunnelSetup;
      before(async () => {
        setup = await openTunnelSetup({ backend: { version: to }, tunnelMs: 120_000 });
      });
      after(() => {
        setup.close();
        assert.deepEqual(setup.defects, []);
      });

      it('is agreed on by each neighbour in its own way, with the identity of the client', async () => {
        const from = setup.backend.tunnels.length;
        const client = await ask(setup, version, {
          path: '/chat?room=1',
          fields: {
            'X-Forwarded-Client-Cert': 'Hash=forged',
            'Sec-WebSocket-Protocol': 'a, b',
            Origin: 'https://a.test',
          },
        });
        const backend = await setup.backend.tunnels.waitFor(() => true, { from });
        const method = to === 'h1' ? 'GET' : 'CONNECT';
        assert.equal(backend.asked, `${method} /chat?room=1 websocket`);
        assert.match(
          String(backend.fields['x-forwarded-client-cert']),
          /^Hash=[0-9a-f]{64};URI=spiffe:\/\/example.org\/alice$/,
        );
        assert.equal(backend.fields['sec-websocket-protocol'], 'a, b');
        assert.equal(backend.fields['sec-websocket-version'], '13');
        assert.equal(backend.fields['origin'], 'https://a.test');
        const key = backend.fields['sec-websocket-key'];
        if (to === 'h1') assert.match(String(key), /^[A-Za-z0-9+/]{22}==$/);
        else assert.equal(key, undefined);
        assert.notEqual(key, sampleKey, 'a key that no client knows');
        assert.equal(backend.early.length, 0);
        assert.equal(client.fields['x-backend'], to);
        if (version === 'h1') {
          assert.equal(client.status, 101);
          assert.equal(client.fields['upgrade'], 'websocket');
          assert.equal(client.fields['connection'], 'Upgrade');
          assert.equal(client.fields['sec-websocket-accept'], acceptByHand(sampleKey));
        } else {
          assert.equal(client.status, 200);
          for (const name of ['upgrade', 'connection', 'sec-websocket-accept'])
            assert.equal(client.fields[name], undefined);
        }
        assert.equal(setup.active(), 1);
        const record = await closeInOrder(setup, { client, backend });
        assert.equal(record.status, version === 'h1' ? 101 : 200);
        assert.equal(client.fields['x-request-id'], record.requestId);
        assert.deepEqual([record.code, record.method, record.target], ['', 'GET', '/chat?room=1']);
        assert.equal(setup.active(), 0);
      });

      it('passes every frame byte for byte, and counts the bytes', async () => {
        const pair = await openPair(setup, version);
        const there = framesOf(mask);
        const back = framesOf(undefined);
        for (const bytes of there) pair.client.stream.write(bytes);
        for (const bytes of back) pair.backend.stream.write(bytes);
        const sent = Buffer.concat(there);
        const answered = Buffer.concat(back);
        const [got, heard] = await Promise.all([
          readBytes(pair.backend.stream, sent.length),
          readBytes(pair.client.stream, answered.length),
        ]);
        assert.ok(got.equals(sent));
        assert.ok(heard.equals(answered));
        const record = await closeInOrder(setup, pair);
        assert.deepEqual([record.receivedBytes, record.sentBytes], [sent.length, answered.length]);
      });

      it('passes a frame of 16 MiB in either direction, and another behind it', async () => {
        const pair = await openPair(setup, version);
        const large = Buffer.alloc(16_777_216);
        for (let at = 0; at < large.length; at += 4096) large.writeUInt32BE(at, at);
        const there = Buffer.concat([
          frame(0x82, large, Buffer.from([0, 0, 0, 0])),
          frame(0x89, Buffer.from('a'), mask),
        ]);
        const back = Buffer.concat([frame(0x82, large, undefined), frame(0x8a, Buffer.from('b'), undefined)]);
        pair.client.stream.write(there);
        pair.backend.stream.write(back);
        const [got, heard] = await Promise.all([
          readBytes(pair.backend.stream, there.length),
          readBytes(pair.client.stream, back.length),
        ]);
        assert.ok(got.equals(there));
        assert.ok(heard.equals(back));
        const record = await closeInOrder(setup, pair);
        assert.deepEqual([record.code, record.receivedBytes, record.sentBytes], ['', there.length, back.length]);
      });

      it('brings single bytes at once', async () => {
        const pair = await openPair(setup, version);
        for (const byte of ['a', 'b', 'c']) {
          pair.client.stream.write(byte);
          assert.equal((await readBytes(pair.backend.stream, 1)).toString(), byte);
          pair.backend.stream.write(byte);
          assert.equal((await readBytes(pair.client.stream, 1)).toString(), byte);
        }
        await closeInOrder(setup, pair);
      });

      it('goes on in one direction after the end of the other', async () => {
        const first = await openPair(setup, version);
        first.client.stream.end('last words of the client');
        assert.equal((await readAll(first.backend.stream)).toString(), 'last words of the client');
        first.backend.stream.write('still ');
        assert.equal((await readBytes(first.client.stream, 6)).toString(), 'still ');
        first.backend.stream.end('here');
        assert.equal((await readAll(first.client.stream)).toString(), 'here');

        const second = await openPair(setup, version);
        // Node's HTTP/2 gives a stream up that it has ended and nobody has begun to read.
        second.backend.stream.pause();
        second.backend.stream.end('last words of the backend');
        assert.equal((await readAll(second.client.stream)).toString(), 'last words of the backend');
        second.client.stream.write('still ');
        assert.equal((await readBytes(second.backend.stream, 6)).toString(), 'still ');
        second.client.stream.end('there');
        assert.equal((await readAll(second.backend.stream)).toString(), 'there');
        await eventually(() => setup.active() === 0, { what: 'the end of both tunnels' });
        first.client.destroy();
        second.client.destroy();
      });

      it('stops whoever writes while the other side does not read, and loses nothing', async () => {
        const pair = await openPair(setup, version);
        const piece = Buffer.alloc(65_536, 'x');
        const total = 512;
        for (const [writer, reader] of [
          [pair.client.stream, pair.backend.stream],
          [pair.backend.stream, pair.client.stream],
        ] as const) {
          let written = 0;
          const write = async (): Promise<void> => {
            for (; written < total; written += 1) if (!writer.write(piece)) await once(writer, 'drain');
          };
          const writing = write();
          // It stands still once every buffer on the way is full.
          let last = -1;
          await eventually(
            () => {
              const still = written === last && written > 0;
              last = written;
              return still;
            },
            { what: 'the writer to stop', everyMs: 300 },
          );
          assert.ok(written < total, `${written} pieces went into a tunnel that nobody reads`);
          const got = await readBytes(reader, total * piece.length);
          await writing;
          assert.equal(got.length, total * piece.length);
        }
        await closeInOrder(setup, pair);
      });

      it('is torn where one side is torn', async () => {
        const from = setup.records.length;
        const first = await openPair(setup, version);
        const torn = readAll(first.backend.stream);
        first.client.reset();
        assert.equal((await torn).length, 0);
        first.backend.stream.destroy();
        const second = await openPair(setup, version);
        const gone = closed(second.client.stream);
        second.client.stream.resume();
        second.backend.reset();
        await gone;
        const codes = setup.records.items.slice(from).map(({ code }) => code);
        assert.deepEqual(codes, ['client_aborted', 'backend_truncated']);
        assert.equal(setup.active(), 0);
        second.client.destroy();
      });

      it('ends where nobody says anything for too long, and not while somebody does', async () => {
        const pair = await openPair(setup, version);
        pair.client.stream.resume();
        setup.clock.turn(80_000);
        pair.backend.stream.write('ping');
        await once(pair.client.stream, 'data');
        setup.clock.turn(80_000);
        pair.client.stream.write('pong');
        await readBytes(pair.backend.stream, 4);
        setup.clock.turn(80_000);
        assert.equal(setup.active(), 1);
        const from = setup.records.length;
        const gone = closed(pair.client.stream);
        pair.backend.stream.resume();
        setup.clock.turn(80_000);
        const record = await setup.records.waitFor(() => true, { from });
        assert.equal(record.code, 'tunnel_idle');
        await gone;
        pair.client.destroy();
      });

      it('gives one side a minute of silence once the other has ended, and more while it speaks', async () => {
        for (const which of ['client', 'backend'] as const) {
          const pair = await openPair(setup, version);
          const ending = pair[which].stream;
          const other = pair[which === 'client' ? 'backend' : 'client'].stream;
          // Node's HTTP/2 gives a stream up that it has ended and nobody has begun to read.
          ending.pause();
          ending.end('last words');
          assert.equal((await readAll(other)).toString(), 'last words');
          for (const word of ['still', 'here']) {
            setup.clock.turn(50_000);
            other.write(word);
            assert.equal((await readBytes(ending, word.length)).toString(), word);
          }
          setup.clock.turn(50_000);
          assert.equal(setup.active(), 1);
          const from = setup.records.length;
          // Over TCP the other side has had its FIN: it learns of this with what it writes next.
          const gone = closed(ending);
          ending.resume();
          setup.clock.turn(20_000);
          const { code, detail } = await setup.records.waitFor(() => true, { from });
          assert.equal(code, 'tunnel_idle');
          assert.equal(detail, `the ${which} had ended its side, and the other said nothing more`);
          await gone;
          pair.client.destroy();
        }
        assert.equal(setup.active(), 0);
      });
    });
  }
}
