import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Verdict } from '../trust/verdict.ts';
import { type Ticket, Tickets } from './tickets.ts';

function ticket(name: string, version = 'TLSv1.3', validUntil = 1000): Ticket {
  const verdict: Verdict = {
    code: 'ok',
    raw: '',
    detail: '',
    leaf: undefined,
    chain: [],
    chainKnown: true,
    anchor: undefined,
    resumed: false,
    version,
    cipher: '',
  };
  return { session: Buffer.from(name), verdict, validUntil };
}

test('the newest TLS 1.3 ticket is offered first, and once', () => {
  const tickets = new Tickets();
  const [a, b] = [ticket('a'), ticket('b')];
  tickets.add(a);
  tickets.add(b);
  assert.deepEqual([tickets.take(0), tickets.take(0), tickets.take(0)], [b, a, undefined]);
});

test('a TLS 1.2 session may be offered again', () => {
  const tickets = new Tickets();
  const session = ticket('a', 'TLSv1.2');
  tickets.add(session);
  assert.deepEqual([tickets.take(0), tickets.take(0)], [session, session]);
});

test('no session outlives the certificates it was made under', () => {
  const tickets = new Tickets();
  tickets.add(ticket('a', 'TLSv1.3', 5000));
  tickets.add(ticket('b', 'TLSv1.2', 1000));
  assert.equal(tickets.take(1000)?.validUntil, 5000);
  assert.equal(tickets.take(1000), undefined);
});

test('only the eight newest are kept', () => {
  const tickets = new Tickets();
  for (let i = 0; i < 20; i += 1) tickets.add(ticket(String(i)));
  assert.equal(tickets.size, 8);
  assert.equal(String(tickets.take(0)?.session), '19');
  tickets.clear();
  assert.equal(tickets.take(0), undefined);
});
