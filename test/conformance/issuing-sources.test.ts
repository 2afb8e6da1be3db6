// The contract of sources, for those where a CA issues for a key that is made here: the bench says which key that is, so that a test can
// offer a certificate of another.
import { createPrivateKey } from 'node:crypto';

import { type Ask, ExchangeFailure } from '../../src/base/exchange.ts';
import type { AcmeSettings, SourceWant, VaultSettings } from '../../src/config/source-config.ts';
import { AcmeSource } from '../../src/sources/acme.ts';
import { makeVaultSource } from '../../src/sources/vault.ts';
import { openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { startVault } from '../support/vault.ts';
import { type Material, type SourceBench, sourceContract } from './source-contract.ts';

const place = { file: '/etc/gateway.yml', line: 7, col: 3 };
const garbage = '-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n';

/** What is offered, or how it is broken. */
class Offer {
  material: Material | undefined;
  broken: 'gone' | 'garbage' | undefined;

  give(material: Material): void {
    this.material = material;
    this.broken = undefined;
  }

  get cert(): string {
    return this.broken === 'garbage' ? garbage : (this.material?.cert ?? garbage);
  }

  readonly makeKey = async () => {
    if (this.material === undefined) throw new Error('nothing was offered yet');
    return createPrivateKey(this.material.key);
  };
}

/** An ACME server of one certificate: every authorization is valid already. */
function answersOf(offer: Offer): Ask {
  const at = (path: string): string => `https://acme.test/${path}`;
  const directory = { newNonce: at('nonce'), newAccount: at('account'), newOrder: at('order') };
  const order = { status: 'ready', authorizations: [], finalize: at('finalize'), certificate: at('certificate') };
  const bodies: Readonly<Record<string, () => string>> = {
    '/directory': () => JSON.stringify(directory),
    '/nonce': () => '',
    '/account': () => JSON.stringify({ status: 'valid' }),
    '/order': () => JSON.stringify(order),
    '/finalize': () => JSON.stringify({ ...order, status: 'valid' }),
    '/certificate': () => offer.cert,
  };
  return async ({ url }) => {
    if (offer.broken === 'gone' || offer.material === undefined)
      throw new ExchangeFailure('cannot be reached: ECONNREFUSED');
    const headers = { 'replay-nonce': 'nonce', location: at(url.pathname.slice(1)) };
    return { status: 200, headers, text: bodies[url.pathname]?.() ?? '' };
  };
}

async function openAcme(want: SourceWant): Promise<SourceBench> {
  const dir = openTempDir('acme-bench');
  const offer = new Offer();
  const settings: AcmeSettings = {
    kind: 'acme',
    directory: 'https://acme.test/directory',
    email: undefined,
    identifiers: [{ type: 'dns', value: 'a.test' }],
    challenge: 'tls-alpn-01',
    keyType: 'ec-p256',
    eab: undefined,
    ca: undefined,
    termsOfServiceAgreed: true,
    preferredChain: undefined,
    profile: undefined,
    storage: dir.file('acme'),
  };
  const config = { ...settings, want, label: 'edge (acme)', mayStartWithout: true, place };
  const challenges = { ready: async () => {}, publish: async () => {} };
  return {
    config,
    make: async (_, host) =>
      new AcmeSource(config, { ...host, challenges }, { ask: answersOf(offer), makeKey: offer.makeKey }),
    offer: async (material) => offer.give(material),
    breakDown: async (how) => void (offer.broken = how),
    [Symbol.asyncDispose]: async () => dir.remove(),
  };
}

async function openVault(want: SourceWant): Promise<SourceBench> {
  const dir = openTempDir('vault-bench');
  const authority = await openAuthority(dir, 'mount');
  const vault = await startVault(dir, authority);
  vault.tokens.set('s.given', { ttl: 3600, renewable: false });
  const offer = new Offer();
  vault.intercept = ({ path }) => {
    if (offer.broken === 'gone' || offer.material === undefined)
      return { status: 503, body: { errors: ['Vault is sealed'] } };
    if (path.startsWith('/v1/pki/sign/')) return { body: { data: { certificate: offer.cert } } };
    const ca = offer.broken === 'garbage' ? garbage : offer.material.ca;
    return path === '/v1/pki/ca_chain' ? { body: ca } : undefined;
  };
  const settings: VaultSettings = {
    kind: 'vault',
    address: vault.address,
    mount: 'pki',
    namespace: undefined,
    ca: { path: vault.ca },
    issue: {
      role: 'edge',
      commonName: 'a.test',
      dnsNames: ['a.test'],
      addresses: [],
      uris: [],
      ttlMs: undefined,
      keyType: 'ec-p256',
      auth: { method: 'token', token: { text: 's.given' } },
    },
  };
  const config = { ...settings, want, label: 'edge (vault)', mayStartWithout: false, place };
  return {
    config,
    make: async (_, host) => makeVaultSource(config, host, offer.makeKey),
    offer: async (material) => offer.give(material),
    breakDown: async (how) => void (offer.broken = how),
    [Symbol.asyncDispose]: async () => {
      vault.close();
      dir.remove();
    },
  };
}

sourceContract('acme', openAcme, { wants: ['pair'] });
sourceContract('vault', openVault, { wants: ['pair', 'anchors'] });
