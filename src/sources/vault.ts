// Certificates and CAs from the PKI engine of OpenBao or HashiCorp Vault. The key is made here for each certificate and signed for: it
// never travels. What comes back is verified like that of any CA.
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../base/clock.ts';
import { askBy, ExchangeFailure } from '../base/exchange.ts';
import { encodePem } from '../asn1/der-writer.ts';
import type { San } from '../certs/facts.ts';
import { writeCsr } from '../certs/csr-writer.ts';
import { makeLeafKey } from '../certs/leaf-key.ts';
import type { SourceConfig, VaultIssue, VaultSettings } from '../config/source-config.ts';
import { findIssuedFlaw } from '../trust/check-issued.ts';
import { VaultClient } from '../vault/vault-client.ts';
import { VaultProblem } from '../vault/vault-problem.ts';
import type { VaultAuth } from '../vault/vault-token.ts';
import { type Delivery, PolledSource, type Source, SourceFailure, type SourceHost } from './source.ts';
import { readSecretText, readSourcePem } from './source-material.ts';

type Config = SourceConfig & VaultSettings;

/** `makeKey`: a private key for each certificate; default a fresh one. */
export function makeVaultSource(config: Config, { clock }: SourceHost, makeKey = makeLeafKey): Source {
  const ask = askBy(clock);
  // The token lives over renewals, and with it what was found out about it. Files that verify and log in are read anew each time.
  let known: { readonly material: string; readonly client: VaultClient } | undefined;
  const open = async (): Promise<VaultClient> => {
    const { label, address, mount, namespace, issue } = config;
    const ca = config.ca && (await readSourcePem(config.ca, label));
    const shown =
      issue?.auth.method === 'cert'
        ? { cert: await readSourcePem(issue.auth.cert, label), key: await readSourcePem(issue.auth.key, label) }
        : undefined;
    const material = JSON.stringify([ca, shown]);
    if (known?.material === material) return known.client;
    const auth = issue === undefined ? nobody : authOf(issue, label);
    const client = new VaultClient(
      { address: new URL(address), mount, namespace, ca, client: shown, auth },
      ask,
      clock,
    );
    known = { material, client };
    return client;
  };
  return new PolledSource(async () => {
    try {
      const client = await open();
      if (config.want === 'anchors') return { anchorsPem: await client.caChain() };
      if (config.issue === undefined) throw new Error('a certificate is wanted, and no role is known');
      return await obtain(client, config.issue, config.label, await makeKey(config.issue.keyType), clock);
    } catch (error) {
      throw explain(error, config);
    }
  });
}

async function obtain(
  client: VaultClient,
  issue: VaultIssue,
  label: string,
  key: KeyObject,
  clock: Pick<Clock, 'now'>,
): Promise<Delivery> {
  const { role, commonName, dnsNames, addresses, uris, ttlMs } = issue;
  const names: San[] = [
    ...dnsNames.map((value): San => ({ type: 'DNS', value })),
    ...addresses.map((value): San => ({ type: 'IP', value })),
    ...uris.map((value): San => ({ type: 'URI', value })),
  ];
  const csr = encodePem('CERTIFICATE REQUEST', writeCsr({ subject: [[['CN', commonName]]], sans: names }, key));
  const ttlS = ttlMs === undefined ? undefined : Math.round(ttlMs / 1000);
  const chainPem = await client.sign({ role, csr, commonName, dnsNames, addresses, uris, ttlS });
  const keyPem = key.export({ format: 'pem', type: 'pkcs8' });
  const flaw = findIssuedFlaw({ chainPem, keyPem }, { names, purpose: 'any' }, clock.now(), 'the certificate');
  if (flaw !== undefined)
    throw new SourceFailure({
      code: flaw.code,
      message: `${label}: the role issued what cannot be used: ${flaw.message}`,
      hint: flaw.hint || 'Look at what the role allows, and at use_csr_common_name and use_csr_sans.',
    });
  return { pair: { certPem: chainPem, keyPem } };
}

/** CAs and CRLs are anybody's. */
const nobody: VaultAuth = { method: 'token', token: async () => '' };

function authOf({ auth }: VaultIssue, label: string): VaultAuth {
  switch (auth.method) {
    case 'token':
      return { method: 'token', token: async () => readSecretText(auth.token, label) };
    case 'approle':
      return { ...auth, secretId: async () => readSecretText(auth.secretId, label) };
    case 'kubernetes':
      return { ...auth, jwt: async () => readSecretText(auth.jwt, label) };
    default:
      return { method: 'cert', mount: auth.mount, name: auth.name };
  }
}

function explain(error: unknown, { label, address }: Config): unknown {
  const { host } = new URL(address);
  if (error instanceof ExchangeFailure)
    return new SourceFailure({
      code: 'vault_unreachable',
      message: `${label}: ${host} gives no answer: ${error.message}`,
      hint: 'Try it with curl from this machine: curl --cacert CA ADDRESS/v1/sys/health.',
    });
  if (!(error instanceof VaultProblem)) return error;
  const { code, message, hint, retryAfterMs } = error;
  const later = retryAfterMs === undefined ? {} : { retryAfterMs };
  return new SourceFailure({ code: `vault_${code}`, message: `${label}: ${host}: ${message}`, hint, ...later });
}
