import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { TicketSecret } from '../downstream/ticket-secret.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { TicketSecrets } from './ticket-secrets.ts';

const hourMs = 3_600_000;

/** What the secrets reads of a configuration. */
function loadedWith(rotationMs: number, ticketSecret?: Uint8Array): LoadedConfig {
  return { config: { tls: { sessionResumption: { rotationMs } } }, ticketSecret } as LoadedConfig;
}

test('the secret of a file is given as it is, to be shared with other gateways', () => {
  const secret = Buffer.alloc(32, 7);
  const secrets = new TicketSecrets(systemClock);
  assert.deepEqual(secrets.seedFor(loadedWith(hourMs, secret)), { secret, epoch: 0, movesOn: false });
});

test('without a file a worker that starts later agrees with the first one, and cannot make past keys', () => {
  let now = 100 * hourMs;
  let turn: () => void = () => {};
  const clock = {
    ...systemClock,
    now: () => now,
    after: (_ms: number, act: () => void) => {
      turn = act;
      return () => {};
    },
  };
  const secrets = new TicketSecrets(clock);
  const first = secrets.seedFor(loadedWith(hourMs));
  assert.deepEqual([first.epoch, first.movesOn], [100, true]);
  now += 3 * hourMs;
  turn();
  const later = secrets.seedFor(loadedWith(hourMs));
  assert.equal(later.epoch, 103);
  assert.deepEqual(new TicketSecret(later).at(103), new TicketSecret(first).at(103));
  assert.notDeepEqual(later.secret, first.secret);
});

test('another rotation makes another secret, counted in its own epochs', () => {
  const secrets = new TicketSecrets({ ...systemClock, now: () => 100 * hourMs });
  const first = secrets.seedFor(loadedWith(hourMs));
  const second = secrets.seedFor(loadedWith(2 * hourMs));
  assert.equal(second.epoch, 50);
  assert.notDeepEqual(second.secret, first.secret);
});

test('who is alone says so of a secret of its own, and never of one from a file', () => {
  const secrets = new TicketSecrets(systemClock, undefined, true);
  assert.equal(secrets.seedFor(loadedWith(hourMs)).isAlone, true);
  assert.equal(secrets.seedFor(loadedWith(hourMs, Buffer.alloc(32, 7))).isAlone, undefined);
  assert.equal(new TicketSecrets(systemClock).seedFor(loadedWith(hourMs)).isAlone, undefined);
});
