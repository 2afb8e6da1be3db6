// What a server that is asked is told, and what becomes of its answer.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Fault } from '../base/fault.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { filterDependencies, filterRequest, linesOf } from '../../test/support/filter-request.ts';
import { Answer, type FilterRequest } from './filter.ts';
import { FieldEdits } from './field-edits.ts';
import { ForwardAuthFilter } from './forward-auth.ts';
import { setParams } from './query-params.ts';
import type { ServiceAnswer, ServiceQuestion } from './service.ts';

type Config = ConstructorParameters<typeof ForwardAuthFilter>[0];
const names = new FieldNames();

function answer(status: number, pairs: readonly (readonly [string, string])[] = [], body = ''): ServiceAnswer {
  const fields = new Fields();
  for (const [text, value] of pairs) {
    const name = names.find(text);
    assert.ok(name);
    fields.push(name, value);
  }
  return { status, fields, body: Buffer.from(body) };
}

function open(outcome: ServiceAnswer | Fault | undefined, more: Partial<Config> = {}) {
  const clock = new HandClock();
  const { dependencies, results } = filterDependencies({ clock });
  const questions: ServiceQuestion[] = [];
  const cancelled: number[] = [];
  const service = {
    label: 'auth.test:443',
    ask: (question: ServiceQuestion, done: (outcome: ServiceAnswer | Fault) => void) => {
      questions.push(question);
      if (outcome !== undefined) done(outcome);
      return () => void cancelled.push(1);
    },
  };
  const place = { file: '', line: 1, col: 1 };
  const filter = new ForwardAuthFilter(
    {
      name: 'ask',
      type: 'forwardAuth',
      kind: 'forwardAuth',
      paths: undefined,
      guards: true,
      place,
      service: {
        scheme: 'https',
        host: 'auth.test',
        port: 443,
        target: '/verify?x=1',
        verify: true,
        rootCAs: undefined,
        clientCert: undefined,
        clientKey: undefined,
        serverName: undefined,
      },
      signIn: undefined,
      timeoutMs: 5_000,
      forwardHost: false,
      forwardedUri: 'url',
      requestHeaders: [],
      responseHeaders: [],
      responseParams: [],
      cookies: undefined,
      ...more,
    },
    service,
    dependencies,
  );
  return { filter, questions, cancelled, clock, results };
}

async function outcomeOf(filter: ForwardAuthFilter, request: FilterRequest = filterRequest()) {
  try {
    const result = await filter.onRequest(request);
    return result === 'pass' ? 'pass' : result;
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    return error.code;
  }
}

describe('the service', () => {
  it('is told who asks for what, by what is verified; of the client its credentials and what is listed', async () => {
    const { filter, questions } = open(answer(200), { requestHeaders: ['x-tenant'], forwardHost: true });
    const request = filterRequest(
      [
        ['Authorization', 'Bearer x'],
        ['Cookie', 'a=1'],
        ['User-Agent', 'curl'],
        ['X-Tenant', 't'],
        ['X-Other', 'o'],
        ['Content-Type', 'text/plain'],
      ],
      { path: '/a/b', query: '?c=d' },
    );
    assert.equal(await outcomeOf(filter, request), 'pass');
    const [question] = questions;
    assert.ok(question);
    assert.deepEqual([question.method, question.target, question.authority], ['GET', '/verify?x=1', 'a.test']);
    assert.deepEqual(
      question.fields.names.map(({ lower }) => lower),
      ['authorization', 'cookie', 'user-agent', 'x-tenant'],
    );
    assert.deepEqual(
      question.extra.flatMap(({ pairs }) => pairs),
      [
        ['X-Forwarded-Method', 'GET'],
        ['X-Forwarded-URI', 'https://a.test/a/b?c=d'],
        ['X-Original-URL', 'https://a.test/a/b?c=d'],
        ['X-Forwarded-Proto', 'https'],
        ['X-Forwarded-Host', 'a.test'],
      ],
    );
  });

  it('is told path and query as Traefik tells them, where that is asked for', async () => {
    const { filter, questions } = open(answer(200), { forwardedUri: 'path' });
    await outcomeOf(filter, filterRequest([], { path: '/a', query: '?b' }));
    assert.deepEqual(questions[0]?.extra[0]?.pairs[1], ['X-Forwarded-URI', '/a?b']);
  });

  it('is given up where the client leaves, or it takes too long', async () => {
    const gone = open(undefined);
    const request = filterRequest();
    void gone.filter.onRequest(request);
    request.onCancel?.(new Fault('client_aborted', 'client'));
    assert.equal(gone.cancelled.length, 1);
    const late = open(undefined);
    const waiting = outcomeOf(late.filter);
    late.clock.turn(5_100);
    assert.equal(await waiting, 'auth_unavailable');
    assert.deepEqual([late.cancelled.length, late.results('ask', 'unavailable')], [1, 1]);
  });
});

describe('its answer', () => {
  for (const status of [200, 204, 299])
    it(`lets pass with ${status}`, async () => {
      assert.equal(await outcomeOf(open(answer(status)).filter), 'pass');
    });

  for (const status of [304, 400, 404, 407, 418, 431, 500, 502, 503])
    it(`lets nobody in with ${status}: it is no decision`, async () => {
      assert.equal(await outcomeOf(open(answer(status)).filter), 'auth_unavailable');
    });

  it('lets nobody in where there is none', async () => {
    assert.equal(await outcomeOf(open(new Fault('refused', 'backend')).filter), 'auth_unavailable');
  });

  for (const status of [301, 302, 303, 307, 308, 401, 403, 429])
    it(`is the client's with ${status}: what explains it, nothing else`, async () => {
      const { filter, results } = open(
        answer(
          status,
          [
            ['Location', '/login'],
            ['WWW-Authenticate', 'Bearer'],
            ['Set-Cookie', 'a=1'],
            ['Set-Cookie', 'b=2'],
            ['Content-Type', 'text/html'],
            ['X-Internal', 'secret'],
            ['Server', 'auth'],
          ],
          '<p>no</p>',
        ),
      );
      const refused = await outcomeOf(filter);
      assert.ok(refused instanceof Answer);
      assert.deepEqual([refused.status, refused.body], [status, '<p>no</p>']);
      assert.deepEqual(
        refused.fields.pairs.map(([name]) => name),
        ['Location', 'WWW-Authenticate', 'Set-Cookie', 'Set-Cookie', 'Content-Type', 'Cache-Control'],
      );
      assert.equal(refused.fault?.code, [403, 429].includes(status) ? 'access_denied' : 'unauthenticated');
      assert.equal(results('ask', 'refused'), 1);
    });

  it('has no body where that is no text', async () => {
    for (const pairs of [
      [['Content-Type', 'image/png']],
      [
        ['Content-Type', 'text/html'],
        ['Content-Encoding', 'gzip'],
      ],
    ] as const) {
      const refused = await outcomeOf(open(answer(403, pairs, '\x00\x01')).filter);
      assert.ok(refused instanceof Answer);
      assert.deepEqual([refused.body, refused.fields.pairs], ['', [['Cache-Control', 'no-store']]]);
    }
  });

  it('of 401 becomes the page where one logs in, with what was asked for', async () => {
    const request = filterRequest([], { path: '/a', query: '?b=c&d' });
    const refused = await outcomeOf(open(answer(401), { signIn: 'https://login.test/?rd=' }).filter, request);
    assert.ok(refused instanceof Answer);
    assert.deepEqual(
      [refused.status, refused.fields.pairs[0]],
      [302, ['Location', `https://login.test/?rd=${encodeURIComponent('https://a.test/a?b=c&d')}`]],
    );
  });

  it('tells the backend in the headers that are named; one that it lacks is not the client’s to give', async () => {
    const responseHeaders = [
      { from: 'x-auth-user', to: 'X-User' },
      { from: 'x-groups', to: 'X-Groups' },
      { from: 'x-none', to: 'X-None' },
    ];
    const { filter } = open(
      answer(200, [
        ['X-Auth-User', 'ann'],
        ['X-Groups', 'a'],
        ['X-Groups', 'b'],
        ['X-Other', 'o'],
      ]),
      { responseHeaders },
    );
    assert.deepEqual(filter.sets, ['X-User', 'X-Groups', 'X-None']);
    const request = filterRequest([
      ['X-User', 'root'],
      ['X_None', 'root'],
    ]);
    assert.equal(await outcomeOf(filter, request), 'pass');
    assert.deepEqual(linesOf(request), ['X-User: ann', 'X-Groups: a, b']);
  });

  it('gives the client the cookies that are named, or all', async () => {
    const given = answer(200, [
      ['Set-Cookie', 'a=1; Path=/'],
      ['Set-Cookie', 'b=2'],
    ]);
    for (const [cookies, expected] of [
      [undefined, ['a=1; Path=/', 'b=2']],
      [['b'], ['b=2']],
      [[], []],
    ] as const) {
      const { filter } = open(given, { cookies });
      const request = filterRequest();
      await outcomeOf(filter, request);
      const fields = new FieldEdits(new Fields());
      filter.onResponse({ isOwn: false, status: 200, fields, bodyLength: 0, encode: () => {} }, request);
      assert.deepEqual(fields.current.values, expected);
    }
  });
});

describe('parameters for the backend', () => {
  for (const [query, expected] of [
    ['', '?user=ann%20%26%20b'],
    ['?a=1', '?a=1&user=ann%20%26%20b'],
    ['?user=root&a=1', '?a=1&user=ann%20%26%20b'],
    ['?%75ser=root', '?user=ann%20%26%20b'],
    ['?user', '?user=ann%20%26%20b'],
    ['?user[]=root&user[0]=root', '?user=ann%20%26%20b'],
    ['?a=1;user=root', '?user=ann%20%26%20b'],
    ['?users=1&none=root', '?users=1&user=ann%20%26%20b'],
    ['?User=root&USER=root', '?user=ann%20%26%20b'],
    ['?user%00=root&user.=1', '?user.=1&user=ann%20%26%20b'],
    ['?+user=root&%EF%BB%BFuser=root&%2575ser=root', '?user=ann%20%26%20b'],
    ['?&&a', '?a&user=ann%20%26%20b'],
  ] as const)
    it(`replace what the client says: ${query}`, () => {
      assert.equal(
        setParams(
          query,
          new Map([
            ['user', 'ann & b'],
            ['none', undefined],
          ]),
        ),
        expected,
      );
    });
});
