// Stands in for OpenBao and HashiCorp Vault: their documented HTTP API over TLS, as far as the PKI engine and the logins go, with openssl as
// the CA, which verifies each request. No registry that the tests may use serves either of the real programs.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { findFreePort } from './free-port.ts';
import { runToEnd } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import type { Authority } from './pki.ts';
import type { TempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

export type VaultRequest = {
  readonly method: string;
  readonly path: string;
  readonly token: string | undefined;
  readonly namespace: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
};
export type VaultReply = { readonly status?: number; readonly body: object | string };

export type StandInVault = {
  readonly address: string;
  /** The CA of the mount `pki`, as a file. */
  readonly ca: string;
  readonly requests: Feed<VaultRequest>;
  /** Tokens that may sign, with seconds to live; others get 403. Written by logins, and by the test. */
  readonly tokens: Map<string, { ttl: number; renewable: boolean }>;
  /** Answers in place of the ordinary; undefined: the ordinary. */
  intercept: ((request: VaultRequest) => VaultReply | undefined) | undefined;
  close(): void;
};

const denied: VaultReply = { status: 403, body: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };

export async function startVault(dir: TempDir, authority: Authority): Promise<StandInVault> {
  const server = await authority.issueFiles('vault', { kind: 'server', sans: ['localhost', '127.0.0.1'] });
  const caKey = dir.write('vault-pki.key', authority.keyPem);
  const requests = new Feed<VaultRequest>('requests to vault');
  const tokens = new Map<string, { ttl: number; renewable: boolean }>();
  let made = 0;

  const login = (): VaultReply => {
    const token = `s.login-${++made}`;
    tokens.set(token, { ttl: 3600, renewable: true });
    return { body: { auth: { client_token: token, lease_duration: 3600, renewable: true } } };
  };
  const sign = async (body: VaultRequest['body']): Promise<VaultReply> => {
    const names = [
      ...listOf(body['alt_names']).map((name) => `DNS:${name}`),
      ...listOf(body['ip_sans']).map((name) => `IP:${name}`),
      ...listOf(body['uri_sans']).map((name) => `URI:${name}`),
    ];
    if (names.includes('DNS:forbidden.test'))
      return { status: 400, body: { errors: ['subject alternate name forbidden.test not allowed by this role'] } };
    const san = names.length === 0 ? '' : `subjectAltName=${names.join(',')}\n`;
    const extensions = dir.write(
      `vault-${++made}.ext`,
      `${san}extendedKeyUsage=serverAuth,clientAuth\nbasicConstraints=CA:FALSE\n`,
    );
    const run = await runToEnd(
      requireCommand('openssl'),
      [
        'x509',
        '-req',
        '-CA',
        authority.file,
        '-CAkey',
        caKey,
        '-extfile',
        extensions,
        '-days',
        '1',
        '-set_serial',
        String(Date.now() * 1000 + made),
      ],
      { input: String(body['csr']) },
    );
    if (run.code !== 0) return { status: 400, body: { errors: [`unable to parse the csr: ${run.stderr}`] } };
    return {
      body: {
        data: {
          certificate: run.stdout.trim(),
          issuing_ca: authority.certPem.trim(),
          ca_chain: [authority.certPem.trim()],
        },
      },
    };
  };
  const answer = async (request: VaultRequest, socket: TLSSocket): Promise<VaultReply> => {
    const { method, path, token = '', body } = request;
    const known = tokens.get(token);
    switch (`${method} ${path}`) {
      case 'POST /v1/auth/approle/login':
        return body['role_id'] === 'role' && body['secret_id'] === 'secret'
          ? login()
          : { status: 400, body: { errors: ['invalid role or secret ID'] } };
      case 'POST /v1/auth/kubernetes/login':
        return body['role'] === 'edge' && body['jwt'] === 'service-account' ? login() : denied;
      case 'POST /v1/auth/cert/login':
        return socket.authorized ? login() : denied;
      case 'GET /v1/auth/token/lookup-self':
        return known === undefined ? denied : { body: { data: known } };
      case 'POST /v1/auth/token/renew-self':
        return known?.renewable === true
          ? { body: { auth: { client_token: token, lease_duration: known.ttl, renewable: true } } }
          : denied;
      case 'POST /v1/pki/sign/edge':
        return known === undefined ? denied : sign(body);
      case 'GET /v1/pki/ca_chain':
      case 'GET /v1/pki/ca/pem':
        return { body: authority.certPem };
      default:
        return { status: 404, body: { errors: [] } };
    }
  };
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    let text = '';
    for await (const piece of incoming.setEncoding('utf8')) text += piece as string;
    const request: VaultRequest = {
      method: incoming.method ?? '',
      path: incoming.url ?? '',
      token: headerOf(incoming, 'x-vault-token'),
      namespace: headerOf(incoming, 'x-vault-namespace'),
      body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
    };
    requests.push(request);
    const { status = 200, body } = vault.intercept?.(request) ?? (await answer(request, incoming.socket as TLSSocket));
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
  };
  const options = {
    cert: server.chainPem,
    key: server.keyPem,
    ca: authority.certPem,
    requestCert: true,
    rejectUnauthorized: false,
  };
  const https = createServer(
    options,
    (incoming, response) => void serve(incoming, response).catch(() => response.destroy()),
  );
  https.listen(await findFreePort(), '127.0.0.1');
  await once(https, 'listening');
  const { port } = https.address() as { port: number };
  const vault: StandInVault = {
    address: `https://localhost:${port}`,
    ca: authority.file,
    requests,
    tokens,
    intercept: undefined,
    close: () => {
      https.close();
      https.closeAllConnections();
    },
  };
  return vault;
}

function listOf(value: unknown): string[] {
  return typeof value === 'string' && value !== '' ? value.split(',') : [];
}

function headerOf({ headers }: IncomingMessage, name: string): string | undefined {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
}
