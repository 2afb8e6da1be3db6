// Two CAs, a client of each, a server certificate for both policies, and files for sessions: the stage of the tests that say where a
// session is worth something (tickets, and sessions that a worker keeps).
import type { SClientOptions } from '../support/openssl.ts';
import { type Authority, type CertFiles, openAuthority } from '../support/pki.ts';
import { openTempDir, type TempDir } from '../support/temp.ts';
import type { EdgeOptions } from './tls-edge.ts';

export type Ask = Omit<SClientOptions, 'port'>;

export type SessionStage = Disposable & {
  readonly dir: TempDir;
  readonly alpha: Authority;
  readonly beta: Authority;
  readonly servers: Authority;
  readonly server: CertFiles;
  readonly alice: CertFiles;
  readonly bob: CertFiles;
  newFile(): string;
  /** a: alpha's clients; b: beta's clients; open: nobody is asked; may: alpha's clients or none. */
  policies(): EdgeOptions['policies'];
  asAlice(): Ask;
  /** Whom a policy refuses that asks for alpha's clients without a CA between: another CA's, one whose chain is too deep, nobody. */
  refusedClients(tls: string): Promise<readonly Pick<SClientOptions, 'cert' | 'key' | 'chain'>[]>;
};

/** A session `sentence`: made under the name `from`, presented under `to`, and the code that its client is refused with there. */
export const crossings = [
  ['with a certificate of one CA is worth nothing where another CA rules', 'a.test', 'b.test', 'untrusted_issuer'],
  [
    'made without being asked is worth nothing where a certificate is required',
    'open.test',
    'a.test',
    'no_client_cert',
  ],
  ['made without a certificate is worth nothing where one is required', 'may.test', 'a.test', 'no_client_cert'],
  ['of a named policy is worth nothing without a server name', 'a.test', false, 'untrusted_issuer'],
  ['of the default policy is worth nothing under another name', 'nobody.test', 'a.test', 'untrusted_issuer'],
] as const;

export async function openSessionStage(name: string): Promise<SessionStage> {
  const dir = openTempDir(name);
  const [alpha, beta, servers] = await Promise.all([
    openAuthority(dir, 'alpha'),
    openAuthority(dir, 'beta'),
    openAuthority(dir, 'servers'),
  ]);
  const [server, alice, bob] = await Promise.all([
    servers.issueFiles('server', { kind: 'server', sans: ['a.test', 'b.test'] }),
    alpha.issueFiles('alice', { kind: 'client', cn: 'alice' }),
    beta.issueFiles('bob', { kind: 'client', cn: 'bob' }),
  ]);
  let files = 0;
  return {
    dir,
    alpha,
    beta,
    servers,
    server,
    alice,
    bob,
    newFile: () => dir.file(`session-${++files}.pem`),
    policies: () => ({
      a: { server, ca: alpha.certPem },
      b: { server, ca: beta.certPem },
      open: { server },
      may: { server, ca: alpha.certPem, required: false },
    }),
    asAlice: () => ({ cert: alice.cert, key: alice.key }),
    async refusedClients(tls) {
      const deep = await alpha.issueCa({ cn: 'deep' });
      const carol = await deep.issue({ kind: 'client', cn: 'carol' });
      const chain = dir.write(`deep-${tls}.crt`, deep.certPem);
      const cert = dir.write(`carol-${tls}.crt`, carol.certPem);
      const key = dir.write(`carol-${tls}.key`, carol.keyPem);
      return [{ cert: bob.cert, key: bob.key }, { cert, key, chain }, {}];
    },
    [Symbol.dispose]: () => dir.remove(),
  };
}
