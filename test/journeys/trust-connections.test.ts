// A connection that is open lives on only under rules that would let it in today (decision 7): each change of trust ends
// exactly those connections that it concerns.
import assert from 'node:assert/strict';
import { after as afterAll, before as beforeAll, describe, it } from 'node:test';
import { keepConnection, type KeptOptions } from '../support/kept-connection.ts';
import { openSetup, reloadBy, settle, type Setup, type SetupOptions } from '../support/mtls-setup.ts';

type Client = 'alice' | 'nobody' | 'alice over TLS 1.2';
const optional = '{clientCA: clients-ca.crt, required: false}';
const optionalWith = (rule: string): string => `{clientCA: clients-ca.crt, required: false, ${rule}}`;

const rows: readonly {
  name: string;
  before: SetupOptions;
  after: SetupOptions;
  ends: readonly Client[];
  stays: readonly Client[];
}[] = [
  {
    name: 'a certificate becomes required',
    before: { clientAuth: optional },
    after: { clientAuth: '{clientCA: clients-ca.crt, required: true}' },
    ends: ['nobody'],
    stays: ['alice', 'alice over TLS 1.2'],
  },
  {
    name: 'TLS 1.3 becomes the least',
    before: { clientAuth: optional },
    after: { clientAuth: optional, tls: '    minVersion: TLSv1.3' },
    ends: ['alice over TLS 1.2'],
    stays: ['alice', 'nobody'],
  },
  {
    name: 'nobody is asked for certificates any more, so that no identity is vouched for',
    before: { clientAuth: optional },
    after: { clientAuth: 'off' },
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'the host goes to a policy of its own',
    before: { clientAuth: optional },
    after: {
      clientAuth: optional,
      tls: `    policies: [{name: own, hosts: [localhost], clientAuth: ${optional}}]`,
    },
    ends: ['alice', 'nobody', 'alice over TLS 1.2'],
    stays: [],
  },
  {
    name: 'names are asked for that it does not carry',
    before: { clientAuth: optional },
    after: { clientAuth: optionalWith('allowedSANs: [{type: URI, exact: "spiffe://example.org/bob"}]') },
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'names are asked for that it carries',
    before: { clientAuth: optional },
    after: { clientAuth: optionalWith('allowedSANs: [{type: URI, prefix: "spiffe://example.org/"}]') },
    ends: [],
    stays: ['alice', 'nobody', 'alice over TLS 1.2'],
  },
  {
    name: 'another certificate is pinned',
    before: { clientAuth: optional },
    after: { clientAuth: optionalWith(`allowedFingerprints: ["${'0'.repeat(64)}"]`) },
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'its key is too small from now on',
    before: { clientAuth: optional },
    after: { clientAuth: optionalWith('minKeyBits: {ec: 384}') },
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'its CA is trusted for another trust domain only',
    before: { clientAuth: optional },
    after: {
      clientAuth: '{required: false, spiffe: {trustDomains: [example.org], bundles: {example.org: internal-ca.crt}}}',
    },
    ends: ['alice', 'alice over TLS 1.2'],
    stays: ['nobody'],
  },
  {
    name: 'nothing that decides trust changes',
    before: { clientAuth: optional },
    after: { clientAuth: optional, drain: '7s' },
    ends: [],
    stays: ['alice', 'nobody', 'alice over TLS 1.2'],
  },
];

// One gateway for all rows: each begins with a reload of its own and ends all connections that it made.
describe('an open connection', () => {
  let setup: Setup;
  beforeAll(async () => {
    setup = await openSetup({ workers: 2, clientAuth: optional });
  });
  afterAll(async () => setup[Symbol.asyncDispose]());

  for (const { name, before, after, ends, stays } of rows) {
    it(`ends or stays as it should when ${name}`, async () => {
      await settle(setup, before);
      const { pki, gateway } = setup;
      const to = { port: gateway.ports.webSecure, ca: pki.servers.certPem };
      const clients: Readonly<Record<Client, KeptOptions>> = {
        alice: { ...to, as: pki.alice },
        nobody: to,
        'alice over TLS 1.2': { ...to, as: pki.alice, tls: { maxVersion: 'TLSv1.2' } },
      };
      const connect = async (client: Client) => {
        const connection = await keepConnection(clients[client]);
        assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
        return connection;
      };
      const ending = await Promise.all(ends.map(connect));
      const staying = await Promise.all(stays.map(connect));
      const { ok, lines } = await reloadBy(gateway, () => gateway.rewrite(setup.yaml(after)));
      assert.ok(ok, JSON.stringify(lines));
      for (const connection of ending) assert.equal(await connection.ended, 'end');
      for (const connection of staying) {
        assert.match(await connection.get(), /^HTTP\/1\.1 200 /);
        connection[Symbol.dispose]();
      }
    });
  }
});
