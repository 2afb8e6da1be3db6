// Attempts to several addresses side by side, with sockets that do what the test says and a clock that it turns. What real ones do
// is shown in test/conformance/upstream-addresses.test.ts.
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { HandClock } from '../../test/conformance/upstream-setup.ts';
import type { Addresses } from './addresses.ts';
import { AddressRace } from './address-race.ts';

const refused = (address: string): Error =>
  Object.assign(new Error(`connect ECONNREFUSED ${address}`), { code: 'ECONNREFUSED' });

function open(t: TestContext, order: readonly string[]) {
  const clock = new HandClock();
  const said: string[] = [];
  const addresses = {
    begun: (address: string) => said.push(`begun ${address}`),
    gone: (address: string) => said.push(`gone ${address}`),
    failed: (address: string, raw: string) => said.push(`failed ${address} ${raw}`),
  } as unknown as Addresses;
  const sockets = new Map<string, Socket>();
  const connect = (address: string): Socket => {
    const socket = new Socket();
    t.after(() => socket.destroy());
    sockets.set(address, socket);
    return socket;
  };
  const ends: (string | Error)[] = [];
  const race = new AddressRace(
    { order, addresses, clock, connect },
    { onWon: (_socket, address) => ends.push(address), onLost: (error) => ends.push(error) },
  );
  race.start();
  return { clock, said, sockets, ends, race };
}

test('one address is one attempt, and no timer', (t) => {
  const { clock, sockets, ends, said } = open(t, ['a']);
  assert.equal(clock.waits.length, 0);
  sockets.get('a')?.emit('connect');
  assert.deepEqual([ends, said], [['a'], ['begun a']]);
});

test('the next begins after 250 ms, beside the first; the first to answer wins, and the others end', (t) => {
  const { clock, sockets, ends, said } = open(t, ['a', 'b', 'c']);
  clock.advance(249);
  assert.deepEqual([...sockets.keys()], ['a']);
  clock.advance(1);
  assert.deepEqual([...sockets.keys()], ['a', 'b']);
  sockets.get('a')?.emit('connect');
  assert.deepEqual(ends, ['a']);
  assert.equal(sockets.get('b')?.destroyed, true);
  clock.advance(10_000);
  assert.deepEqual([...sockets.keys()], ['a', 'b'], 'nobody begins any more');
  assert.deepEqual(said, ['begun a', 'begun b', 'gone b']);
});

test('who had his time and lost is tried later from now on', (t) => {
  const { clock, sockets, ends, said } = open(t, ['a', 'b']);
  clock.advance(250);
  sockets.get('b')?.emit('connect');
  assert.deepEqual(ends, ['b']);
  assert.deepEqual(said, ['begun a', 'begun b', 'failed a ETIMEDOUT', 'gone a']);
  sockets.get('a')?.emit('connect');
  assert.deepEqual(ends, ['b'], 'too late');
});

test('a failure starts the next at once, and the last failure ends it with the errors of all', (t) => {
  const { sockets, ends, said } = open(t, ['a', 'b']);
  sockets.get('a')?.emit('error', refused('a'));
  sockets.get('a')?.emit('close');
  assert.deepEqual([...sockets.keys()], ['a', 'b']);
  sockets.get('b')?.emit('close');
  assert.equal(ends.length, 1);
  const [error] = ends;
  assert.ok(error instanceof AggregateError);
  assert.deepEqual(
    error.errors.map(({ code }: { code: string }) => code),
    ['ECONNREFUSED', 'ECONNRESET'],
  );
  assert.deepEqual(said, ['begun a', 'failed a ECONNREFUSED', 'gone a', 'begun b', 'failed b ECONNRESET', 'gone b']);
});

test('one that fails while another runs leaves the rest to their turns', (t) => {
  const { clock, sockets, ends } = open(t, ['a', 'b', 'c']);
  clock.advance(250);
  sockets.get('a')?.emit('error', refused('a'));
  assert.deepEqual([...sockets.keys()], ['a', 'b', 'c'], 'a failure does not wait for the delay');
  sockets.get('c')?.emit('error', refused('c'));
  assert.deepEqual(ends, [], 'b still runs');
  sockets.get('b')?.emit('connect');
  assert.deepEqual(ends, ['b']);
});

test('giving up ends all that run; where time is over they have failed', (t) => {
  const { clock, sockets, ends, said, race } = open(t, ['a', 'b']);
  clock.advance(250);
  race.cancel('ETIMEDOUT');
  for (const socket of sockets.values()) assert.equal(socket.destroyed, true);
  assert.deepEqual(said.slice(2), ['failed a ETIMEDOUT', 'gone a', 'failed b ETIMEDOUT', 'gone b']);
  assert.deepEqual(ends, []);
});

test('of hundreds of addresses sixteen are tried', (t) => {
  const order = Array.from({ length: 300 }, (_, at) => `a${at}`);
  const { sockets, ends } = open(t, order);
  for (const address of order) sockets.get(address)?.emit('error', refused(address));
  assert.equal(sockets.size, 16);
  assert.equal(ends.length, 1);
});
