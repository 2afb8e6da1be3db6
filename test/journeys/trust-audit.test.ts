// `trust audit` says of each CA until when it lives, for whom it vouched and when last, and never more than the record knows.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditedAnchor } from '../../src/audit/audit-anchors.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import type { TrustRecordContents } from '../../src/inventory/record-format.ts';
import { runCli } from '../support/cli.ts';
import { openSetup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';

const dayMs = 86_400_000;

type Audit = { readonly since: number | null; readonly anchors: readonly AuditedAnchor[] };

describe('trust audit', () => {
  it('tells used, unused, old, weak and removed CAs apart', async () => {
    const now = Date.now();
    const old = await mintCa({ cn: 'old', notBefore: now - 900 * dayMs, notAfter: now + 100 * dayMs });
    const past = await mintCa({ cn: 'past', notBefore: now - 900 * dayMs, notAfter: now - dayMs });
    const weak = await mintCa({ cn: 'weak', key: 'rsa-1024', days: 1000 });
    await using setup = await openSetup({
      clientAuth: '{clientCA: many-ca.crt, required: true}',
      prepare: ({ dir, clients, internal }) =>
        void dir.write('many-ca.crt', clients.certPem + internal.certPem + old.certPem + past.certPem + weak.certPem),
    });
    const { pki, gateway } = setup;
    const bob = await pki.clients.issueFiles('bob', { kind: 'client', cn: 'bob' });
    for (const as of [pki.alice, pki.alice, bob]) {
      const port = gateway.ports.webSecure;
      assert.equal((await sClient({ port, ca: pki.servers.file, cert: as.cert, key: as.key })).status, 200);
    }
    const admin = `http://127.0.0.1:${gateway.ports.admin}`;
    const audit = async (...args: string[]): Promise<Audit> => {
      const run = await runCli(['trust', 'audit', '--json', ...args]);
      assert.equal(run.code, 0, run.stderr);
      return JSON.parse(run.stdout) as Audit;
    };
    const find = ({ anchors }: Audit, name: string): AuditedAnchor => {
      const found = anchors.find(({ subject }) => subject.startsWith(`CN=${name}`));
      assert.ok(found !== undefined, name);
      return found;
    };
    const config = gateway.configFile;
    const young = await audit('--config', config, '--against', admin);
    assert.equal(young.anchors.length, 5);
    const used = find(young, 'clients');
    assert.deepEqual([used.clients, used.handshakes, used.marks], [2, 3, []]);
    assert.ok(used.lastUsed !== null && used.lastUsed > now - dayMs);
    assert.deepEqual(
      used.identities.map(({ name }) => name),
      ['CN=bob', 'CN=alice (URI:spiffe://example.org/alice)'],
    );
    assert.deepEqual([find(young, 'internal').clients, find(young, 'internal').marks], [0, []], 'too young to say');
    assert.deepEqual(find(young, 'old').marks, ['EXPIRES SOON']);
    assert.deepEqual(find(young, 'past').marks, ['EXPIRED']);
    assert.deepEqual(find(young, 'weak').marks, ['WEAK']);

    const record = JSON.parse((await gateway.admin('/trust/identities')).body) as TrustRecordContents;
    const aged = pki.dir.write('aged.json', JSON.stringify({ ...record, since: now - 100 * dayMs }));
    const mature = await audit('--config', config, '--against', aged);
    assert.deepEqual(find(mature, 'internal').marks, ['STALE']);
    assert.deepEqual(find(mature, 'clients').marks, []);

    const less = pki.dir.write('less.yml', setup.yaml({ clientAuth: '{clientCA: internal-ca.crt, required: true}' }));
    const removed = await audit('--config', less, '--against', admin);
    assert.deepEqual(find(removed, 'clients').marks, ['REMOVED']);
    assert.equal(find(removed, 'clients').clients, 2);

    const table = await runCli(['trust', 'audit', '--config', config, '--against', aged]);
    assert.equal(table.code, 0);
    assert.match(table.stdout, /^policy gateway\n/);
    assert.match(
      table.stdout,
      /CN=clients CA.*\n +valid until .* % of its life left\)\n +2 clients, 3 handshakes, last used /,
    );
    assert.match(table.stdout, /CN=internal CA.* {2}STALE\n/);
    assert.match(table.stdout, /5 anchors, 4 with marks\n$/);

    const alone = await runCli(['trust', 'audit', '--config', config]);
    assert.match(alone.stdout, /no record was given/);
    assert.equal((await runCli(['trust', 'audit'])).code, 1);
  });
});
