import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  emptySettings,
  frame,
  FrameLog,
  preface,
  readFrames,
  setting,
  uint32,
} from '../../test/support/http2-frames.ts';
import { FrameReader } from './frame-reader.ts';

function read(...frames: Buffer[]): string[] {
  return readFrames('server', [Buffer.concat(frames)]);
}

const padded = 0x08;
const endStream = 0x01;
const endHeaders = 0x04;

describe('a FrameReader', () => {
  it('tells every kind of frame', () => {
    const lines = read(
      frame(4, 0, 0, setting(3, 100) + setting(4, 0x7fffffff) + setting(0xfff, 7)),
      frame(4, 1, 0),
      frame(1, endHeaders, 1, 'block'),
      frame(0, 0, 1, 'hello'),
      frame(0, endStream, 1),
      frame(2, 0, 5, `${uint32(0x80000001)}\x10`),
      frame(3, 0, 1, uint32(8)),
      frame(3, 0, 1, uint32(99)),
      frame(6, 0, 0, '12345678'),
      frame(6, 1, 0, '12345678'),
      frame(7, 0, 0, `${uint32(3)}${uint32(0)}bye`),
      frame(8, 0, 0, uint32(0x7fffffff)),
      frame(8, 0, 1, uint32(0x80000001)),
      frame(0xbe, 0xff, 0, 'grease'),
      frame(6, 0, 0, '--------'),
    );
    assert.deepEqual(lines, [
      'SETTINGS 3=100 4=2147483647 4095=7',
      'SETTINGS ack',
      'HEADERS 1 block',
      'DATA 1 "hello" 5',
      'DATA 1 "" 0 end',
      'PRIORITY 5',
      'RST_STREAM 1 CANCEL',
      'RST_STREAM 1 0x63',
      'PING 12345678',
      'PING 12345678 ack',
      'GOAWAY 3 NO_ERROR bye',
      'WINDOW_UPDATE 0 2147483647',
      'WINDOW_UPDATE 1 1',
      'unknown 190',
      'PING --------',
    ]);
  });

  it('takes padding and priority off a header block, and joins a continued one', () => {
    const priority = `${uint32(3)}\x05`;
    const lines = read(
      frame(1, endHeaders | padded | 0x20, 1, `\x03${priority}block\0\0\0`),
      frame(1, endHeaders | padded, 3, '\x05\0\0\0\0\0'),
      frame(1, endStream, 5, 'one '),
      frame(9, 0, 5, 'two '),
      frame(9, 0, 5, ''),
      frame(9, endHeaders, 5, 'three'),
    );
    assert.deepEqual(
      lines,
      ['HEADERS 1 block', 'HEADERS 3', 'HEADERS 5 one two three end'].map((line) => line.replace(/3$/, '3 ')),
    );
  });

  it('hands DATA on as it comes, without a copy', () => {
    const views: ArrayBufferLike[] = [];
    const log = new FrameLog();
    log.onData = (_streamId, bytes) => void views.push(bytes.buffer);
    const reader = new FrameReader('client', log);
    const all = Buffer.concat([emptySettings, frame(0, 0, 1, 'abc'), frame(0, 0, 1, 'def')]);
    reader.push(all);
    assert.deepEqual(views, [all.buffer, all.buffer]);
    assert.equal(reader.isBetweenFrames, true);
    reader.push(frame(0, 0, 1, 'de', 3));
    assert.equal(reader.isBetweenFrames, false);
    assert.equal(views.length, 3);
  });

  it('counts padding with the first piece of DATA, and ends the stream with the last', () => {
    const whole = frame(0, padded | endStream, 1, '\x02abcdef\0\0');
    assert.deepEqual(read(whole), ['DATA 1 "abcdef" 9 end']);
    const cut = readFrames('server', [
      whole.subarray(0, 12),
      whole.subarray(12, 14),
      whole.subarray(14),
      frame(0, 0, 3, 'x'),
    ]);
    assert.deepEqual(cut, ['DATA 1 "ab" 5', 'DATA 1 "cd" 2', 'DATA 1 "ef" 2 end', 'DATA 3 "x" 1']);
    assert.deepEqual(read(frame(0, padded | endStream, 1, '\x02\0\0'), frame(0, padded, 1, '\0')), [
      'DATA 1 "" 3 end',
      'DATA 1 "" 1',
    ]);
  });

  it('wants the preface from a client, then SETTINGS from either', () => {
    for (const [role, bytes, expected] of [
      ['server', [preface, emptySettings], 'SETTINGS'],
      ['client', [emptySettings], 'SETTINGS'],
      [
        'server',
        [Buffer.from('GET / HTTP/1.1\r\n')],
        'connection error PROTOCOL_ERROR: not the connection preface of HTTP/2',
      ],
      [
        'server',
        [preface, frame(6, 0, 0, '12345678')],
        'connection error PROTOCOL_ERROR: the first frame is not SETTINGS',
      ],
      ['client', [frame(4, 1, 0)], 'connection error PROTOCOL_ERROR: the first frame is not SETTINGS'],
      ['client', [preface], 'connection error FRAME_SIZE_ERROR: a frame of more than 16384 bytes'],
    ] as const) {
      const log = new FrameLog();
      const reader = new FrameReader(role, log);
      for (const piece of bytes) reader.push(piece);
      assert.deepEqual(log.lines, [expected]);
    }
  });

  const broken: [rule: string, frames: Buffer[], error: string][] = [
    ['DATA on stream 0', [frame(0, 0, 0, 'x')], 'PROTOCOL_ERROR'],
    ['DATA on an even stream', [frame(0, 0, 2, 'x')], 'PROTOCOL_ERROR'],
    ['DATA with padding as long as itself', [frame(0, padded, 1, '\x03abc')], ''],
    ['DATA with padding longer than itself', [frame(0, padded, 1, '\x04abc')], 'PROTOCOL_ERROR'],
    ['padded DATA without the length of the padding', [frame(0, padded, 1)], 'FRAME_SIZE_ERROR'],
    ['HEADERS on stream 0', [frame(1, endHeaders, 0)], 'PROTOCOL_ERROR'],
    ['HEADERS on an even stream', [frame(1, endHeaders, 2)], 'PROTOCOL_ERROR'],
    ['HEADERS with too much padding', [frame(1, endHeaders | padded, 1, '\x04abc')], 'PROTOCOL_ERROR'],
    [
      'HEADERS that are padded over the priority',
      [frame(1, endHeaders | padded | 0x20, 1, '\x01\0\0\0\0\0')],
      'PROTOCOL_ERROR',
    ],
    ['padded HEADERS without the length of the padding', [frame(1, endHeaders | padded, 1)], 'FRAME_SIZE_ERROR'],
    ['HEADERS too short for their priority', [frame(1, endHeaders | 0x20, 1, '\0\0\0\0')], 'FRAME_SIZE_ERROR'],
    [
      'HEADERS that depend on themselves',
      [frame(1, endHeaders | 0x20, 1, `${uint32(0x80000001)}\0`)],
      'PROTOCOL_ERROR',
    ],
    ['CONTINUATION without HEADERS', [frame(9, endHeaders, 1)], 'PROTOCOL_ERROR'],
    ['CONTINUATION after the end', [frame(1, endHeaders, 1), frame(9, endHeaders, 1)], 'PROTOCOL_ERROR'],
    ['CONTINUATION of another stream', [frame(1, 0, 1), frame(9, endHeaders, 3)], 'PROTOCOL_ERROR'],
    ['DATA within a header block', [frame(1, 0, 1), frame(0, 0, 1)], 'PROTOCOL_ERROR'],
    ['an unknown frame within a header block', [frame(1, 0, 1), frame(77, 0, 1)], 'PROTOCOL_ERROR'],
    ['PRIORITY of 4 bytes', [frame(2, 0, 1, uint32(3))], 'stream FRAME_SIZE_ERROR'],
    ['PRIORITY on stream 0', [frame(2, 0, 0, '\0\0\0\0\0')], 'PROTOCOL_ERROR'],
    ['PRIORITY of a stream on itself', [frame(2, 0, 1, '\0\0\0\x01\0')], 'stream PROTOCOL_ERROR'],
    ['RST_STREAM of 3 bytes', [frame(3, 0, 1, 'abc')], 'FRAME_SIZE_ERROR'],
    ['RST_STREAM on stream 0', [frame(3, 0, 0, uint32(0))], 'PROTOCOL_ERROR'],
    ['SETTINGS on a stream', [frame(4, 0, 1)], 'PROTOCOL_ERROR'],
    ['SETTINGS of 5 bytes', [frame(4, 0, 0, '12345')], 'FRAME_SIZE_ERROR'],
    ['an acknowledgement with settings', [frame(4, 1, 0, setting(1, 0))], 'FRAME_SIZE_ERROR'],
    ['ENABLE_PUSH 2', [frame(4, 0, 0, setting(2, 2))], 'PROTOCOL_ERROR'],
    ['INITIAL_WINDOW_SIZE 2^31', [frame(4, 0, 0, setting(4, 2 ** 31))], 'FLOW_CONTROL_ERROR'],
    ['MAX_FRAME_SIZE 16383', [frame(4, 0, 0, setting(5, 16383))], 'PROTOCOL_ERROR'],
    ['MAX_FRAME_SIZE 2^24', [frame(4, 0, 0, setting(5, 2 ** 24))], 'PROTOCOL_ERROR'],
    ['ENABLE_CONNECT_PROTOCOL 2', [frame(4, 0, 0, setting(8, 2))], 'PROTOCOL_ERROR'],
    ['PUSH_PROMISE', [frame(5, endHeaders, 1, uint32(2))], 'PROTOCOL_ERROR'],
    ['PING on a stream', [frame(6, 0, 1, '12345678')], 'PROTOCOL_ERROR'],
    ['PING of 9 bytes', [frame(6, 0, 0, '123456789')], 'FRAME_SIZE_ERROR'],
    ['GOAWAY on a stream', [frame(7, 0, 1, uint32(0) + uint32(0))], 'PROTOCOL_ERROR'],
    ['GOAWAY of 7 bytes', [frame(7, 0, 0, '1234567')], 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE of 5 bytes', [frame(8, 0, 1, '12345')], 'FRAME_SIZE_ERROR'],
    ['WINDOW_UPDATE by 0', [frame(8, 0, 0, uint32(0x80000000))], 'PROTOCOL_ERROR'],
    ['WINDOW_UPDATE of a stream by 0', [frame(8, 0, 1, uint32(0))], 'stream PROTOCOL_ERROR'],
    ['a frame of 16385 bytes', [frame(0, 0, 1, '', 16385)], 'FRAME_SIZE_ERROR'],
  ];
  for (const [rule, frames, error] of broken) {
    it(`says of ${rule}: ${error === '' ? 'nothing' : error}`, () => {
      const ping = frame(6, 0, 0, '--------');
      const lines = read(...frames, ping);
      const errors = lines.filter((line) => line.includes('error')).map((line) => line.replace(/ (on|:).*|:.*/, ''));
      const scope = error.startsWith('stream') ? '' : 'connection ';
      const expected = error.replace('stream ', 'stream error ');
      assert.deepEqual(errors, error === '' ? [] : [scope === '' ? expected : `${scope}error ${error}`]);
      // Whoever broke a rule of the whole connection is not listened to any more; the others are.
      assert.equal(lines.includes('PING --------'), error === '' || scope === '');
    });
  }

  it('lets a server not say that it takes pushes', () => {
    assert.match(readFrames('client', [frame(4, 0, 0, setting(2, 1))]).join(), /^connection error PROTOCOL_ERROR/);
    assert.deepEqual(readFrames('client', [frame(4, 0, 0, setting(2, 0))]), ['SETTINGS 2=0']);
    assert.deepEqual(read(frame(4, 0, 0, setting(2, 1))), ['SETTINGS 2=1']);
  });

  it('bounds a header block in bytes and in frames', () => {
    const options = { maxFrameSize: 16_384, blockBytes: 10, continuations: 2 };
    const of = (...parts: string[]): string[] =>
      readFrames(
        'server',
        [
          frame(1, 0, 1, parts[0]),
          ...parts.slice(1).map((part, at) => frame(9, at + 2 === parts.length ? endHeaders : 0, 1, part)),
        ],
        options,
      );
    assert.deepEqual(of('12345', '67890'), ['HEADERS 1 1234567890']);
    assert.deepEqual(of('12345', '67890x'), [
      'connection error ENHANCE_YOUR_CALM: a header block of more than 10 bytes',
    ]);
    assert.deepEqual(of('', '', 'x'), ['HEADERS 1 x']);
    assert.deepEqual(of('', '', '', ''), ['connection error ENHANCE_YOUR_CALM: more than 2 CONTINUATION frames']);
  });

  it('says nothing once it is stopped, not even of what was pushed before', () => {
    const log = new FrameLog();
    const reader = new FrameReader('client', log);
    log.onSettings = () => reader.stop();
    reader.push(Buffer.concat([emptySettings, frame(6, 0, 0, '12345678')]));
    reader.push(frame(6, 0, 0, '12345678'));
    assert.deepEqual(log.lines, []);
  });
});
