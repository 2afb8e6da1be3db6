// A small setup of certificates in a temporary directory, minted anew for each test: who may call (clients), who we are
// (servers), and the backend side (internal: the backends and the certificate that the gateway shows them).
import { type Issued, type LeafOptions, mintCa, type TestCa } from '../../src/certs/test-ca.ts';
import { openTempDir, type TempDir } from './temp.ts';

/** A certificate and its key, as PEM and as files; `cert` holds the chain without the root. */
export type CertFiles = Issued & { readonly cert: string; readonly key: string };

export type Authority = TestCa & {
  /** The anchor as a file. */
  readonly file: string;
  /** Issues a leaf and writes NAME.crt and NAME.key. */
  issueFiles(name: string, options: LeafOptions): Promise<CertFiles>;
};

export type Pki = {
  readonly dir: TempDir;
  /** Issues the clients of the client side, the certificates of the gateway as a server, and both ends of the backend side. */
  readonly clients: Authority;
  readonly servers: Authority;
  readonly internal: Authority;
  /** client side: the gateway's certificate for localhost, 127.0.0.1, a.test, b.test and *.wild.test. */
  readonly downstream: CertFiles;
  /** client side: a client called alice, spiffe://example.org/alice. */
  readonly alice: CertFiles;
  /** client side: a client called alice too, from a CA that nobody trusts. */
  readonly stranger: CertFiles;
  /** backend side: the certificate of a backend for localhost, 127.0.0.1 and backend.test. */
  readonly backend: CertFiles;
  /** backend side: what the gateway shows to backends. */
  readonly gateway: CertFiles;
  remove(): void;
  [Symbol.dispose](): void;
};

/** Mints another CA into `dir` as NAME-ca.crt. */
export async function openAuthority(dir: TempDir, name: string): Promise<Authority> {
  const ca = await mintCa({ subject: `/O=Countersign Test/CN=${name} CA` });
  return {
    ...ca,
    file: dir.write(`${name}-ca.crt`, ca.certPem),
    issueFiles: async (leaf, options) => {
      const issued = await ca.issue(options);
      return {
        ...issued,
        cert: dir.write(`${leaf}.crt`, issued.chainPem),
        key: dir.write(`${leaf}.key`, issued.keyPem),
      };
    },
  };
}

/** Everything a journey over both sides needs. `using pki = await openPki()` removes it at the end. */
export async function openPki(): Promise<Pki> {
  const dir = openTempDir('pki');
  const [clients, servers, internal, nobodys] = await Promise.all([
    openAuthority(dir, 'clients'),
    openAuthority(dir, 'servers'),
    openAuthority(dir, 'internal'),
    openAuthority(dir, 'strangers'),
  ]);
  const aliceIs = { kind: 'client', cn: 'alice', sans: ['spiffe://example.org/alice'] } as const;
  const [downstream, alice, stranger, backend, gateway] = await Promise.all([
    servers.issueFiles('edge', { kind: 'server', sans: ['localhost', '127.0.0.1', 'a.test', 'b.test', '*.wild.test'] }),
    clients.issueFiles('alice', aliceIs),
    nobodys.issueFiles('stranger', aliceIs),
    internal.issueFiles('backend', { kind: 'server', sans: ['localhost', '127.0.0.1', 'backend.test'] }),
    internal.issueFiles('gateway', { kind: 'client', cn: 'gateway', sans: ['spiffe://example.org/gateway'] }),
  ]);
  const remove = (): void => dir.remove();
  return {
    dir,
    clients,
    servers,
    internal,
    downstream,
    alice,
    stranger,
    backend,
    gateway,
    remove,
    [Symbol.dispose]: remove,
  };
}
