// Proves at start, over loopback, that this runtime's TLS does what trust depends on: an untrusted, expired or absent client
// certificate is seen as such, a trusted one passes as itself, with its chain, and who is refused holds no session. Node
// versions have failed at this (N21, N23): a gateway whose self-test fails must not serve.
import { randomBytes } from 'node:crypto';
import { connect, type TLSSocket } from 'node:tls';
import { systemClock } from '../base/clock.ts';
import { Deadlines } from '../base/deadline.ts';
import { type Issued, mintCa, type TestCa } from '../certs/test-ca.ts';
import type { Verdict } from '../trust/verdict.ts';
import { openAdmission } from './admission.ts';
import { TrustPolicy } from './trust-policy.ts';
import { TlsListener } from './listener.ts';
import { PolicyTable } from './policy-table.ts';

const serverName = 'self-test.invalid';
const limitMs = 10_000;
/** One client at a time, our own. */
const handshakes = {
  ...openAdmission,
  handshakeTimeoutMs: limitMs,
  handshakesPerSecond: 0,
  pendingHandshakes: { max: 16, maxPerNetwork: 0 },
};
const explain = { onFailure: 'explain', maxDepth: 4 } as const;

export class SelfTestFailure extends Error {
  override readonly name = 'SelfTestFailure';
}

/** Resolves where all is well; rejects with SelfTestFailure and what went wrong. Takes some 50 ms; keys are thrown away. */
export async function selfTest(): Promise<void> {
  const [root, stranger, server] = await Promise.all([
    mintCa({ cn: 'self-test root' }),
    mintCa({ cn: 'self-test root' }),
    mintCa({ cn: 'self-test server root' }),
  ]);
  const issuing = await root.issueCa({ cn: 'self-test issuing CA' });
  const ticketSecret = randomBytes(32);
  const own = await server.issue({ kind: 'server', sans: [serverName] });
  const [client, untrusted, expired] = await Promise.all([
    issuing.issue({ kind: 'client', cn: 'trusted' }),
    stranger.issue({ kind: 'client', cn: 'untrusted' }),
    issuing.issue({
      kind: 'client',
      cn: 'expired',
      notBefore: Date.now() - 7_200_000,
      notAfter: Date.now() - 3_600_000,
    }),
  ]);
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    const policy = (anchor: TestCa, refusing: { onFailure: 'close' | 'explain'; maxDepth: number }): TrustPolicy =>
      new TrustPolicy({
        name: 'self-test',
        minVersion: version,
        maxVersion: version,
        ciphers: [],
        curves: [],
        certificates: [{ certPem: own.chainPem, keyPem: own.keyPem, names: [serverName] }],
        clientAuth: { caPem: [anchor.certPem], required: true, distrustGraceMs: 0, ...refusing },
        resumption: { enabled: true, lifetimeS: 60, secret: ticketSecret },
      });
    await using probe = await Probe.open(policy(root, explain));
    expectCode(await probe.verify(undefined), 'no_client_cert', version);
    expectCode(await probe.verify(untrusted), 'untrusted_issuer', version);
    expectCode(await probe.verify(expired), 'expired', version);
    const passed = expectCode(await probe.verify(client), 'ok', version);
    if (passed.leaf?.subject !== 'CN=trusted')
      throw new SelfTestFailure(`${version}: the identity is not the client's`);
    if (passed.chain.length !== 2) throw new SelfTestFailure(`${version}: the chain of the client is not visible`);
    await using below = await Probe.open(policy(issuing, explain));
    expectCode(await below.verify(client), 'ok', `${version}, an intermediate as anchor`);
    expectCode(await below.verify(untrusted), 'untrusted_issuer', `${version}, an intermediate as anchor`);
    // OpenSSL accepts this client, we do not: a session would let it in where its chain is no longer seen (N10).
    await using strict = await Probe.open(policy(root, { onFailure: 'close', maxDepth: 0 }));
    if (await strict.leavesSession(client)) throw new SelfTestFailure(`${version}: a refused client holds a session`);
    await using lenient = await Probe.open(policy(root, { onFailure: 'close', maxDepth: 2 }));
    if (!(await lenient.leavesSession(client))) throw new SelfTestFailure(`${version}: nobody gets a session`);
  }
}

function expectCode(verdict: Verdict, code: Verdict['code'], where: string): Verdict {
  if (verdict.code === code) return verdict;
  throw new SelfTestFailure(
    `${where}: a handshake that must end in ${code} ended in ${verdict.code} ${verdict.raw} (Node ${process.version}, OpenSSL ${process.versions.openssl})`,
  );
}

/** A listener with one policy, and a client for it. */
class Probe {
  readonly #listener: TlsListener;
  readonly #port: number;
  #onVerdict: ((verdict: Verdict | undefined) => void) | undefined;

  private constructor(listener: TlsListener, port: number) {
    this.#listener = listener;
    this.#port = port;
  }

  static async open(policy: TrustPolicy): Promise<Probe> {
    const policies = new PolicyTable({ policies: [], gateway: policy, knownHosts: [], defaultPolicy: policy });
    const report = (verdict: Verdict | undefined): void => probe.#onVerdict?.(verdict);
    const listener = new TlsListener({
      current: () => ({ policies, ...handshakes }),
      onConnection: (socket, peer) => {
        socket.end();
        report(peer.verdict);
      },
      // What ends in a verdict is reported above, refused or not (`explain`).
      onRefused: (record) => {
        if (record.negotiated === '') report(undefined);
      },
      clock: systemClock,
      deadlines: new Deadlines(systemClock),
    });
    const { port } = await listener.listen({ host: '127.0.0.1', port: 0 });
    const probe = new Probe(listener, port);
    return probe;
  }

  async verify(certificate: Issued | undefined): Promise<Verdict> {
    const verdict = await new Promise<Verdict | undefined>((resolve) => {
      this.#onVerdict = resolve;
      // Its close may come before the server's report: only the deadline says that there is none.
      this.#connect(certificate).on('error', () => {});
      systemClock.after(limitMs, () => resolve(undefined));
    });
    if (verdict === undefined) throw new SelfTestFailure('a handshake over loopback ended without a verdict');
    return verdict;
  }

  /** Whether a client is left with a session to resume once its connection is closed. */
  async leavesSession(certificate: Issued): Promise<boolean> {
    return new Promise((resolve) => {
      let session = false;
      const client = this.#connect(certificate);
      client.on('session', () => {
        session = true;
        client.destroy();
      });
      client.on('error', () => {});
      client.on('close', () => resolve(session));
    });
  }

  #connect(certificate: Issued | undefined): TLSSocket {
    const client = connect({
      host: '127.0.0.1',
      port: this.#port,
      servername: serverName,
      // It is the server's side that is under test.
      rejectUnauthorized: false,
      ...(certificate !== undefined && { cert: certificate.chainPem, key: certificate.keyPem }),
    });
    client.setTimeout(limitMs, () => client.destroy());
    client.resume();
    return client;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    return Promise.resolve();
  }
}
