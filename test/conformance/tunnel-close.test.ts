// What a tunnel and a request that the gateway ends are told and logged as: a WebSocket gets a close frame (RFC 6455 section 7.4.1)
// where one may stand, and time to answer it; the log has the true reason, in every pairing of HTTP versions.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Fault } from '../../src/base/fault.ts';
import { ask, askEvents, openTunnelSetup, readAll, readBytes, type TunnelSetup } from './tunnel-setup.ts';
import { closePools } from './upstream-setup.ts';

after(closePools);

const goingAway = Buffer.from([0x88, 2, 0x03, 0xe9]);
const policyViolation = Buffer.from([0x88, 2, 0x03, 0xf0]);
/** Frames of the client: its answer to either, masked with zeros. */
const answered = Buffer.from([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe9]);
const text = Buffer.from([0x81, 3, 0x61, 0x62, 0x63]);

for (const version of ['h1', 'h2'] as const) {
  for (const to of ['h1', 'h2'] as const) {
    describe(`a WebSocket of ${version} to ${to} that has to end`, () => {
      let setup: TunnelSetup;
      before(async () => {
        setup = await openTunnelSetup({ backend: { version: to }, upgrades: ['websocket', 'other'] });
      });
      after(() => {
        setup.close();
        assert.deepEqual(setup.defects, []);
      });

      async function open(protocol?: string) {
        const from = setup.backend.tunnels.length;
        const at = setup.connections.length;
        const records = setup.records.length;
        const client = await ask(setup, version, protocol === undefined ? {} : { protocol });
        const backend = await setup.backend.tunnels.waitFor(() => true, { from });
        const [connection, flowClient] = [setup.connections[at], setup.clients[at]];
        assert.ok(connection && flowClient);
        const record = async () => setup.records.waitFor(() => true, { from: records, what: 'the record' });
        return { client, backend, connection, flowClient, record };
      }

      const status = version === 'h1' ? 101 : 200;

      it('gets a close frame between two frames, and its own answer reaches the backend', async () => {
        const { client, backend, connection, record } = await open();
        backend.stream.write(text);
        assert.deepEqual(await readBytes(client.stream, text.length), text);
        connection.drain();
        assert.deepEqual(await readBytes(client.stream, 4), goingAway);
        // From now on nothing more of the backend is passed on.
        backend.stream.write(text);
        client.stream.write(answered);
        assert.deepEqual(await readBytes(backend.stream, answered.length), answered);
        backend.stream.end(goingAway);
        assert.equal((await readAll(client.stream)).length, 0);
        client.stream.end();
        const { code, detail, status: logged } = await record();
        assert.deepEqual([logged, code, detail], [status, 'draining', 'a WebSocket was closed with 1001']);
        client.destroy();
      });

      it('gets it behind the frame that is under way, and nothing behind it', async () => {
        const large = Buffer.concat([Buffer.from([0x82, 126, 0x01, 0x2c]), Buffer.alloc(300, 'x')]);
        const { client, backend, connection, record } = await open();
        // The header alone, cut in two.
        backend.stream.write(large.subarray(0, 3));
        assert.deepEqual(await readBytes(client.stream, 3), large.subarray(0, 3));
        connection.drain();
        backend.stream.write(Buffer.concat([large.subarray(3), text]));
        assert.deepEqual(
          await readBytes(client.stream, large.length + 1),
          Buffer.concat([large.subarray(3), goingAway]),
        );
        client.stream.end();
        backend.stream.end();
        assert.equal((await readAll(client.stream)).length, 0);
        assert.equal((await record()).code, 'draining');
        client.destroy();
      });

      it('gets none where the backend has sent its own', async () => {
        const { client, backend, connection, record } = await open();
        const bye = Buffer.from([0x88, 2, 0x03, 0xe8]);
        backend.stream.write(bye);
        assert.deepEqual(await readBytes(client.stream, 4), bye);
        connection.drain();
        backend.stream.end();
        assert.equal((await readAll(client.stream)).length, 0);
        client.stream.end();
        assert.equal((await record()).code, '');
        client.destroy();
      });

      it('is cut where it does not answer', async () => {
        const { client, connection, record } = await open();
        connection.drain();
        assert.deepEqual(await readBytes(client.stream, 4), goingAway);
        const closed = new Promise((resolve) => client.stream.on('close', resolve));
        client.stream.resume();
        setup.clock.turn(4_000);
        assert.equal(setup.active(), 1);
        setup.clock.turn(2_000);
        assert.equal((await record()).code, 'draining');
        await closed;
        client.destroy();
      });

      it('is told of a broken rule where its client is not trusted any more, and logged so', async () => {
        const { client, connection, flowClient, record } = await open();
        flowClient.distrusted = { code: 'revoked', detail: 'serial 1' };
        connection.dismiss();
        assert.deepEqual(await readBytes(client.stream, 4), policyViolation);
        connection.destroy(flowClient.distrust);
        const { code, detail, status: logged } = await record();
        assert.deepEqual([logged, code, detail], [status, 'revoked', 'serial 1']);
        client.destroy();
      });

      it('of another protocol gets nothing, goes on, and is logged as what cut it', async () => {
        const { client, backend, connection, record } = await open('other');
        connection.drain();
        backend.stream.write('still here');
        assert.equal((await readBytes(client.stream, 10)).toString(), 'still here');
        connection.destroy(new Fault('draining', 'gateway', { detail: 'time is up' }));
        const { code, detail, status: logged } = await record();
        assert.deepEqual([logged, code, detail], [status, 'draining', 'time is up']);
        client.destroy();
      });

      it('is closed at once where it was agreed on while the gateway stops', async () => {
        const at = setup.connections.length;
        const asked = ask(setup, version, { path: '/late' });
        // Its request waits for the backend meanwhile.
        await setup.backend.tunnels.waitFor(({ asked: what }) => what.includes('/late'));
        setup.connections[at]?.drain();
        const client = await asked;
        assert.deepEqual(await readBytes(client.stream, 4), goingAway);
        client.destroy();
      });
    });

    it(`a request of ${version} to ${to} that is cut is logged as what cut it`, async (t) => {
      const setup = await openTunnelSetup({ backend: { version: to } });
      t.after(() => setup.close());
      const client = await askEvents(setup, version);
      client.on('error', () => undefined);
      setup.connections[0]?.destroy(new Fault('revoked', 'client', { detail: 'serial 2' }));
      const { code, detail, status } = await setup.records.waitFor(() => true);
      assert.deepEqual([status, code, detail], [200, 'revoked', 'serial 2']);
      client.destroy();
    });
  }
}
