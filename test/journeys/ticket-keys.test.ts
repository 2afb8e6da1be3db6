// Session tickets have keys that several gateways share through a file: a session of one is good at the other, under the
// same rules, until the keys change; from then on it costs a full handshake and never a refusal.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { it } from 'node:test';
import { type Gateway, startGateway, tameConfig } from '../support/gateway.ts';
import { openWorld, reloadBy, type World, type WorldOptions } from '../support/mtls-world.ts';
import { sClient, type SClientResult } from '../support/openssl.ts';

const both = ['1.2', '1.3'] as const;
type Version = (typeof both)[number];

const resumption = (more = ''): string => `    sessionResumption: {keys: tickets.key${more}}`;
const settings: WorldOptions = {
  workers: 2,
  tls: resumption(),
  prepare: (pki) => void pki.dir.write('tickets.key', randomBytes(48).toString('base64')),
};

/** A second gateway over the same files, with a configuration of its own. */
async function startSecond(world: World, changes: WorldOptions = {}): Promise<Gateway> {
  const configFile = world.pki.dir.write('second.yml', tameConfig(world.yaml(changes), 2));
  return startGateway({ configFile });
}

type Ask = { readonly servername?: string; readonly sessionIn?: string; readonly sessionOut?: string };

async function call({ pki }: World, gateway: Gateway, tls: Version, ask: Ask): Promise<SClientResult> {
  const { cert, key } = pki.alice;
  return sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key, tls, ...ask });
}

/** A fresh session of `gateway` in each version. */
async function makeSessions(world: World, gateway: Gateway, name: string): Promise<Record<Version, string>> {
  const files = { '1.2': world.pki.dir.file(`${name}-1.2`), '1.3': world.pki.dir.file(`${name}-1.3`) };
  for (const tls of both) {
    const made = await call(world, gateway, tls, { sessionOut: files[tls] });
    assert.deepEqual([made.status, made.reused], [200, false], made.output);
  }
  return files;
}

/** What becomes of sessions that are offered to `gateway`: all pass, and they resume or they do not. */
async function expectReuse(
  world: World,
  gateway: Gateway,
  sessions: Record<Version, string>,
  reused: boolean,
  ask: Ask = {},
): Promise<void> {
  for (const tls of both) {
    const { status, reused: was, output } = await call(world, gateway, tls, { ...ask, sessionIn: sessions[tls] });
    assert.deepEqual([status, was], [200, reused], output);
  }
}

it('a session of one gateway resumes at another that has the same keys, in the same policy only', async () => {
  const policies =
    '    policies: [{name: own, hosts: [a.test], clientAuth: {clientCA: clients-ca.crt, required: true}}]';
  await using world = await openWorld({ ...settings, tls: `${resumption()}\n${policies}` });
  await using second = await startSecond(world);
  const sessions = await makeSessions(world, world.gateway, 'made');
  await expectReuse(world, second, sessions, true);
  // The very same rules, under another name.
  await expectReuse(world, second, sessions, false, { servername: 'a.test' });
  await expectReuse(world, world.gateway, sessions, false, { servername: 'a.test' });
});

it('a session costs a full handshake where the rules are others, and where the keys are', async () => {
  await using world = await openWorld(settings);
  const sessions = await makeSessions(world, world.gateway, 'made');
  const stricter = '{clientCA: clients-ca.crt, required: true, maxDepth: 3}';
  await using second = await startSecond(world, { clientAuth: stricter });
  await expectReuse(world, second, sessions, false);
  await using third = await startSecond(world, { tls: resumption(', rotation: 1m') });
  await expectReuse(world, third, sessions, false);
});

it('a changed key file is taken up while it runs: old sessions fall back, new ones cross again', async () => {
  await using world = await openWorld(settings);
  await using second = await startSecond(world);
  const old = await makeSessions(world, world.gateway, 'old');
  const { ok } = await reloadBy(world.gateway, () => {
    world.pki.dir.replace('tickets.key', randomBytes(48).toString('base64'));
  });
  assert.ok(ok);
  await second.waitForLog(({ msg }) => msg === 'configuration reloaded');
  const fresh = await makeSessions(world, world.gateway, 'fresh');
  await expectReuse(world, second, fresh, true);
  await expectReuse(world, second, old, false);
  await expectReuse(world, world.gateway, old, false);
});

it('another rotation, another key: with keys of a file and with those made at start', async () => {
  for (const tls of [resumption(), '    sessionResumption: {rotation: 12h}']) {
    await using world = await openWorld({ ...settings, tls });
    const old = await makeSessions(world, world.gateway, 'old');
    await expectReuse(world, world.gateway, old, true);
    const other = tls.includes('keys') ? resumption(', rotation: 2h') : '    sessionResumption: {rotation: 2h}';
    const { ok } = await reloadBy(world.gateway, () => world.gateway.rewrite(world.yaml({ tls: other })));
    assert.ok(ok);
    await expectReuse(world, world.gateway, old, false);
    await expectReuse(world, world.gateway, await makeSessions(world, world.gateway, 'fresh'), true);
  }
});
