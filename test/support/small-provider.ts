// An OpenID provider of the tests' own, over real TLS with a CA of its own, that does what it is told: right by default, wrong in one
// thing where a test says so. What a real one does is seen with oidc-provider (oidc-provider.ts).
import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { exportJWK, SignJWT } from 'jose';
import { mintCa } from '../../src/certs/test-ca.ts';
import { findFreePort } from './free-port.ts';

export type SigningKey = { readonly kid: string; readonly privateKey: KeyObject; readonly publicKey: KeyObject };

export function makeSigningKey(kid: string = randomUUID()): SigningKey {
  return { kid, ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) };
}

type Claims = Readonly<Record<string, unknown>>;
export type Endpoint = 'discovery' | 'jwks' | 'token';
/** Instead of the answer that is right. */
export type Answering = (request: IncomingMessage, response: ServerResponse) => void;

export type SmallProvider = AsyncDisposable & {
  readonly issuer: string;
  /** PEM. */
  readonly ca: string;
  /** Of the client `countersign`. */
  readonly secret: string;
  /** What it signs with, and what it publishes; a test may put others. */
  keys: { own: SigningKey; published: readonly SigningKey[] };
  metadata: Claims;
  readonly instead: Partial<Record<Endpoint, Answering>>;
  /** How often each was asked. */
  readonly asked: Record<Endpoint, number>;
  /** The ID token in place of what is signed for a code. */
  makeToken: ((claims: Claims) => Promise<string> | string) | undefined;
  sign(claims: Claims, header?: Readonly<Record<string, unknown>>, key?: SigningKey): Promise<string>;
  /** Somebody logs in where the browser was sent: the query that he comes back with. `claims`: over those that are right. */
  logIn(url: string, claims?: Claims): string;
};

type Granted = { readonly challenge: string; readonly redirectUri: string; readonly claims: Claims };

export async function openSmallProvider(): Promise<SmallProvider> {
  const ca = await mintCa({ cn: 'provider CA' });
  const { chainPem: cert, keyPem: key } = await ca.issue({ kind: 'server', sans: ['localhost'] });
  const codes = new Map<string, Granted>();
  const own = makeSigningKey('first');
  const server = createServer({ cert, key }, (request, response) => void serve(request, response));
  const free = await findFreePort();
  await new Promise<void>((resolve) => server.listen(free, '127.0.0.1', resolve));
  const issuer = `https://localhost:${(server.address() as AddressInfo).port}`;
  const provider: SmallProvider = {
    issuer,
    ca: ca.certPem,
    secret: 'a secret of the client',
    keys: { own, published: [own] },
    metadata: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      end_session_endpoint: `${issuer}/logout`,
      authorization_response_iss_parameter_supported: true,
      id_token_signing_alg_values_supported: ['ES256'],
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
    },
    instead: {},
    asked: { discovery: 0, jwks: 0, token: 0 },
    makeToken: undefined,
    async sign(claims, header = {}, signer = provider.keys.own) {
      const head = { alg: 'ES256', kid: signer.kid, ...header };
      return new SignJWT({ ...claims }).setProtectedHeader(head).sign(signer.privateKey);
    },
    logIn(url, claims = {}) {
      const asked = new URL(url).searchParams;
      const now = Math.floor(Date.now() / 1000);
      const code = randomUUID();
      codes.set(code, {
        challenge: asked.get('code_challenge') ?? '',
        redirectUri: asked.get('redirect_uri') ?? '',
        claims: {
          iss: issuer,
          aud: asked.get('client_id'),
          sub: 'olga',
          iat: now,
          exp: now + 300,
          nonce: asked.get('nonce'),
          preferred_username: 'olga',
          groups: ['ops'],
          ...claims,
        },
      });
      return new URLSearchParams({ code, state: asked.get('state') ?? '', iss: issuer }).toString();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const endpoint = endpointOf(request.url ?? '');
    if (endpoint === undefined) return void response.writeHead(404).end();
    provider.asked[endpoint] += 1;
    const { [endpoint]: instead } = provider.instead;
    if (instead !== undefined) return instead(request, response);
    if (endpoint === 'discovery') return sendJson(response, 200, provider.metadata);
    if (endpoint === 'jwks') {
      const keys = provider.keys.published.map(async ({ kid, publicKey }) => ({
        ...(await exportJWK(publicKey)),
        kid,
      }));
      return sendJson(response, 200, { keys: await Promise.all(keys) });
    }
    const sent = new URLSearchParams(await readText(request));
    const basic = Buffer.from(`countersign:${encodeURIComponent(provider.secret).replaceAll('%20', '+')}`);
    if (request.headers.authorization !== `Basic ${basic.toString('base64')}`)
      return sendJson(response, 401, { error: 'invalid_client' });
    const granted = codes.get(sent.get('code') ?? '');
    codes.delete(sent.get('code') ?? '');
    const challenge = createHash('sha256')
      .update(sent.get('code_verifier') ?? '')
      .digest('base64url');
    if (granted?.challenge !== challenge || granted.redirectUri !== sent.get('redirect_uri'))
      return sendJson(response, 400, { error: 'invalid_grant' });
    const { makeToken = async (claims: Claims) => provider.sign(claims) } = provider;
    const token = await makeToken(granted.claims);
    sendJson(response, 200, { access_token: 'opaque', token_type: 'Bearer', id_token: token });
  }
  return provider;
}

function endpointOf(url: string): Endpoint | undefined {
  if (url === '/.well-known/openid-configuration') return 'discovery';
  if (url === '/jwks') return 'jwks';
  return url === '/token' ? 'token' : undefined;
}

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
}

async function readText(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of request) text += String(piece);
  return text;
}
