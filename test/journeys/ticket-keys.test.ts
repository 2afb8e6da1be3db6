// Session tickets have keys that several gateways share through a file: a session of one is good at the other, under the
// same rules, until the keys change; from then on it costs a full handshake and never a refusal.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, it } from 'node:test';
import { type Gateway, startGateway, tameConfig } from '../support/gateway.ts';
import { openSetup, reloadBy, settle, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient, type SClientResult } from '../support/openssl.ts';

const both = ['1.2', '1.3'] as const;
type Version = (typeof both)[number];

const resumption = (more = ''): string => `    sessionResumption: {keys: tickets.key${more}}`;
const settings: SetupOptions = {
  workers: 2,
  tls: resumption(),
  prepare: (pki) => void pki.dir.write('tickets.key', randomBytes(48).toString('base64')),
};

/** A second gateway over the same files, with a configuration of its own. */
async function startSecond({ pki, yaml }: Setup): Promise<Gateway> {
  const configFile = pki.dir.write('second.yml', tameConfig(yaml(), 2));
  return startGateway({ configFile });
}

type Ask = { readonly servername?: string; readonly sessionIn?: string; readonly sessionOut?: string };

async function call({ pki }: Setup, gateway: Gateway, tls: Version, ask: Ask): Promise<SClientResult> {
  const { cert, key } = pki.alice;
  return sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, cert, key, tls, ...ask });
}

/** A fresh session of `gateway` in each version. */
async function makeSessions(setup: Setup, gateway: Gateway, name: string): Promise<Record<Version, string>> {
  const files = { '1.2': setup.pki.dir.file(`${name}-1.2`), '1.3': setup.pki.dir.file(`${name}-1.3`) };
  for (const tls of both) {
    const made = await call(setup, gateway, tls, { sessionOut: files[tls] });
    assert.deepEqual([made.status, made.reused], [200, false], made.output);
  }
  return files;
}

/** What becomes of sessions that are offered to `gateway`: all pass, and they resume or they do not. */
async function expectReuse(
  setup: Setup,
  gateway: Gateway,
  sessions: Record<Version, string>,
  reused: boolean,
  ask: Ask = {},
): Promise<void> {
  for (const tls of both) {
    const { status, reused: was, output } = await call(setup, gateway, tls, { ...ask, sessionIn: sessions[tls] });
    assert.deepEqual([status, was], [200, reused], output);
  }
}

// Two gateways for all tests, which begin with a reload of both.
let setup: Setup;
let second: Gateway;
let told = 0;
before(async () => {
  setup = await openSetup(settings);
  second = await startSecond(setup);
});
after(async () => {
  await second.stop();
  await setup[Symbol.asyncDispose]();
});

/** Gives the second gateway another configuration. */
async function changeSecond(changes: SetupOptions = {}): Promise<void> {
  told += 1;
  // The comment makes it another text in any case, so that a reload follows.
  const yaml = `${tameConfig(setup.yaml(changes), 2)}# ${told}\n`;
  const { ok, lines } = await reloadBy(second, () => void setup.pki.dir.replace('second.yml', yaml));
  assert.ok(ok, JSON.stringify(lines));
}

async function settleBoth(changes: SetupOptions = {}): Promise<void> {
  await settle(setup, changes);
  await changeSecond(changes);
}

it('a session of one gateway resumes at another that has the same keys, in the same policy only', async () => {
  const policies =
    '    policies: [{name: own, hosts: [a.test], clientAuth: {clientCA: clients-ca.crt, required: true}}]';
  await settleBoth({ tls: `${resumption()}\n${policies}` });
  const sessions = await makeSessions(setup, setup.gateway, 'made');
  await expectReuse(setup, second, sessions, true);
  // The very same rules, under another name.
  await expectReuse(setup, second, sessions, false, { servername: 'a.test' });
  await expectReuse(setup, setup.gateway, sessions, false, { servername: 'a.test' });
});

it('a session costs a full handshake where the rules are others, and where the keys are', async () => {
  await settle(setup);
  const sessions = await makeSessions(setup, setup.gateway, 'made');
  const stricter = '{clientCA: clients-ca.crt, required: true, maxDepth: 3}';
  await changeSecond({ clientAuth: stricter });
  await expectReuse(setup, second, sessions, false);
  await changeSecond({ tls: resumption(', rotation: 1m') });
  await expectReuse(setup, second, sessions, false);
});

it('a changed key file is taken up while it runs: old sessions fall back, new ones cross again', async () => {
  await settleBoth();
  const old = await makeSessions(setup, setup.gateway, 'old');
  const from = second.log.length;
  const { ok } = await reloadBy(setup.gateway, () => {
    setup.pki.dir.replace('tickets.key', randomBytes(48).toString('base64'));
  });
  assert.ok(ok);
  await second.waitForLog(({ msg }) => msg === 'configuration reloaded', { from });
  const fresh = await makeSessions(setup, setup.gateway, 'fresh');
  await expectReuse(setup, second, fresh, true);
  await expectReuse(setup, second, old, false);
  await expectReuse(setup, setup.gateway, old, false);
});

async function expectNewKeys(of: Setup, other: string): Promise<void> {
  const old = await makeSessions(of, of.gateway, 'old');
  await expectReuse(of, of.gateway, old, true);
  const { ok } = await reloadBy(of.gateway, () => of.gateway.rewrite(of.yaml({ tls: other })));
  assert.ok(ok);
  await expectReuse(of, of.gateway, old, false);
  await expectReuse(of, of.gateway, await makeSessions(of, of.gateway, 'fresh'), true);
}

it('another rotation, another key: with keys of a file and with those made at start', async () => {
  await settle(setup);
  await expectNewKeys(setup, resumption(', rotation: 2h'));
  await using own = await openSetup({ ...settings, tls: '    sessionResumption: {rotation: 12h}' });
  await expectNewKeys(own, '    sessionResumption: {rotation: 2h}');
});
