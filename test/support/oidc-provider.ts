// The real peer of single sign-on: oidc-provider, in a process of its own, over TLS with a certificate of the test.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { findFreePort } from './free-port.ts';
import type { CertFiles } from './pki.ts';

export type ProviderStart = {
  readonly kind: 'start';
  readonly cert: string;
  readonly key: string;
  readonly port: number;
  readonly redirectUri: string;
  readonly secret: string;
  readonly backchannelUri: string;
};
export type ProviderWord =
  | ProviderStart
  | { readonly kind: 'groups'; readonly groups: Readonly<Record<string, readonly string[]>> }
  | { readonly kind: 'changeKeys' };

export type OidcProvider = AsyncDisposable & {
  readonly issuer: string;
  /** Of everybody who can log in, with any password. */
  setGroups(groups: Readonly<Record<string, readonly string[]>>): Promise<void>;
  /** Other keys, and sessions and grants of nobody. */
  changeKeys(): Promise<void>;
  stop(): Promise<void>;
};

const main = fileURLToPath(new URL('./oidc-provider-main.ts', import.meta.url));

/** `caFile`: that verifies the gateway, for what the provider tells it. */
export async function startOidcProvider(
  { chainPem: cert, keyPem: key }: CertFiles,
  caFile: string,
  options: Omit<ProviderStart, 'kind' | 'cert' | 'key' | 'port'> & { readonly port?: number },
): Promise<OidcProvider> {
  const child = fork(main, [], {
    env: { ...process.env, NODE_EXTRA_CA_CERTS: caFile },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const say = async (word: ProviderWord): Promise<Readonly<Record<string, unknown>>> => {
    const answered = nextWord(child);
    child.send(word);
    return answered;
  };
  const exited = once(child, 'exit');
  const { issuer } = await say({ kind: 'start', cert, key, ...options, port: options.port ?? (await findFreePort()) });
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
  };
  return {
    issuer: String(issuer),
    setGroups: async (groups) => void (await say({ kind: 'groups', groups })),
    changeKeys: async () => void (await say({ kind: 'changeKeys' })),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function nextWord(child: ChildProcess): Promise<Readonly<Record<string, unknown>>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null): void => reject(new Error(`the provider ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (word) => {
      child.off('exit', onExit);
      resolve(word as Readonly<Record<string, unknown>>);
    });
  });
}
