// `check --against` names, before a reload, exactly the clients that the changed configuration then refuses or lets in.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { loadRecord } from '../../src/inventory/load-record.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { runCheck, runCli } from '../support/cli.ts';
import { serialOf, writeCrl } from '../support/crls.ts';
import { openSetup, reloadBy, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { type CertFiles, openAuthority } from '../support/pki.ts';

type Verified = { readonly subject: string; readonly code: string; readonly was: string; readonly policy: string };
type Report = {
  readonly against: {
    readonly refused: readonly Verified[];
    readonly admitted: readonly Verified[];
    readonly changed: readonly Verified[];
    readonly anonymousRefused: readonly { readonly serverName: string; readonly code: string }[];
    readonly identities: number;
  };
};

const base: SetupOptions = { clientAuth: '{clientCA: both-ca.crt, required: false}' };
let setup: Setup;
const clients = new Map<string, CertFiles>();

before(async () => {
  setup = await openSetup({
    ...base,
    prepare: async ({ dir, clients: own, alice }) => {
      const [partners, others] = [await openAuthority(dir, 'partners'), await openAuthority(dir, 'others')];
      const below = await (await partners.issueCa({ cn: 'upper' })).issueCa({ cn: 'below' });
      const deep = await below.issue({ kind: 'client', cn: 'deep', sans: ['spiffe://partner.org/deep'] });
      clients.set('alice', alice);
      clients.set('bob', await own.issueFiles('bob', { kind: 'client', cn: 'bob', sans: ['bob.test'] }));
      clients.set('carol', await partners.issueFiles('carol', { kind: 'client', cn: 'carol' }));
      clients.set('deep', {
        ...deep,
        cert: dir.write('deep.crt', deep.chainPem),
        key: dir.write('deep.key', deep.keyPem),
      });
      clients.set('outsider', await others.issueFiles('outsider', { kind: 'client', cn: 'outsider' }));
      dir.write('both-ca.crt', own.certPem + partners.certPem);
      dir.write('all-ca.crt', own.certPem + partners.certPem + others.certPem);
      writeCrl(dir, 'own.crl', own, { revoked: [{ serial: serialOf(clients.get('bob') as CertFiles) }] });
      writeCrl(dir, 'partners.crl', partners, {});
    },
  });
});
after(async () => setup[Symbol.asyncDispose]());

/** Names of those who are let in now, `nobody` for a client without a certificate. */
async function whoPasses(): Promise<Set<string>> {
  const { pki, gateway } = setup;
  const passed = new Set<string>();
  const everybody = [...clients, ['nobody', undefined] as const];
  const tries = everybody.map(async ([name, as]) => {
    const { cert, key } = as ?? {};
    const identity = cert === undefined || key === undefined ? {} : { cert, key, chain: cert };
    const { status } = await sClient({ port: gateway.ports.webSecure, ca: pki.servers.file, ...identity });
    if (status === 200) passed.add(name);
  });
  await Promise.all(tries);
  return passed;
}

/** Arguments of `check` for the changed configuration against the gateway that runs. */
function checkArgs(changes: SetupOptions, ...more: string[]): string[] {
  const file = setup.pki.dir.write('new.yml', setup.yaml(changes));
  const admin = `http://127.0.0.1:${setup.gateway.ports.admin}`;
  return ['--config', file, '--against', admin, ...more];
}
const check = (changes: SetupOptions, ...more: string[]) => runCheck(checkArgs(changes, ...more));

const names = (verified: readonly Verified[]): string[] => verified.map(({ subject }) => subject.slice(3)).sort();
const missing = (from: ReadonlySet<string>, to: ReadonlySet<string>): string[] =>
  [...from].filter((name) => !to.has(name)).sort();

type Row = {
  readonly name: string;
  readonly changes: () => SetupOptions;
  readonly refused?: readonly string[];
  readonly admitted?: readonly string[];
  readonly code?: string;
};

const rows: readonly Row[] = [
  {
    name: 'a CA that is removed',
    changes: () => ({ clientAuth: '{clientCA: clients-ca.crt, required: false}' }),
    refused: ['carol', 'deep'],
    code: 'untrusted_issuer',
  },
  {
    name: 'a CA that is added',
    changes: () => ({ clientAuth: '{clientCA: all-ca.crt, required: false}' }),
    admitted: ['outsider'],
  },
  {
    name: 'a rule on names',
    changes: () => ({
      clientAuth:
        '{clientCA: both-ca.crt, required: false, allowedSANs: [{type: URI, prefix: "spiffe://example.org/"}]}',
    }),
    refused: ['bob', 'carol', 'deep'],
    code: 'name_mismatch',
  },
  {
    name: 'a pin',
    changes: () => {
      const pin = readFacts((clients.get('carol') as CertFiles).der).sha256;
      return { clientAuth: `{clientCA: both-ca.crt, required: false, allowedFingerprints: ["${pin}"]}` };
    },
    refused: ['alice', 'bob', 'deep'],
    code: 'pin_mismatch',
  },
  {
    name: 'a CRL',
    changes: () => ({
      clientAuth: '{clientCA: both-ca.crt, required: false, crl: {sources: [own.crl, partners.crl], onMissing: allow}}',
    }),
    refused: ['bob'],
    code: 'revoked',
  },
  {
    name: 'a smaller depth',
    changes: () => ({ clientAuth: '{clientCA: both-ca.crt, required: false, maxDepth: 1}' }),
    refused: ['deep'],
    code: 'chain_too_deep',
  },
  {
    name: 'a certificate that becomes required',
    changes: () => ({ clientAuth: '{clientCA: both-ca.crt, required: true}' }),
    refused: ['nobody'],
  },
];

describe('check --against', () => {
  for (const { name, changes, refused = [], admitted = [], code } of rows) {
    it(`says whom ${name} would lock out or let in, and so it is`, async () => {
      const usual = await whoPasses();
      assert.deepEqual([...usual].sort(), ['alice', 'bob', 'carol', 'deep', 'nobody']);
      const run = await check(changes(), '--json');
      assert.notEqual(run.code, 1, run.stdout + run.stderr);
      const { against } = JSON.parse(run.stdout) as Report;
      const anonymous = against.anonymousRefused.length > 0 ? ['nobody'] : [];
      assert.deepEqual([...names(against.refused), ...anonymous], refused);
      assert.deepEqual(names(against.admitted), admitted);
      if (code !== undefined)
        assert.ok(against.refused.every((one) => one.code === code || code === 'untrusted_issuer'));
      assert.equal(run.code, refused.length > 0 ? 3 : 0);

      assert.ok((await reloadBy(setup.gateway, () => setup.gateway.rewrite(setup.yaml(changes())))).ok);
      const now = await whoPasses();
      assert.deepEqual(missing(usual, now), refused);
      assert.deepEqual(missing(now, usual), admitted);
      assert.ok((await reloadBy(setup.gateway, () => setup.gateway.rewrite(setup.yaml()))).ok);
    });
  }

  it('tells a person who, why, when, and what it does not look at', async () => {
    await whoPasses();
    const run = await runCli(['check', ...checkArgs({ clientAuth: '{clientCA: clients-ca.crt, required: true}' })]);
    assert.equal(run.code, 3);
    assert.match(run.stdout, /would be refused, were let in: 2\n/);
    assert.match(run.stdout, /CN=carol\n +untrusted_issuer: .*\n +policy gateway \(localhost\), last seen /);
    assert.match(run.stdout, /clients without a certificate that would be refused: 1\n.*no_client_cert/);
    assert.match(run.stdout, /not looked at: .*OCSP.*name constraints/);
    assert.match(
      run.stdout,
      /2 of 5 identities that were seen would be locked out, and clients without a certificate\n$/,
    );
  });

  it('finds nothing where nothing changes', async () => {
    await whoPasses();
    const run = await check({});
    assert.equal(run.code, 0, run.stdout + run.stderr);
    assert.match(run.stdout, /0 of 5 identities that were seen would be locked out\n$/);
  });

  it('follows the server names to another policy', async () => {
    await whoPasses();
    const policies =
      '    policies: [{name: strict, hosts: [localhost], clientAuth: {clientCA: clients-ca.crt, required: true}}]';
    const run = await check({ tls: policies }, '--json');
    const { against } = JSON.parse(run.stdout) as Report;
    assert.deepEqual(names(against.refused), ['carol', 'deep']);
    assert.deepEqual(names(against.changed), ['alice', 'bob']);
    assert.ok(against.changed.every(({ policy }) => policy === 'strict'));
  });

  it('reads a saved record, and leaves out who was not seen lately', async () => {
    await whoPasses();
    const { pki, gateway, yaml } = setup;
    const saved = pki.dir.write('saved.json', (await gateway.admin('/trust/identities')).body);
    const file = pki.dir.write('new.yml', yaml({ clientAuth: '{clientCA: clients-ca.crt, required: false}' }));
    const late = await runCheck(['-c', file, '--against', saved]);
    assert.equal(late.code, 3);
    const none = await runCheck(['-c', file, '--against', saved, '--days', '0.000000001']);
    assert.equal(none.code, 0);
    assert.match(none.stdout, /0 of 0 identities/);
  });

  it('fails where the record cannot be had or the configuration is bad, and says which', async () => {
    const { pki, yaml, gateway } = setup;
    const file = pki.dir.write('new.yml', yaml());
    const wrong: readonly (readonly [string, RegExp])[] = [
      [pki.dir.file('nothing.json'), /nothing\.json: it does not exist/],
      [file, /it is not JSON/],
      ['http://127.0.0.1:1', /nobody answers/],
      [`http://127.0.0.1:${gateway.ports.admin}/metrics`, /it is not JSON/],
      [`http://127.0.0.1:${gateway.ports.admin}/other`, /404/],
    ];
    for (const [where, what] of wrong) await assert.rejects(loadRecord(where), what);
    const run = await runCli(['check', '-c', file, '--against', pki.dir.file('nothing.json')]);
    assert.equal(run.code, 1);
    assert.match(run.stderr, /nothing\.json: it does not exist/);
    const bad = await check({ clientAuth: '{clientCA: none.crt, required: true}' });
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /not usable, 1 error/);
  });

  it('shows hostile names harmlessly', async () => {
    const { pki, gateway } = setup;
    const hostile = await pki.clients.issueFiles('hostile', {
      kind: 'client',
      cn: 'x\u202egnp.exe\u2028y',
      sans: [{ type: 'OTHER_NAME', value: 'a\u202eb', oid: '1.3.6.1.4.1.311.20.2.3' }],
    });
    const { port } = { port: gateway.ports.webSecure };
    await sClient({ port, ca: pki.servers.file, cert: hostile.cert, key: hostile.key });
    const changes = {
      clientAuth: '{clientCA: clients-ca.crt, required: true, allowedSANs: [{type: DNS, exact: a.test}]}',
    };
    const outputs = [
      (await check(changes)).stdout,
      (await check(changes, '--json')).stdout,
      (await gateway.admin('/trust/identities')).body,
    ];
    for (const text of outputs) {
      assert.match(text, /gnp\.exe/);
      assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/);
    }
  });
});
