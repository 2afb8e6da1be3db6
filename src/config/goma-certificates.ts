// What a provider of Goma's certManager says, as a source of ours for one host: an ACME server that the file names, or a role of Vault.
// Where it says something that we do not do, or leaves to Goma whom to ask, why there is no source.
import { dirname, join, resolve } from 'node:path';
import { identifierOf } from '../base/identifier.ts';
import { parseDuration } from './duration.ts';
import { parseFetchUrl } from './fetch-url.ts';
import { isLoopback } from './listen-address.ts';
import type { AcmeSettings, SourceSettings, VaultSettings } from './source-config.ts';

export type GomaAcme = {
  readonly email?: string | undefined;
  readonly directoryUrl?: string | undefined;
  readonly directoryURL?: string | undefined;
  readonly storageFile?: string | undefined;
  readonly storage?: string | undefined;
  readonly termsAccepted?: boolean | undefined;
  readonly challengeType?: string | undefined;
  readonly challenge?: { readonly type?: string | undefined } | undefined;
  readonly eab?: { readonly kid?: string | undefined; readonly hmacKey?: string | undefined } | undefined;
  readonly insecureSkipVerify?: boolean | undefined;
};

export type GomaVault = {
  readonly address?: string | undefined;
  readonly token?: string | undefined;
  readonly role?: string | undefined;
  readonly mount?: string | undefined;
  readonly namespace?: string | undefined;
  readonly ttl?: string | undefined;
};

/** Begins in the middle of a sentence. */
export type NoSource = { readonly why: string };

/** `file`: of the configuration. */
export function acmeOfGoma(acme: GomaAcme, host: string, file: string): AcmeSettings | NoSource {
  const identifier = identifierOf(host);
  const challenge = acme.challengeType ?? acme.challenge?.type ?? 'http-01';
  const directory = httpsUrl(acme.directoryUrl ?? acme.directoryURL);
  if (identifier === undefined || identifier.type === 'ip')
    return { why: 'Goma has certificates for host names alone' };
  if (identifier.value.startsWith('*.'))
    return { why: 'a wildcard needs the challenge dns-01, which is not supported' };
  if (challenge !== 'http-01' && challenge !== 'tls-alpn-01')
    return { why: `the challenge ${challenge} is not supported (http-01 and tls-alpn-01 are)` };
  if (acme.insecureSkipVerify === true)
    return { why: 'insecureSkipVerify is not supported here: whoever is on the way could issue what they like' };
  if (directory === undefined)
    return { why: 'no https directoryUrl is named, and nothing is sent to a CA that the file does not name' };
  if (acme.termsAccepted !== true) return { why: 'termsAccepted is not true' };
  const { kid = '', hmacKey = '' } = acme.eab ?? {};
  const storageFile = acme.storageFile ?? acme.storage;
  return {
    kind: 'acme',
    directory,
    email: acme.email,
    identifiers: [identifier],
    challenge,
    // As Goma: clients that expect RSA keep working.
    keyType: 'rsa-2048',
    eab: kid === '' || hmacKey === '' ? undefined : { kid, hmacKey },
    ca: undefined,
    termsOfServiceAgreed: true,
    preferredChain: undefined,
    profile: undefined,
    // Beside Goma's own file, whose form is another.
    storage:
      storageFile === undefined || storageFile === ''
        ? resolve(dirname(file), 'acme')
        : join(dirname(resolve(dirname(file), storageFile)), 'countersign-acme'),
  };
}

export function vaultOfGoma(vault: GomaVault, host: string): VaultSettings | NoSource {
  const identifier = identifierOf(host);
  const { token = '', role = '', mount = 'pki', namespace, ttl } = vault;
  const address = serverUrl(vault.address);
  const ttlMs = ttl === undefined || ttl === '' ? undefined : parseDuration(ttl);
  if (identifier === undefined) return { why: 'this is no name that a certificate can have' };
  if (address === undefined) return { why: 'address is no https:// URL' };
  if (token === '' || role === '') return { why: 'token or role is missing' };
  if (ttl !== undefined && ttl !== '' && ttlMs === undefined)
    return { why: 'ttl is no duration that can be asked for' };
  if (!/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(mount) || mount.split('/').includes('..'))
    return { why: 'mount is no path of an engine' };
  const { type, value } = identifier;
  return {
    kind: 'vault',
    address,
    mount,
    namespace: namespace === '' ? undefined : namespace,
    ca: undefined,
    issue: {
      role,
      commonName: value,
      dnsNames: type === 'dns' ? [value] : [],
      addresses: type === 'ip' ? [value] : [],
      uris: [],
      ttlMs,
      keyType: 'rsa-2048',
      auth: { method: 'token', token: { text: token } },
    },
  };
}

export function isSource(found: SourceSettings | NoSource): found is SourceSettings {
  return 'kind' in found;
}

function httpsUrl(text: string | undefined): string | undefined {
  const parsed = parseFetchUrl(text ?? '');
  return 'url' in parsed && parsed.url.startsWith('https://') ? parsed.url : undefined;
}

function serverUrl(text: string | undefined): string | undefined {
  const parsed = parseFetchUrl(text ?? '');
  if (!('url' in parsed)) return undefined;
  return parsed.url.startsWith('https://') || isLoopback(new URL(parsed.url).hostname.replace(/^\[|\]$/g, ''))
    ? parsed.url
    : undefined;
}
