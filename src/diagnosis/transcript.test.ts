import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readTranscript } from './transcript.ts';

const nothing = Buffer.alloc(0);

/** One handshake record with one message. */
function record(type: number, body: Buffer): Buffer {
  const message = Buffer.concat([Buffer.from([type, 0, body.length >> 8, body.length & 0xff]), body]);
  return Buffer.concat([Buffer.from([22, 3, 3, message.length >> 8, message.length & 0xff]), message]);
}

test('a server can send what it likes: reading it ends, and never throws', () => {
  const bytes = fc.uint8Array({ maxLength: 400 }).map((array) => Buffer.from(array));
  const records = fc
    .array(fc.tuple(fc.constantFrom(2, 11, 12, 13, 14, 20, 25), bytes), { maxLength: 6 })
    .map((list) => Buffer.concat(list.map(([type, body]) => record(type, body))));
  const secrets = new Map([
    ['SERVER_HANDSHAKE_TRAFFIC_SECRET', Buffer.alloc(32, 1)],
    ['CLIENT_HANDSHAKE_TRAFFIC_SECRET', Buffer.alloc(48, 2)],
  ]);
  fc.assert(
    fc.property(fc.oneof(bytes, records), fc.oneof(bytes, records), (received, sent) => {
      readTranscript(received, sent, secrets);
      readTranscript(received, sent, new Map());
    }),
    { numRuns: 2000 },
  );
});

test('a certificate request of TLS 1.2 names its CAs; a name that is none is said to be so', () => {
  const name = Buffer.from('300f310d300b06035504030c0474657374', 'hex');
  const list = Buffer.concat([Buffer.from([0, name.length]), name, Buffer.from([0, 2, 0xff, 0xff])]);
  const body = Buffer.concat([Buffer.from([1, 64, 0, 2, 4, 3, 0, list.length]), list]);
  const { request, certificates, complete } = readTranscript(record(13, body), nothing, new Map());
  assert.deepEqual(request?.authorities, ['CN=test', '(a name that cannot be read)']);
  assert.equal(certificates, undefined);
  assert.equal(complete, false);
});

test('nothing received is nothing known', () => {
  const transcript = readTranscript(nothing, nothing, new Map());
  assert.equal(transcript.version, undefined);
  assert.equal(transcript.request, undefined);
  assert.equal(transcript.sentCertificates, undefined);
});
