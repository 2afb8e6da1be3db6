import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { ticketEpoch, TicketSecret } from './ticket-secret.ts';

const secret = randomBytes(32);

test('an epoch begins at every multiple of the rotation on the clock', () => {
  assert.deepEqual(
    [0, 59_999, 60_000, 119_999, 120_000].map((now) => ticketEpoch(now, 60_000)),
    [0, 0, 1, 1, 2],
  );
});

test('a secret from a file gives every epoch its own key, the same to whoever starts whenever', () => {
  const early = new TicketSecret({ secret, epoch: 0, movesOn: false });
  const late = new TicketSecret({ secret, epoch: 7, movesOn: false });
  const keys = [5, 6, 7, 8].map((epoch) => early.at(epoch).toString('hex'));
  assert.equal(new Set(keys).size, 4);
  assert.deepEqual(
    [8, 7, 6, 5].map((epoch) => late.at(epoch).toString('hex')),
    keys.reverse(),
  );
});

test('a secret that moves on agrees with whoever got its seed later', () => {
  const first = new TicketSecret({ secret, epoch: 3, movesOn: true });
  const other = new TicketSecret({ secret, epoch: 3, movesOn: true });
  first.at(5);
  const successor = new TicketSecret(first.seed());
  assert.deepEqual(successor.at(9), first.at(9));
  assert.deepEqual(other.at(9), first.at(9));
});

test('a secret that moves on does not go back, and its seed holds nothing of the past', () => {
  const moving = new TicketSecret({ secret, epoch: 3, movesOn: true });
  const past = moving.at(3);
  const present = moving.at(4);
  assert.notDeepEqual(present, past);
  assert.deepEqual(moving.at(3), present);
  assert.notDeepEqual(Buffer.from(moving.seed().secret), secret);
  assert.deepEqual(new TicketSecret(moving.seed()).at(3), present);
});

test('a clock that jumps by years takes one step', () => {
  const one = new TicketSecret({ secret, epoch: 0, movesOn: true });
  const two = new TicketSecret({ secret, epoch: 0, movesOn: true });
  assert.deepEqual(one.at(40_000_000), two.at(40_000_000));
});

test('a short secret is refused', () => {
  assert.throws(() => new TicketSecret({ secret: Buffer.alloc(31), epoch: 0, movesOn: false }), /too short/);
});
