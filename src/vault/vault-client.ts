// Speaks with OpenBao or HashiCorp Vault over its HTTP API: a token for every request, and the PKI engine of one mount. The private key
// is made here and signed for (`sign/ROLE`): it never travels, and the server need not be trusted to forget it.
import type { Clock } from '../base/clock.ts';
import { type Answer, type Ask, retryAfterOf } from '../base/exchange.ts';
import { vaultProblem, VaultProblem } from './vault-problem.ts';
import { type VaultAuth, VaultToken } from './vault-token.ts';

export type VaultServer = {
  /** https, or http to this machine alone. */
  readonly address: URL;
  /** Path of the PKI engine, without slashes at its ends. */
  readonly mount: string;
  readonly namespace: string | undefined;
  /** PEM of the CAs that verify the server itself; undefined: those that Node has. */
  readonly ca: string | undefined;
  /** Shown to the server: what `auth: cert` logs in by. */
  readonly client: { readonly cert: string; readonly key: string } | undefined;
  readonly auth: VaultAuth;
};

export type SignRequest = {
  readonly role: string;
  /** PEM. */
  readonly csr: string;
  readonly commonName: string;
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  readonly uris: readonly string[];
  /** Seconds; undefined: what the role says. */
  readonly ttlS: number | undefined;
};

export class VaultClient {
  readonly #server: VaultServer;
  readonly #ask: Ask;
  readonly #clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly #token: VaultToken;

  constructor(server: VaultServer, ask: Ask, clock: Pick<Clock, 'now' | 'monotonic'>) {
    this.#server = server;
    this.#ask = ask;
    this.#clock = clock;
    this.#token = new VaultToken(server.auth, clock, async (...call) => this.#call(...call));
  }

  /** PEM of the certificate and of what stands above it. Rejects with VaultProblem or ExchangeFailure, as everything below. */
  async sign({ role, csr, commonName, dnsNames, addresses, uris, ttlS }: SignRequest): Promise<string> {
    const { data } = await this.#authorized('POST', `${this.#server.mount}/sign/${encodeURIComponent(role)}`, {
      csr,
      format: 'pem',
      common_name: commonName,
      alt_names: dnsNames.join(','),
      ip_sans: addresses.join(','),
      uri_sans: uris.join(','),
      ...(ttlS === undefined ? {} : { ttl: `${ttlS}s` }),
    });
    const { certificate, ca_chain: chain, issuing_ca: issuer } = (data ?? {}) as Record<string, unknown>;
    if (typeof certificate !== 'string') throw noCertificate();
    const above = Array.isArray(chain) ? chain.filter((one): one is string => typeof one === 'string') : [];
    if (above.length === 0 && typeof issuer === 'string') above.push(issuer);
    return [certificate, ...above].map((pem) => `${pem.trim()}\n`).join('');
  }

  /** PEM of the CA of the mount with its chain, for whoever is to be trusted by it. Nobody has to be known for this. */
  async caChain(): Promise<string> {
    const pem = await this.#text(`${this.#server.mount}/ca_chain`);
    // A mount whose CA is its own root may have no chain.
    return pem.includes('-----BEGIN') ? pem : this.#text(`${this.#server.mount}/ca/pem`);
  }

  /** PEM of the CRL of the mount. */
  async crl(): Promise<string> {
    return this.#text(`${this.#server.mount}/crl/pem`);
  }

  async #authorized(method: 'GET' | 'POST', path: string, body: object): Promise<Record<string, unknown>> {
    const token = await this.#token.get();
    try {
      return await this.#call(method, path, body, token);
    } catch (error) {
      // A token that was revoked is refused like one that may too little: another one, where there is one, tells them apart.
      if (!(error instanceof VaultProblem) || error.code !== 'denied') throw error;
      this.#token.forget();
      const other = await this.#token.get();
      if (other === token) throw error;
      return this.#call(method, path, body, other);
    }
  }

  async #text(path: string): Promise<string> {
    const answer = await this.#request('GET', path, undefined, undefined);
    // 204: there is none.
    if (answer.status === 200 || answer.status === 204) return answer.text;
    throw this.#problem(answer, 'GET', path);
  }

  async #call(
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    token: string | undefined,
  ): Promise<Record<string, unknown>> {
    const answer = await this.#request(method, path, body, token);
    if (answer.status !== 200) throw this.#problem(answer, method, path);
    try {
      const value: unknown = JSON.parse(answer.text);
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch {
      // Told below.
    }
    throw new VaultProblem(
      'malformed',
      `the answer at ${path} is no JSON object`,
      'Is this the address of OpenBao or Vault?',
    );
  }

  async #request(
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    token: string | undefined,
  ): Promise<Answer> {
    const { address, namespace, ca, client } = this.#server;
    const url = new URL(address);
    url.pathname = `${url.pathname.replace(/\/$/, '')}/v1/${path}`;
    return this.#ask({
      method,
      url,
      headers: {
        // Agents and proxies that answer for it ask for this, against requests that a browser was talked into.
        'x-vault-request': 'true',
        ...(token === undefined ? {} : { 'x-vault-token': token }),
        ...(namespace === undefined ? {} : { 'x-vault-namespace': namespace }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(ca === undefined ? {} : { ca }),
      ...(client === undefined ? {} : { client }),
    });
  }

  #problem({ status, text, headers }: Answer, method: 'GET' | 'POST', path: string): VaultProblem {
    const capability = method === 'GET' ? 'read' : 'update';
    return vaultProblem(status, text, { path, capability }, retryAfterOf(headers, this.#clock.now()));
  }
}

function noCertificate(): VaultProblem {
  return new VaultProblem('malformed', 'the answer holds no certificate', 'Is the mount a PKI engine?');
}
