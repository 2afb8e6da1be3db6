import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { epochsAround, maxAccepted, TicketRing } from './ticket-ring.ts';

const hourMs = 3_600_000;
const terms = { rotationMs: 12 * hourMs, lifetimeMs: hourMs };
const own = { secret: randomBytes(32), epoch: 100, movesOn: true };

class SetClock {
  at = 100 * 12 * hourMs;
  now = (): number => this.at;
}

const hex = (keys: readonly Uint8Array[]): string[] => keys.map((key) => Buffer.from(key).toString('hex'));

test('a key that was issued under is accepted as long as its sessions live, and no longer', () => {
  const clock = new SetClock();
  const ring = new TicketRing(clock);
  ring.follow(own, terms);
  const first = ring.at(100);
  assert.deepEqual(first.accepted, []);
  clock.at += 12 * hourMs;
  const second = ring.at(101);
  assert.deepEqual(hex(second.accepted), hex([first.issuing]));
  assert.equal(ring.prune(), false);
  clock.at += hourMs;
  assert.equal(ring.prune(), true);
  assert.deepEqual(ring.at(101).accepted, []);
});

test('a shared key takes the place of the own one in its epoch; the others are accepted, and so is what was issued before', () => {
  const clock = new SetClock();
  const ring = new TicketRing(clock);
  ring.follow(own, terms);
  const alone = ring.at(100).issuing;
  const [now, next] = [randomBytes(32), randomBytes(32)];
  const shared = [
    { epoch: 100, secret: now },
    { epoch: 101, secret: next },
  ];
  assert.ok(ring.share(shared, terms.rotationMs));
  const keys = ring.at(100);
  assert.deepEqual(hex([keys.issuing]), hex([now]));
  assert.deepEqual(hex(keys.accepted), hex([alone, next]));
  // The same over a reload.
  ring.follow({ ...own, shared }, terms);
  assert.deepEqual(hex(ring.at(100).accepted), hex([alone, next]));
  // The store stayed away longer than keys were known for: its own again.
  clock.at += 24 * hourMs;
  const later = ring.at(102);
  assert.ok(!hex([now, next]).includes(hex([later.issuing])[0] as string));
});

test('keys of another rotation are not taken, nor any beside those of a file', () => {
  const ring = new TicketRing(new SetClock());
  ring.follow(own, terms);
  assert.equal(ring.share([{ epoch: 100, secret: randomBytes(32) }], hourMs), false);
  ring.follow({ ...own, movesOn: false, epoch: 0 }, terms);
  assert.equal(ring.share([{ epoch: 100, secret: randomBytes(32) }], terms.rotationMs), false);
});

test('of the secret of a file the epochs around are accepted, also ahead of our clock', () => {
  const clock = new SetClock();
  clock.at -= 60_000;
  const file = { ...own, epoch: 0, movesOn: false };
  const [ring, ahead] = [new TicketRing(clock), new TicketRing({ now: () => clock.at + 120_000 })];
  ring.follow(file, terms);
  ahead.follow(file, terms);
  const [behindKeys, aheadKeys] = [ring.at(99), ahead.at(100)];
  assert.deepEqual(hex(behindKeys.accepted), hex([aheadKeys.issuing]));
  assert.deepEqual(hex(aheadKeys.accepted), hex([behindKeys.issuing]));
});

test('another secret of a file, or another rotation, ends what was accepted', () => {
  const clock = new SetClock();
  const ring = new TicketRing(clock);
  ring.follow(own, terms);
  ring.at(100);
  clock.at += 12 * hourMs;
  assert.equal(ring.at(101).accepted.length, 1);
  ring.follow({ ...own, secret: randomBytes(32) }, { ...terms, rotationMs: hourMs });
  assert.deepEqual(ring.at(1212).accepted, []);
});

test('epochs are bounded and the nearest come first', () => {
  const epochs = epochsAround(1_000_000_000, { rotationMs: 60_000, lifetimeMs: 168 * hourMs });
  assert.equal(epochs.length, 2 * maxAccepted);
  assert.equal(epochs[0], Math.floor(1_000_000_000 / 60_000));
});
