import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { kindOfHello } from './hello-kind.ts';

type Hello = {
  readonly suites?: readonly number[];
  readonly extensions?: readonly (readonly [number, readonly number[]])[];
};

/** Body of a ClientHello; the bytes of extensions as given. */
function hello({ suites = [0x1301, 0xc02b], extensions = [] }: Hello): Buffer {
  const list = (values: readonly number[]): Buffer =>
    Buffer.from(values.flatMap((value) => [value >> 8, value & 0xff]));
  const sized = (bytes: Buffer): Buffer => Buffer.concat([list([bytes.length]), bytes]);
  const body = extensions.map(([type, bytes]) => Buffer.concat([list([type]), sized(Buffer.from(bytes))]));
  const random = Buffer.from(Array.from({ length: 32 }, () => Math.floor(Math.random() * 256)));
  return Buffer.concat([
    Buffer.from([3, 3]),
    random,
    Buffer.from([0]),
    sized(list(suites)),
    Buffer.from([1, 0]),
    sized(Buffer.concat(body)),
  ]);
}

const schemes = [13, [0, 4, 4, 3, 8, 4]] as const;
const versions = [43, [4, 3, 4, 3, 3]] as const;

test('hellos are of one kind whatever their order of extensions, server name, randomness and GREASE', () => {
  const kind = kindOfHello(hello({ extensions: [schemes, versions] }));
  assert.equal(kindOfHello(hello({ extensions: [versions, [0, [1, 2, 3]], schemes] })), kind);
  assert.equal(kindOfHello(hello({ suites: [0x3a3a, 0x1301, 0xc02b], extensions: [schemes, versions] })), kind);
  const greased = [43, [6, 0xaa, 0xaa, 3, 4, 3, 3]] as const;
  const plain = [43, [6, 3, 4, 3, 3]] as const;
  assert.equal(
    kindOfHello(hello({ extensions: [schemes, greased] })),
    kindOfHello(hello({ extensions: [schemes, plain] })),
  );
});

test('hellos that differ in what decides are of different kinds', () => {
  const kinds = [
    hello({ extensions: [schemes, versions] }),
    hello({ suites: [0xc02b, 0x1301], extensions: [schemes, versions] }),
    hello({ extensions: [[13, [0, 4, 8, 4, 4, 3]], versions] }),
    hello({ extensions: [schemes] }),
    hello({ extensions: [schemes, versions, [10, [0, 2, 0, 24]]] }),
    hello({ extensions: [schemes, versions, [50, [0, 2, 4, 3]]] }),
  ].map(kindOfHello);
  assert.equal(new Set(kinds).size, kinds.length);
});

test('whatever the bytes are, there is a kind', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => kindOfHello(Buffer.from(bytes)).length === 64));
});
