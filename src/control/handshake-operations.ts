// Handshakes that failed: grouped by reason and peer, each with its ladder, and as they happen.
import { z } from 'zod';
import { ApiProblem } from './api-problem.ts';
import { openEventStream } from './event-stream.ts';
import { explainFailure, failureDetail, failureGroup, parseFailureId, showFailure } from './failed-handshake.ts';
import { type Operation, operation } from './operation.ts';
import { openCursor, pageOf, pageQuery, showPage } from './pages.ts';

const filter = {
  side: z.enum(['client', 'backend']).optional(),
  code: z.string().max(60).optional().describe('Of the fault table.'),
};

const listHandshakes = operation({
  id: 'listHandshakes',
  method: 'GET',
  path: '/handshakes',
  act: 'handshakes.read',
  summary: 'Handshakes that failed in the last 14 days, grouped by reason and peer, last seen first.',
  query: pageQuery.extend({
    ...filter,
    gateway: z.string().max(200).optional(),
    since: z.iso.datetime().optional().describe('Seen since then.'),
  }),
  answer: {
    status: 200,
    body: pageOf(failureGroup).extend({
      dropped: z
        .int()
        .describe('Failures since the start of the control process that are in no group: too many kinds at once.'),
    }),
  },
  examples: [
    { name: 'all', status: 200 },
    { name: 'of clients', query: { side: 'client', code: 'expired', since: '2026-01-01T00:00:00Z' }, status: 200 },
    { name: 'no time', query: { since: 'yesterday' }, status: 422 },
  ],
  run: async ({ context, query: { limit, cursor, side, code, gateway, since } }) => {
    const page = await context.store.handshakeFailures.list({
      limit,
      cursor: openCursor('handshakes', cursor),
      ...(side !== undefined && { side }),
      ...(code !== undefined && { code }),
      ...(gateway !== undefined && { gateway }),
      ...(since !== undefined && { since: Date.parse(since) }),
    });
    const view = await context.view();
    const shown = showPage('handshakes', page, (one) => showFailure(one, view));
    return { status: 200, body: { ...shown, dropped: context.handshakes.dropped } };
  },
});

const getHandshake = operation({
  id: 'getHandshake',
  method: 'GET',
  path: '/handshakes/{id}',
  act: 'handshakes.read',
  summary: 'One group of failed handshakes, with the newest step by step up to the one that broke.',
  answer: { status: 200, body: failureDetail },
  examples: [
    { name: 'none', params: { id: 'client-expired-0123456789abcdef01234567' }, status: 404 },
    { name: 'no id', params: { id: 'x' }, status: 404 },
  ],
  run: async ({ context, params: { id = '' } }) => {
    const wanted = parseFailureId(id);
    const found = wanted && (await context.store.handshakeFailures.list({ ...wanted, limit: 1 })).items[0];
    if (found === undefined)
      throw new ApiProblem('not_found', 'There is no such failure: it was too long ago, or never was.');
    return { status: 200, body: explainFailure(found, await context.view()) };
  },
});

/** Open at one time, of all users and of one. */
const maxStreams = 16;
const maxStreamsOfUser = 4;

const streamHandshakes = operation({
  id: 'streamHandshakes',
  method: 'GET',
  path: '/handshakes:stream',
  act: 'handshakes.read',
  summary:
    'Failed handshakes as they happen, as server-sent events: failure, gap (some were missed: ask for the list), end. Last-Event-ID goes on after an event.',
  query: z.strictObject({
    ...filter,
    follow: z.enum(['true', 'false']).default('true').describe('false: ends with what is there.'),
  }),
  answer: { status: 200, body: z.string(), type: 'text/event-stream' },
  examples: [
    { name: 'what is there', query: { follow: 'false' }, status: 200 },
    {
      name: 'after an event of another process',
      query: { follow: 'false', side: 'client' },
      fields: { 'last-event-id': '00000000-7' },
      status: 200,
    },
  ],
  run: async ({ context, caller, query: { side, code, follow }, lastEventId, stillMay }) => {
    const leave = context.streams.enter(caller.user.id, maxStreams, maxStreamsOfUser);
    if (leave === undefined)
      throw new ApiProblem('too_many', `No more than ${maxStreamsOfUser} streams of one user, ${maxStreams} in all.`, {
        fields: { 'retry-after': '5' },
      });
    const view = await context.view().catch((error: unknown) => {
      leave();
      throw error;
    });
    const stream = openEventStream({
      feed: context.handshakes,
      clock: context.clock,
      after: lastEventId,
      follow: follow === 'true',
      wanted: ({ failure }) =>
        (side === undefined || failure.side === side) && (code === undefined || failure.code === code),
      show: ({ failure }) => showFailure(failure, view),
      stillMay,
      onEnd: leave,
    });
    return { status: 200, stream };
  },
});

export const handshakeOperations: readonly Operation[] = [listHandshakes, getHandshake, streamHandshakes];
