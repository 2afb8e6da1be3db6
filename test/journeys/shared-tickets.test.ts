// A TLS session resumes at whatever gateway on the same store, and without the store at the one that made it; never under other
// rules of trust, and never under a key that nobody with the opening key has put there.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import type { Gateway, LogLine } from '../support/gateway.ts';
import { reloadBy } from '../support/mtls-setup.ts';
import { sClient, type SClientResult } from '../support/openssl.ts';
import { type Fleet, openFleet } from '../support/shared-fleet.ts';

const both = ['1.2', '1.3'] as const;
type Version = (typeof both)[number];
const resumption = '    sessionResumption: {rotation: 12h, lifetime: 1h}';

const areShared = ({ msg }: LogLine): boolean => msg === 'session ticket keys are shared with the other gateways';

let fleet: Fleet;
let a: Gateway;
let b: Gateway;
let c: Gateway;
before(async () => {
  fleet = await openFleet({ tls: resumption });
  a = await fleet.start('a');
  await a.waitForLog(areShared);
  [b, c] = await Promise.all([fleet.start('b'), fleet.start('c')]);
  await Promise.all([b, c].map(async (one) => one.waitForLog(areShared)));
});
after(async () => fleet[Symbol.asyncDispose]());

async function call(gateway: Gateway, tls: Version, session: object): Promise<SClientResult> {
  const { alice, servers } = fleet.pki;
  return sClient({
    port: gateway.ports.webSecure,
    ca: servers.file,
    cert: alice.cert,
    key: alice.key,
    tls,
    ...session,
  });
}

async function makeSession(gateway: Gateway, tls: Version, name: string): Promise<string> {
  const sessionOut = fleet.pki.dir.file(`${name}-${tls}`);
  const made = await call(gateway, tls, { sessionOut });
  assert.deepEqual([made.status, made.reused], [503, false], made.output);
  return sessionOut;
}

async function expectReuse(gateway: Gateway, tls: Version, sessionIn: string, reused: boolean): Promise<void> {
  const next = await call(gateway, tls, { sessionIn });
  assert.deepEqual([next.status, next.reused], [503, reused], next.output);
}

for (const tls of both)
  it(`TLS ${tls}: a session of one gateway resumes at each other`, async () => {
    const session = await makeSession(a, tls, 'made');
    for (const other of [b, c, a]) await expectReuse(other, tls, session, true);
    await expectReuse(a, tls, await makeSession(c, tls, 'other'), true);
  });

it('a gateway that is started again has the keys of the others with its first handshake', async () => {
  const sessions = await Promise.all(both.map(async (tls) => [tls, await makeSession(a, tls, 'before')] as const));
  const d = await fleet.start('d');
  await d.waitForLog(areShared);
  for (const [tls, session] of sessions) await expectReuse(d, tls, session, true);
  await d.stop();
});

it('under other rules of trust a session is worth nothing at another gateway, as it is at its own', async () => {
  const stricter = { clientAuth: '{clientCA: clients-ca.crt, required: true, maxDepth: 3}' };
  const sessions = await Promise.all(both.map(async (tls) => [tls, await makeSession(a, tls, 'trust')] as const));
  const { ok } = await reloadBy(b, () => {
    fleet.change('b', stricter);
    b.reload();
  });
  assert.ok(ok);
  for (const [tls, session] of sessions) {
    await expectReuse(b, tls, session, false);
    await expectReuse(c, tls, session, true);
  }
  // Locally likewise.
  const own = await makeSession(a, '1.3', 'own');
  assert.ok(
    (
      await reloadBy(a, () => {
        fleet.change('a', stricter);
        a.reload();
      })
    ).ok,
  );
  await expectReuse(a, '1.3', own, false);
  // And the same rules again have the same keys.
  await expectReuse(b, '1.3', await makeSession(a, '1.3', 'again'), true);
});

describe('records of ticket keys that somebody wrote into the database', () => {
  const garbage = [
    ['random bytes', (bytes: Uint8Array) => randomBytes(bytes.length)],
    ['one that was changed', (bytes: Uint8Array) => Buffer.from(bytes).fill(0, 40, 41)],
    ['none at all', () => Buffer.alloc(0)],
  ] as const;
  for (const [what, forge] of garbage)
    it(`are refused, once, and nothing is opened by them: ${what}`, async () => {
      const db = new DatabaseSync(fleet.pki.dir.file('fleet.db'));
      const rows = db.prepare("SELECT key, bytes FROM record WHERE kind = 'ticket-secret'").all();
      assert.ok(rows.length > 0);
      for (const { key, bytes } of rows) {
        const forged = forge(bytes as Uint8Array);
        db.prepare("UPDATE record SET bytes = ? WHERE kind = 'ticket-secret' AND key = ?").run(forged, key as string);
      }
      const e = await fleet.start('e');
      const { why } = await e.waitForLog(({ code }) => code === 'shared_record_refused');
      assert.match(String(why), /was not sealed with this opening key/);
      // Its own, and those of the others go on.
      for (const tls of both) {
        await expectReuse(e, tls, await makeSession(e, tls, 'alone'), true);
        await expectReuse(e, tls, await makeSession(c, tls, 'theirs'), false);
      }
      await e.stop();
      const told = e.log.items.filter(({ code }) => code === 'shared_record_refused');
      assert.equal(new Set(told.map(({ key }) => key)).size, told.length);
      for (const { key, bytes } of rows)
        db.prepare("UPDATE record SET bytes = ? WHERE kind = 'ticket-secret' AND key = ?").run(
          bytes as Uint8Array,
          key as string,
        );
      db.close();
    });
});

it('without its store a gateway goes on with the keys it knows, and one that never had it makes its own', async () => {
  const sessions = await Promise.all(both.map(async (tls) => [tls, await makeSession(b, tls, 'away')] as const));
  for (const end of ['', '-wal', '-shm']) rmSync(fleet.pki.dir.file(`fleet.db${end}`), { force: true });
  for (const [tls, session] of sessions) {
    await expectReuse(c, tls, await makeSession(c, tls, 'since'), true);
    await expectReuse(b, tls, session, true);
  }
});
