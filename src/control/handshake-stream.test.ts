// Failed handshakes as a list and as a stream of events: replay, gaps, signs of life, slow readers, and the end of who may look.
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { type ApiUnderTest, openApi } from '../../test/support/control-api.ts';
import type { FailureGroup } from '../gateway/failure-tally.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { checkMs } from './event-stream.ts';

const bidi = '\u202E';

const group = (key: string, over: Partial<FailureGroup> = {}): FailureGroup => ({
  side: 'client',
  code: 'expired',
  key,
  count: 1,
  firstAt: Date.UTC(2026, 0, 1),
  lastAt: Date.UTC(2026, 0, 1),
  sample: {
    sentence: `handshake refused: ${key}`,
    detail: 'it expired',
    help: 'renew it',
    raw: '',
    policy: 'gateway',
    remoteAddress: '10.0.0.7',
    remotePort: 40_000,
    localPort: 8443,
    serverName: 'shop.test',
    offered: ['TLSv1.3'],
    negotiated: 'TLSv1.3',
    leaf: null,
  },
  ...over,
});

async function open(t: TestContext) {
  const api = await openApi(t);
  const { user, cookie } = await api.enter('viewer');
  const fail = async (...groups: FailureGroup[]): Promise<void> => api.context.handshakes.take({ groups, dropped: 0 });
  return { api, user, cookie, fail };
}

type Event = { readonly id?: string; readonly event?: string; readonly data?: string };

/** Events as a browser reads them; comments come as `event: ''`. */
async function* eventsOf(response: Response): AsyncGenerator<Event> {
  let text = '';
  for await (const piece of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    text += piece;
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n');
      text = text.slice(end + 2);
      yield Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
      );
    }
  }
}

async function next(events: AsyncGenerator<Event>, name: string): Promise<Event> {
  for (;;) {
    const { value, done } = await events.next();
    if (done === true) throw new Error(`the stream ended before ${name}`);
    if (value.event === name) return value;
  }
}

const stream = async (api: ApiUnderTest, cookie: string, last?: string): Promise<Response> =>
  api.open('/handshakes:stream', { cookie, ...(last !== undefined && { fields: { 'last-event-id': last } }) });

describe('failed handshakes', () => {
  it('are a list by reason and peer, with filters and pages, and each has its ladder', async (t) => {
    const { api, cookie, fail } = await open(t);
    await fail(group('a', { count: 3 }), group('b', { code: 'no_client_cert', lastAt: Date.UTC(2026, 0, 1) - 5 }));
    await fail(group('a', { count: 2 }));
    const { body } = await api.ask('GET', '/handshakes', { cookie });
    const items = body['items'] as { id: string; code: string; count: number; title: string }[];
    assert.deepEqual(
      items.map(({ code, count }) => [code, count]),
      [
        ['expired', 5],
        ['no_client_cert', 1],
      ],
    );
    const page = await api.ask('GET', '/handshakes?limit=1', { cookie });
    const rest = await api.ask('GET', `/handshakes?limit=1&cursor=${String(page.body['next'])}`, { cookie });
    assert.deepEqual([(rest.body['items'] as object[]).length, rest.body['next']], [1, null]);
    const filtered = await api.ask('GET', '/handshakes?code=no_client_cert&side=client', { cookie });
    assert.equal((filtered.body['items'] as object[]).length, 1);
    const one = await api.ask('GET', `/handshakes/${items[0]?.id}`, { cookie });
    const steps = one.body['steps'] as { step: string; status: string; failure: { remedy: string } | null }[];
    assert.deepEqual(
      steps.map(({ step, status }) => `${step} ${status}`),
      ['tcp ok', 'tls ok', 'own ok', 'client_auth ok', 'certificate failed'],
    );
    assert.equal(steps.at(-1)?.failure?.remedy, 'renew it');
    assert.match(String(one.body['openssl']), /^openssl s_client -connect GATEWAY:8443 -servername shop\.test /);
  });

  it('keep what a peer chose cut and escaped, however long and whatever it is', async (t) => {
    const { api, cookie, fail } = await open(t);
    const sample = { ...group('x').sample, serverName: '\u{10000}'.repeat(60_000), detail: 'ü'.repeat(60_000) };
    await fail(group('x', { sample }));
    const { text, status, body } = await api.ask('GET', '/handshakes', { cookie });
    assert.equal(status, 200);
    assert.equal((body['items'] as object[]).length, 1);
    assert.ok(text.length < 8_000, String(text.length));
    assert.ok(!text.includes(bidi));
  });

  it('that fit in no group are counted where the list is', async (t) => {
    const { api, cookie } = await open(t);
    await api.context.handshakes.take({ groups: [], dropped: 12 });
    assert.equal((await api.ask('GET', '/handshakes', { cookie })).body['dropped'], 12);
  });

  it('that the store does not take are tried again, and told at once', async (t) => {
    const { api, cookie } = await open(t);
    const { failures } = breakOnce(api);
    const events = eventsOf(await stream(api, cookie));
    await next(events, 'ready');
    const taken = api.context.handshakes.take({ groups: [group('a')], dropped: 0 });
    assert.match((await next(events, 'failure')).data ?? '', /handshake refused: a/);
    assert.equal(failures(), 1);
    await new Promise((resolve) => setImmediate(resolve));
    api.clock.turn(2_000);
    await taken;
    const { body } = await api.ask('GET', '/handshakes', { cookie });
    assert.equal((body['items'] as object[]).length, 1);
  });
});

function breakOnce({ store }: ApiUnderTest): { failures: () => number } {
  const record = store.handshakeFailures.record.bind(store.handshakeFailures);
  let failures = 0;
  store.handshakeFailures.record = async (groups) => {
    if (failures++ === 0) throw new StoreProblem('locked', 'the database is locked');
    return record(groups);
  };
  return { failures: () => failures };
}

describe('the stream of failed handshakes', () => {
  it('tells what comes, and goes on after the event that somebody saw last', async (t) => {
    const { api, cookie, fail } = await open(t);
    const first = await stream(api, cookie);
    assert.equal(first.headers.get('content-type'), 'text/event-stream');
    const events = eventsOf(first);
    const { id: position } = await next(events, 'ready');
    await fail(group('a'), group('b'));
    const a = await next(events, 'failure');
    assert.match(a.data ?? '', /"sentence":"handshake refused: a"/);
    await events.return(undefined);
    await fail(group('c'));
    const again = eventsOf(await stream(api, cookie, a.id));
    assert.match((await next(again, 'failure')).data ?? '', /refused: b/);
    assert.match((await next(again, 'failure')).data ?? '', /refused: c/);
    await again.return(undefined);
    const fromReady = eventsOf(await stream(api, cookie, position));
    assert.match((await next(fromReady, 'failure')).data ?? '', /refused: a/);
    await fromReady.return(undefined);
  });

  it('says that some were missed: of another process, or too many since', async (t) => {
    const { api, cookie, fail } = await open(t);
    const other = eventsOf(await stream(api, cookie, '00000000-3'));
    assert.equal((await next(other, 'gap')).event, 'gap');
    await other.return(undefined);
    const events = eventsOf(await stream(api, cookie));
    const { id } = await next(events, 'ready');
    await events.return(undefined);
    for (let i = 0; i < 6; i++) await fail(...Array.from({ length: 100 }, (_, n) => group(`${i}-${n}`)));
    const late = eventsOf(await stream(api, cookie, id));
    await next(late, 'gap');
    assert.match((await next(late, 'failure')).data ?? '', /refused: 0-88"/);
    await late.return(undefined);
  });

  it('lets a reader go who does not read, and he finds what he missed', async (t) => {
    const { api, cookie, fail } = await open(t);
    const response = await stream(api, cookie);
    const long = 'x'.repeat(500);
    for (let i = 0; i < 300; i++)
      await fail(group(`${i}`, { sample: { ...group('').sample, sentence: `${i} ${long}` } }));
    const seen: Event[] = [];
    for await (const event of eventsOf(response)) seen.push(event);
    const last = seen.at(-1);
    assert.ok(seen.length > 50 && seen.length < 300, String(seen.length));
    const rest = eventsOf(
      await api.open('/handshakes:stream?follow=false', { cookie, fields: { 'last-event-id': last?.id ?? '' } }),
    );
    const more: Event[] = [];
    for await (const event of rest) if (event.event === 'failure') more.push(event);
    assert.equal(seen.filter(({ event }) => event === 'failure').length + more.length, 300);
  });

  it('ends with the session, with the role and with the user, and keeps no session alive', async (t) => {
    const { api, user, cookie } = await open(t);
    const events = eventsOf(await stream(api, cookie));
    await next(events, 'ready');
    await api.store.users.update(user.id, user.version, { role: 'operator' }, { actor: 'test' });
    api.clock.turn(checkMs);
    await next(events, 'end');
    assert.equal((await events.next()).done, true);
    const idle = await api.enter('viewer');
    const still = eventsOf(await stream(api, idle.cookie));
    await next(still, 'ready');
    const before = await api.store.sessions.list(idle.user.id);
    for (let minute = 0; minute < 3; minute++) {
      api.clock.turn(60_000);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(await api.store.sessions.list(idle.user.id), before);
    await still.return(undefined);
  });

  it('shows signs of life, and gives its place back when it is over', async (t) => {
    const { api, cookie } = await open(t);
    const opened = await Promise.all(Array.from({ length: 4 }, async () => stream(api, cookie)));
    const refused = await stream(api, cookie);
    assert.equal(refused.status, 429);
    const [first] = opened;
    assert.ok(first);
    const events = eventsOf(first);
    await next(events, 'ready');
    for (let look = 0; look < 15; look++) {
      api.clock.turn(checkMs);
      await new Promise((resolve) => setImmediate(resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual((await events.next()).value, { '': 'still here' });
    await events.return(undefined);
    assert.equal((await stream(api, cookie)).status, 200);
  });
});
