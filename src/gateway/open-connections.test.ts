import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { letInBefore, policiesFor } from '../../test/support/open-client.ts';
import type { Clock } from '../base/clock.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import type { ClosedConnection } from '../downstream/closed-connections.ts';
import { Client } from '../flow/client.ts';
import type { ClientConnection } from '../http/client-connection.ts';
import type { OcspChecker } from '../ocsp/checker.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { OpenConnections } from './open-connections.ts';

let root: TestCa;
let other: TestCa;
let server: Issued;

before(async () => {
  [root, other] = await Promise.all([mintCa({ cn: 'root' }), mintCa({ cn: 'other' })]);
  server = await root.issue({ kind: 'server', sans: ['a.test'] });
});

type Stage = {
  readonly open: OpenConnections;
  readonly clients: Client[];
  /** Of those clients whose connection was dismissed, in order. */
  readonly dismissed: Client[];
  readonly told: ClosedConnection[];
  readonly trust: { ca: TestCa; fails: boolean };
  readonly close: (client: Client) => void;
};

/** Clients of `root` that are open; each look at the clock finds that a slice is over. */
async function openStage(count: number): Promise<Stage> {
  let ms = 0;
  const clock: Clock = { now: () => Date.now(), monotonic: () => (ms += 1_000), after: () => () => {} };
  const trust = { ca: root, fails: false };
  const tables = new Map([root, other].map((ca) => [ca, policiesFor(server, { caPem: [ca.certPem] })]));
  const told: ClosedConnection[] = [];
  const policies = (): PolicyTable => {
    if (trust.fails) throw new Error('no policies');
    return tables.get(trust.ca) as PolicyTable;
  };
  const ocsp = (): OcspChecker => undefined as unknown as OcspChecker;
  const open = new OpenConnections(clock, new Metrics().of, { policies, ocsp }, (one) => told.push(one));
  const clients: Client[] = [];
  const dismissed: Client[] = [];
  const connections = new Map<Client, ClientConnection>();
  const leaf = readFacts((await root.issue({ kind: 'client', cn: 'x' })).der);
  const identity = { leaf, chain: [leaf], chainKnown: true, anchor: readFacts(root.der) };
  for (let at = 0; at < count; at++) {
    const client = new Client(letInBefore(identity, at));
    const connection: ClientConnection = {
      activeRequests: 0,
      drain: () => {},
      dismiss: () => void dismissed.push(client),
      drainAfterFirst: () => {},
      destroy: () => {},
    };
    clients.push(client);
    connections.set(client, connection);
    open.add(connection, client);
  }
  const close = (client: Client): void => open.onClosed(connections.get(client) as ClientConnection);
  return { open, clients, dismissed, told, trust, close };
}

const turn = async (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('open connections when trust changes', () => {
  it('are looked at in slices: other work has its turn in between', async () => {
    const { open, clients, dismissed, told, trust } = await openStage(4);
    trust.ca = other;
    open.reEvaluate();
    assert.deepEqual(dismissed, clients.slice(0, 1));
    await turn();
    assert.deepEqual(dismissed, clients.slice(0, 2));
    assert.deepEqual(told, []);
    for (let left = 0; left < 4; left++) await turn();
    assert.deepEqual(dismissed, clients);
    assert.deepEqual(
      told.map(({ code, connections }) => [code, connections]),
      [['untrusted_issuer', 4]],
    );
  });

  it('are looked at before their turn where their client asks for something', async () => {
    const { open, clients, dismissed, trust } = await openStage(4);
    const last = clients[3];
    trust.ca = other;
    open.reEvaluate();
    assert.equal(last?.distrust?.code, 'untrusted_issuer');
    assert.deepEqual(dismissed, [clients[0], last]);
    for (let left = 0; left < 4; left++) await turn();
    // Each once.
    assert.deepEqual(dismissed, [clients[0], last, clients[1], clients[2]]);
  });

  it('are not taken for judged where that failed: their clients ask in vain until it is done', async () => {
    const { open, clients, dismissed, trust } = await openStage(3);
    const last = clients[2];
    trust.ca = other;
    open.reEvaluate();
    trust.fails = true;
    assert.throws(() => last?.distrust, /no policies/);
    assert.throws(() => last?.distrust, /no policies/);
    trust.fails = false;
    assert.equal(last?.distrust?.code, 'untrusted_issuer');
    assert.deepEqual(dismissed, [clients[0], last]);
  });

  it('stay where they would be let in today, and are asked for no more than once', async () => {
    const { open, clients, dismissed, told } = await openStage(3);
    open.reEvaluate();
    for (let left = 0; left < 4; left++) await turn();
    assert.deepEqual([dismissed, told], [[], []]);
    for (const client of clients) assert.equal(client.distrust, undefined);
  });

  it('have their turn also where trust changes again meanwhile, by the trust of then', async () => {
    const { open, clients, dismissed, trust, close } = await openStage(4);
    open.reEvaluate();
    await turn();
    // Two were found good; now nobody is, and one has gone.
    trust.ca = other;
    open.reEvaluate();
    close(clients[3] as Client);
    for (let left = 0; left < 6; left++) await turn();
    // Who has waited longest comes first.
    assert.deepEqual(dismissed, [clients[2], clients[0], clients[1]]);
  });
});
