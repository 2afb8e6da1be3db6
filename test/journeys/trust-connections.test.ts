// A connection that is open lives on only under rules that would let it in today (decision 7): each change of trust ends
// exactly those connections that it concerns.
import assert from 'node:assert/strict';
import { after as afterAll, before as beforeAll, describe, it } from 'node:test';
import { type KeptConnection, keepConnection, type KeptOptions } from '../support/kept-connection.ts';
import { openSetup, reloadBy, type Setup, type SetupOptions } from '../support/mtls-setup.ts';

type Client = 'alice' | 'nobody' | 'alice over TLS 1.2';
const optional = '{clientCA: clients-ca.crt, required: false}';
const optionalWith = (rule: string): string => `{clientCA: clients-ca.crt, required: false, ${rule}}`;

type Row = {
  readonly name: string;
  /** What the policy of its host says from now on, after `optional`. */
  readonly after: string;
  readonly ends: readonly Client[];
  readonly stays: readonly Client[];
};

/** Each row is a policy with a host of its own, so that one reload changes them all and each must end its own only. */
const rows: readonly Row[] = [
  {
    name: 'a certificate becomes required',
    after: 'clientAuth: {clientCA: clients-ca.crt, required: true}',
    ends: ['nobody'],
    stays: ['alice', 'alice over TLS 1.2'],
  },
  {
    name: 'TLS 1.3 becomes the least',
    after: `minVersion: TLSv1.3, clientAuth: ${optional}`,
    ends: ['alice over TLS 1.2'],
    stays: ['alice', 'nobody'],
  },
  {
    name: 'nobody is asked for certificates any more, so that no identity is vouched for',
    after: 'clientAuth: off',
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'names are asked for that it does not carry',
    after: `clientAuth: ${optionalWith('allowedSANs: [{type: URI, exact: "spiffe://example.org/bob"}]')}`,
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'names are asked for that it carries',
    after: `clientAuth: ${optionalWith('allowedSANs: [{type: URI, prefix: "spiffe://example.org/"}]')}`,
    ends: [],
    stays: ['alice', 'nobody', 'alice over TLS 1.2'],
  },
  {
    name: 'another certificate is pinned',
    after: `clientAuth: ${optionalWith(`allowedFingerprints: ["${'0'.repeat(64)}"]`)}`,
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'its key is too small from now on',
    after: `clientAuth: ${optionalWith('minKeyBits: {ec: 384}')}`,
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'its CA is trusted for another trust domain only',
    after:
      'clientAuth: {required: false, spiffe: {trustDomains: [example.org], bundles: {example.org: internal-ca.crt}}}',
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'the rules of others change',
    after: `clientAuth: ${optional}`,
    ends: [],
    stays: ['alice', 'nobody', 'alice over TLS 1.2'],
  },
];

const hostOf = (row: Row): string => `row-${rows.indexOf(row)}.wild.test`;

/** What all rows say before, or after; the host `localhost` is left to the policy of the gateway unless `own` takes it. */
function policies(say: (row: Row) => string, own = ''): SetupOptions {
  const written = rows.map((row) => `{name: "${hostOf(row)}", hosts: ["${hostOf(row)}"], ${say(row)}}`);
  return { clientAuth: optional, tls: `    policies: [${[...written, ...(own === '' ? [] : [own])].join(', ')}]` };
}
const before = policies(() => `clientAuth: ${optional}`);

type Open = { readonly ending: readonly KeptConnection[]; readonly staying: readonly KeptConnection[] };

describe('an open connection', () => {
  const stack = new AsyncDisposableStack();
  afterAll(() => stack.disposeAsync());
  let setup: Setup;
  const open = new Map<Row, Open>();

  async function connect(client: Client, servername: string): Promise<KeptConnection> {
    const { pki, gateway } = setup;
    const to = { port: gateway.ports.webSecure, servername, ca: pki.servers.certPem };
    const clients: Readonly<Record<Client, KeptOptions>> = {
      alice: { ...to, as: pki.alice },
      nobody: to,
      'alice over TLS 1.2': { ...to, as: pki.alice, tls: { maxVersion: 'TLSv1.2' } },
    };
    const connection = stack.use(await keepConnection(clients[client]));
    assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
    return connection;
  }

  const openAll = async (clients: readonly Client[], host: string) =>
    Promise.all(clients.map(async (client) => connect(client, host)));

  async function change(to: SetupOptions): Promise<void> {
    const { ok, lines } = await reloadBy(setup.gateway, () => setup.gateway.rewrite(setup.yaml(to)));
    assert.ok(ok, JSON.stringify(lines));
  }

  async function expectStill(connections: readonly KeptConnection[]): Promise<void> {
    for (const connection of connections) assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
  }

  beforeAll(async () => {
    const hosts = rows.map(hostOf).join(', ');
    const routes = (target: string): string =>
      `    - {name: rows, path: /, hosts: [${hosts}], target: "${target}", security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}}`;
    setup = stack.use(await openSetup({ workers: 2, ...before, routes }));
    for (const row of rows)
      open.set(row, { ending: await openAll(row.ends, hostOf(row)), staying: await openAll(row.stays, hostOf(row)) });
  });

  it('stays when nothing that decides trust changes', async () => {
    await change({ ...before, drain: '7s' });
    for (const { ending, staying } of open.values()) await expectStill([...ending, ...staying]);
  });

  describe('ends or stays as it should', () => {
    beforeAll(async () => change(policies(({ after }) => after)));

    for (const row of rows)
      it(`when ${row.name}`, async () => {
        const { ending, staying } = open.get(row) as Open;
        for (const connection of ending) assert.equal(await connection.ended, 'end');
        await expectStill(staying);
      });
  });

  it('ends when its host goes to a policy of its own', async () => {
    const all = await openAll(['alice', 'nobody', 'alice over TLS 1.2'], 'localhost');
    const own = `{name: own, hosts: [localhost], clientAuth: ${optional}}`;
    await change(policies(({ after }) => after, own));
    for (const connection of all) assert.equal(await connection.ended, 'end');
  });
});
