// Server-sent events and long polls, in every pairing of HTTP versions: the head goes on before there is a body, each event before
// the next is sent, and a silence is nobody's fault: `timeouts.idle` is for other answers.
import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { askEvents, openTunnelSetup, readBytes } from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

describe('an event stream', () => {
  for (const version of ['h1', 'h2'] as const) {
    for (const to of ['h1', 'h2'] as const) {
      it(`passes from ${to} to ${version} as it comes, however long it is silent`, async (t) => {
        const setup = await openTunnelSetup({ backend: { version: to }, idleMs: 60_000 });
        t.after(() => {
          setup.close();
          assert.deepEqual(setup.defects, []);
        });
        // The head alone: nothing of the body has been written yet.
        const client = await askEvents(setup, version);
        const events = await setup.backend.streams.waitFor(() => true);
        for (const event of ['data: one\n\n', 'data: two\n\n', `data: ${'x'.repeat(900)}\n\n`, 'data: four\n\n']) {
          setup.clock.turn(3_600_000);
          events.write(event);
          let text = '';
          while (!text.includes(event.slice(-12))) text += (await readBytes(client, 1)).toString('latin1');
        }
        events.end();
        const record = await setup.records.waitFor(() => true);
        assert.deepEqual([record.status, record.code], [200, '']);
        client.destroy();
      });
    }
  }
});
