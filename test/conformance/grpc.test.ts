// gRPC through the whole flow, with @grpc/grpc-js as client and as server over mutual TLS: all four kinds of calls with everything
// that belongs to them, and every way in which they end badly said in the terms of gRPC.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import grpc from '@grpc/grpc-js';
import { MaintenanceFilter } from '../../src/filters/maintenance.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { openFlowSetup } from './flow-setup.ts';
import {
  block,
  blocks,
  framed,
  GrpcClient,
  type Outcome,
  type RawStream,
  startGrpcBackend,
  startRawBackend,
} from './grpc-setup.ts';
import { closePools } from './upstream-setup.ts';

const { status } = grpc;
const place = { file: '', line: 1, col: 1 };

let pki: Pki;
let backend: Awaited<ReturnType<typeof startGrpcBackend>>;
let raw: Awaited<ReturnType<typeof startRawBackend>>;
let flow: Awaited<ReturnType<typeof openFlowSetup>>;
let alice: GrpcClient;
let anonymous: GrpcClient;

before(async () => {
  pki = await openPki();
  backend = await startGrpcBackend(pki);
  raw = await startRawBackend(pki, actRaw);
  const dead = await startRawBackend(pki, () => undefined);
  dead.stop();
  const { port } = backend;
  flow = await openFlowSetup(pki, {
    http2: 'on',
    required: false,
    routes: [
      { path: '/test.Echo', port },
      { path: '/grpc.health.v1.Health', port },
      {
        path: '/test.Denied',
        port,
        clientCert: { required: true, allow: [{ kind: 'spiffe', id: 'spiffe://example.org/bob', place }], place },
      },
      { path: '/test.Certified', port, clientCert: { required: true, allow: undefined, place } },
      { path: '/test.Small', port, maxBodyBytes: 1000 },
      { path: '/test.Idle', port, timeouts: { idleMs: 2000 } },
      { path: '/test.Slow', port, timeouts: { responseMs: 2000 } },
      {
        path: '/test.Maintained',
        port,
        filters: [new MaintenanceFilter({ statusCode: 503, message: 'back at noon' })],
      },
      { path: '/test.Dead', port: dead.port },
      { path: '/test.Raw', port: raw.port },
    ],
  });
  const servers = pki.servers.certPem;
  alice = new GrpcClient(flow.edge.port, servers, pki.alice);
  anonymous = new GrpcClient(flow.edge.port, servers);
});

after(() => {
  alice.close();
  anonymous.close();
  flow.close();
  backend.stop();
  raw.stop();
  closePools();
  pki.remove();
  assert.deepEqual(flow.defects, []);
});

const head = { ':status': 200, 'content-type': 'application/grpc' };

/** What the backend of plain frames does, by path. */
function actRaw(path: string, { stream, attempt }: RawStream): void {
  const answer = (): void => {
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.resume().on('end', () => stream.end(framed(`attempt ${attempt}`)));
  };
  const begin = (): void => {
    // Node ends a stream before it resets it, but not without the trailers that it waits for.
    stream.respond(head, { waitForTrailers: true });
    stream.write(framed('whole'));
    stream.write(framed('half a message').subarray(0, 9));
  };
  const whenAsked = (act: () => void): void => void stream.resume().on('end', act);
  const { session } = stream;
  switch (path.slice('/test.Raw/'.length)) {
    case 'RefusedOnce':
      if (attempt === 1) whenAsked(() => stream.close(7));
      else answer();
      break;
    case 'GoneOnce':
      // Ends the connection with a GOAWAY that leaves this stream out.
      if (attempt === 1) whenAsked(() => session?.goaway(0, (stream.id ?? 0) - 2));
      else answer();
      break;
    case 'RefusedAlways':
      stream.close(7);
      break;
    case 'RefusedLate':
      begin();
      setImmediate(() => stream.close(7));
      break;
    case 'ResetUnanswered':
      whenAsked(() => stream.close(2));
      break;
    case 'Reset':
    case 'ResetToo':
      begin();
      setImmediate(() => stream.close(2));
      break;
    case 'Torn':
      begin();
      setImmediate(() => session?.socket.destroy());
      break;
    case 'NoTrailers':
      stream.respond(head);
      stream.end(framed('whole'));
      break;
    default:
      answer();
  }
}

function assertFault(outcome: Outcome, code: grpc.status, fault: string): void {
  assert.deepEqual([outcome.code, outcome.fault], [code, fault], outcome.details);
}

describe('calls of gRPC', () => {
  const metadata = (): grpc.Metadata => {
    const made = new grpc.Metadata();
    made.add('x-before', 'one');
    made.add('x-before', 'two');
    made.set('x-before-bin', Buffer.from([0, 1, 254, 255]));
    made.set('x-forwarded-client-cert', 'Hash=forged');
    return made;
  };

  function assertMetadata({ code, head: received, trailers }: Outcome): void {
    assert.equal(code, status.OK);
    assert.deepEqual(received?.get('x-got-x-before').join(', '), 'one, two');
    assert.deepEqual(received?.get('x-got-bin'), [Buffer.from([0, 1, 254, 255])]);
    assert.match(
      String(received?.get('x-got-x-forwarded-client-cert')),
      /^Hash=[0-9a-f]{64};URI=spiffe:\/\/example.org\/alice$/,
    );
    assert.deepEqual(trailers.get('x-after'), ['the last word']);
    assert.deepEqual(trailers.get('x-after-bin'), [Buffer.from([0, 255, 10])]);
  }

  it('with one message each way keep metadata and trailers, and say who the client is', async () => {
    const outcome = await alice.unary('/test.Echo/Unary', 'hello', {}, metadata());
    assertMetadata(outcome);
    assert.equal(outcome.messages.join(), 'hello');
    assert.equal((await alice.unary('/test.Echo/Unary', '')).messages.join(), '');
  });

  it('with a stream of messages from the client end with its answer', async () => {
    const { call, outcome } = alice.upload('/test.Echo/Upload');
    for (const piece of ['a', 'bc', '']) call.write(Buffer.from(piece));
    call.end();
    const { code, messages, trailers } = await outcome;
    assert.deepEqual([code, messages.join()], [status.OK, '3']);
    assert.deepEqual(trailers.get('x-after'), ['the last word']);
  });

  it('with streams both ways pass each message before the next is there', async () => {
    const chat = alice.chat('/test.Echo/Chat', metadata());
    chat.read();
    for (const [at, piece] of ['first', 'second', 'third'].entries()) {
      chat.call.write(Buffer.from(piece));
      await chat.messages.waitFor(() => true, { from: at });
    }
    chat.call.end();
    const outcome = await chat.outcome;
    assertMetadata(outcome);
    assert.equal(outcome.messages.join(), 'first,second,third');
  });

  it('with a stream to a client that does not read wait for it at the backend', async () => {
    const download = alice.download('/test.Echo/Download', metadata());
    await once(download.call, 'metadata');
    // Others on both connections go on, and give the stream time to fill every window.
    for (let i = 0; i < 10; i++) assert.equal((await alice.unary('/test.Echo/Unary', 'x')).code, status.OK);
    assert.ok(backend.seen.sent < blocks / 2, `${backend.seen.sent} of ${blocks} blocks went out to nobody`);
    download.read();
    const outcome = await download.outcome;
    assertMetadata(outcome);
    assert.equal(outcome.messages.length, blocks);
    assert.ok(outcome.messages.every((message) => message.equals(block)));
  });

  it('with a stream to a backend that does not read wait for it at the client', async () => {
    const { call, outcome } = alice.upload('/test.Echo/Lazy');
    let sent = 0;
    const sending = (async () => {
      for (; sent < blocks; sent++) await new Promise<void>((resolve) => void call.write(block, () => resolve()));
      call.end();
    })();
    for (let i = 0; i < 10; i++) assert.equal((await alice.unary('/test.Echo/Unary', 'x')).code, status.OK);
    assert.ok(sent < blocks / 2, `${sent} of ${blocks} blocks went out to nobody`);
    backend.seen.wake.resolve(undefined);
    await sending;
    assert.equal((await outcome).messages.join(), String(blocks * block.length));
  });

  it('with large messages pass whole', async () => {
    const large = Buffer.alloc(1_000_000, 'l');
    const { code, messages } = await alice.unary('/test.Echo/Unary', large);
    assert.equal(code, status.OK);
    assert.ok(messages[0]?.equals(large));
  });

  it('that the backend fails without a message keep status, message and metadata', async () => {
    const { code, details, trailers, fault } = await alice.unary('/test.Echo/Fail', 'x');
    assert.deepEqual([code, details, fault], [status.FAILED_PRECONDITION, 'not “now”: 100 %', undefined]);
    assert.deepEqual(trailers.get('x-after-bin'), [Buffer.from([0, 255, 10])]);
  });

  it('that the backend fails behind messages keep both', async () => {
    const cut = alice.download('/test.Echo/Cut');
    cut.read();
    const { code, details, messages } = await cut.outcome;
    assert.deepEqual([code, details, messages.join()], [status.DATA_LOSS, 'lost', 'one']);
  });

  it('to the health service pass like others', async () => {
    assert.deepEqual((await anonymous.unary('/grpc.health.v1.Health/Check', '')).messages, [Buffer.from([8, 1])]);
    const watch = alice.download('/grpc.health.v1.Health/Watch');
    watch.read();
    assert.deepEqual(await watch.messages.waitFor(() => true), Buffer.from([8, 1]));
    watch.call.cancel();
    assert.equal((await watch.outcome).code, status.CANCELLED);
  });
});

describe('calls of gRPC that take too long', () => {
  it('end at the deadline of the client, at the backend too', async () => {
    const from = backend.seen.hanging.length;
    const { outcome } = alice.begin('/test.Echo/Hang', { deadline: Date.now() + 3_600_000 });
    await backend.seen.hanging.waitFor(() => true, { from });
    const cancelled = backend.seen.cancelled.length;
    flow.clock.turn(3_500_000);
    assert.equal((await alice.unary('/test.Echo/Unary', 'x')).code, status.OK);
    assert.equal(backend.seen.cancelled.length, cancelled, 'not before it');
    flow.clock.turn(101_000);
    assertFault(await outcome, status.DEADLINE_EXCEEDED, 'deadline_exceeded');
    await backend.seen.cancelled.waitFor(() => true, { from: cancelled });
  });

  it('end at the deadline in the middle of streams too', async () => {
    const cancelled = backend.seen.cancelled.length;
    const chat = alice.chat('/test.Echo/Chat', new grpc.Metadata(), { deadline: Date.now() + 20_000 });
    chat.read();
    for (let at = 0; at < 4; at++) {
      chat.call.write(Buffer.from('still here'));
      await chat.messages.waitFor(() => true, { from: at });
      flow.clock.turn(4900);
    }
    flow.clock.turn(1000);
    assertFault(await chat.outcome, status.DEADLINE_EXCEEDED, 'deadline_exceeded');
    await backend.seen.cancelled.waitFor(() => true, { from: cancelled });
  });

  it('end at the limit of the route where that comes first', async () => {
    const from = backend.seen.hanging.length;
    const { outcome } = alice.begin('/test.Slow/Hang', { deadline: Date.now() + 3_600_000 });
    await backend.seen.hanging.waitFor(() => true, { from });
    const cancelled = backend.seen.cancelled.length;
    flow.clock.turn(2200);
    assertFault(await outcome, status.DEADLINE_EXCEEDED, 'response_timeout');
    await backend.seen.cancelled.waitFor(() => true, { from: cancelled });
  });
});

describe('calls of gRPC that are silent', () => {
  it('begin where the backend speaks first, and go on after hours', async () => {
    const chat = alice.chat('/test.Echo/Chat');
    chat.read();
    await once(chat.call, 'metadata');
    flow.clock.turn(7_200_000);
    chat.call.write(Buffer.from('at last'));
    assert.equal(String(await chat.messages.waitFor(() => true)), 'at last');
    chat.call.end();
    assert.equal((await chat.outcome).code, status.OK);
  });

  it('wait for a client that takes its time between messages, before an answer too', async () => {
    const { call, outcome } = alice.upload('/test.Echo/Upload');
    call.write(Buffer.from('a'));
    // Comes behind it on the same connection.
    assert.equal((await alice.unary('/test.Echo/Unary', 'x')).code, status.OK);
    flow.clock.turn(600_000);
    call.write(Buffer.from('b'));
    assert.equal((await alice.unary('/test.Echo/Unary', 'x')).code, status.OK);
    flow.clock.turn(600_000);
    call.end();
    const { code, messages } = await outcome;
    assert.deepEqual([code, messages.join()], [status.OK, '2']);
  });

  it('outlive the time that any other answer may be silent, and are logged with how they end', async () => {
    const from = flow.records.length;
    const greeting = new grpc.Metadata();
    greeting.set('x-before', 'hello');
    const { call, outcome } = alice.upload('/test.Idle/Upload', greeting);
    await once(call, 'metadata');
    flow.clock.turn(3_600_000);
    call.write(Buffer.from('x'));
    call.end();
    const { code, messages } = await outcome;
    assert.deepEqual([code, messages.join()], [status.OK, '1']);
    const record = await flow.records.waitFor(({ target }) => target === '/test.Idle/Upload', { from });
    assert.deepEqual([record.status, record.grpcStatus, record.code], [200, status.OK, '']);
  });
});

describe('calls of gRPC that are given up', () => {
  it('by the client are given up at the backend, before an answer and within one', async () => {
    const from = backend.seen.hanging.length;
    let cancelled = backend.seen.cancelled.length;
    const { call, outcome } = alice.begin('/test.Echo/Hang');
    await backend.seen.hanging.waitFor(() => true, { from });
    call.cancel();
    assert.equal((await outcome).code, status.CANCELLED);
    await backend.seen.cancelled.waitFor(() => true, { from: cancelled });
    cancelled = backend.seen.cancelled.length;
    const chat = alice.chat('/test.Echo/Chat');
    chat.read();
    chat.call.write(Buffer.from('hello'));
    await chat.messages.waitFor(() => true);
    chat.call.cancel();
    await backend.seen.cancelled.waitFor((what) => what === 'chat', { from: cancelled });
  });
});

describe('the access log', () => {
  it('has the status of gRPC that the client was told, by the backend and by us, and none where it was told nothing', async () => {
    const logged = async (path: string, ask: () => Promise<unknown>): Promise<(number | string | undefined)[]> => {
      const from = flow.records.length;
      await ask();
      const { status: http, grpcStatus, code } = await flow.records.waitFor(({ target }) => target === path, { from });
      return [http, grpcStatus, code];
    };
    const unary = (path: string) => async () => logged(path, async () => alice.unary(path, 'x'));
    assert.deepEqual(await unary('/test.Echo/Unary')(), [200, status.OK, '']);
    assert.deepEqual(await unary('/test.Echo/Fail')(), [200, status.FAILED_PRECONDITION, '']);
    assert.deepEqual(await unary('/test.None/Unary')(), [200, status.UNIMPLEMENTED, 'no_route']);
    assert.deepEqual(await unary('/test.Denied/Unary')(), [200, status.PERMISSION_DENIED, 'policy_denied']);
    assert.deepEqual(await unary('/test.Raw/ResetToo')(), [200, status.UNAVAILABLE, 'backend_truncated']);
    const from = backend.seen.hanging.length;
    const givenUp = async (): Promise<void> => {
      const { call, outcome } = alice.begin('/test.Echo/Hang');
      await backend.seen.hanging.waitFor(() => true, { from });
      call.cancel();
      await outcome;
    };
    assert.deepEqual(await logged('/test.Echo/Hang', givenUp), [499, undefined, 'client_aborted']);
    const left = async (): Promise<void> => {
      const chat = alice.chat('/test.Echo/Chat');
      await once(chat.call, 'metadata');
      chat.call.cancel();
      await chat.outcome;
    };
    assert.deepEqual(await logged('/test.Echo/Chat', left), [499, undefined, 'client_aborted']);
  });
});

describe('answers of our own to gRPC', () => {
  it('say what is wrong with who asks, or what for', async () => {
    assertFault(await alice.unary('/test.None/Unary', 'x'), status.UNIMPLEMENTED, 'no_route');
    assertFault(await alice.unary('/test.Denied/Unary', 'x'), status.PERMISSION_DENIED, 'policy_denied');
    assertFault(await anonymous.unary('/test.Denied/Unary', 'x'), status.UNAUTHENTICATED, 'no_client_cert');
    assertFault(await anonymous.unary('/test.Certified/Unary', 'x'), status.UNAUTHENTICATED, 'no_client_cert');
    assert.equal((await alice.unary('/test.Certified/Unary', 'x')).code, status.OK);
  });

  it('say that a backend is not there, and a route under maintenance', async () => {
    assertFault(await alice.unary('/test.Dead/Unary', 'x'), status.UNAVAILABLE, 'refused');
    assertFault(await alice.unary('/test.Maintained/Unary', 'x'), status.UNAVAILABLE, 'maintenance');
  });

  it('say that it is too much, before an answer and within one', async () => {
    assert.equal((await alice.unary('/test.Small/Unary', Buffer.alloc(995))).code, status.OK);
    assertFault(await alice.unary('/test.Small/Unary', Buffer.alloc(996)), status.RESOURCE_EXHAUSTED, 'body_too_large');
    const chat = alice.chat('/test.Small/Chat');
    chat.read();
    chat.call.write(Buffer.alloc(500));
    await chat.messages.waitFor(() => true);
    chat.call.write(Buffer.alloc(500));
    assertFault(await chat.outcome, status.RESOURCE_EXHAUSTED, 'body_too_large');
  });
});

describe('calls of gRPC that a backend does not finish', () => {
  for (const way of ['Reset', 'Torn', 'RefusedLate'])
    it(`are never a short success, and not made again (${way})`, async () => {
      const broken = alice.download(`/test.Raw/${way}`);
      broken.read();
      assertFault(await broken.outcome, status.UNAVAILABLE, 'backend_truncated');
      assert.equal(raw.attempts.get(`/test.Raw/${way}`), 1);
    });

  it('are not a success without trailers', async () => {
    const { code } = await alice.unary('/test.Raw/NoTrailers', 'x');
    assert.notEqual(code, status.OK);
  });

  it('are made again where it has not begun with them', async () => {
    // A GOAWAY that leaves a stream out needs one before it.
    assert.equal((await alice.unary('/test.Raw/Answer', 'x')).code, status.OK);
    for (const way of ['RefusedOnce', 'GoneOnce']) {
      const { code, messages } = await alice.unary(`/test.Raw/${way}`, 'small');
      assert.deepEqual([code, messages.join()], [status.OK, 'attempt 2'], way);
    }
  });

  it('are not made again for ever, nor where it may have begun', async () => {
    assertFault(await alice.unary('/test.Raw/RefusedAlways', 'x'), status.UNAVAILABLE, 'stream_refused');
    assert.equal(raw.attempts.get('/test.Raw/RefusedAlways'), 2);
    assertFault(await alice.unary('/test.Raw/ResetUnanswered', 'x'), status.UNAVAILABLE, 'backend_closed');
    assert.equal(raw.attempts.get('/test.Raw/ResetUnanswered'), 1);
  });
});
