// oidc-provider in a process of its own, over TLS. What it is told comes over the channel of the fork: who has which groups, new keys.
import { createServer } from 'node:https';
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { type Configuration, Provider } from 'oidc-provider';
import type { ProviderStart, ProviderWord } from './oidc-provider.ts';

let groups: Readonly<Record<string, readonly string[]>> = {};

function makeProvider(issuer: string, { redirectUri, secret, backchannelUri }: ProviderStart): Provider {
  const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
  const configuration: Configuration = {
    clients: [
      {
        client_id: 'countersign',
        client_secret: secret,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [new URL('/', redirectUri).href],
        backchannel_logout_uri: backchannelUri,
        backchannel_logout_session_required: true,
      },
    ],
    jwks: { keys: [{ ...jwk, kid: randomUUID(), use: 'sig', alg: 'RS256' }] },
    cookies: { keys: [randomUUID()] },
    conformIdTokenClaims: false,
    claims: { openid: ['sub', 'groups'], profile: ['preferred_username'] },
    pkce: { required: () => true },
    features: { backchannelLogout: { enabled: true }, devInteractions: { enabled: true } },
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => ({ sub: id, preferred_username: id, groups: [...(groups[id] ?? [])] }),
    }),
    // Without the dispatcher that refuses addresses of this machine: the gateway of the test stands there.
    fetch: async (url, { method, headers, body }) =>
      fetch(url, { method: method ?? 'GET', headers: headers ?? {}, body: body ?? null, redirect: 'manual' }),
  };
  return new Provider(issuer, configuration);
}

process.on('message', (word: ProviderWord) => {
  if (word.kind === 'start') start(word);
  else if (word.kind === 'groups') groups = word.groups;
  else changeKeys();
  if (word.kind !== 'start') process.send?.({ kind: 'done' });
});
process.on('disconnect', () => process.exit(0));

let changeKeys: () => void = () => {};

function start(given: ProviderStart): void {
  const server = createServer({ cert: given.cert, key: given.key });
  server.listen(given.port, '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    const issuer = `https://localhost:${port}`;
    let handle = makeProvider(issuer, given).callback();
    changeKeys = () => (handle = makeProvider(issuer, given).callback());
    server.on('request', (request, response) => void handle(request, response));
    process.send?.({ kind: 'listening', issuer });
  });
}
