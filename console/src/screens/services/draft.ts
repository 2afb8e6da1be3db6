// A service as the form has it, and as it is stored: what somebody did not touch stays as it was, also what the form does not show.
import type { JsonObject } from '../../api/merge-patch.ts';

export type TlsMode = 'off' | 'tls' | 'mtls';

/** Where the CA comes from: an id of the bundles, `system`, or what is in the box below. */
export const pastedCa = ' pasted';

export type ServiceDraft = {
  readonly source: 'dns' | 'static';
  /** `host:port`; for static one on each line, a weight behind it. */
  readonly address: string;
  readonly addresses: string;
  readonly mode: TlsMode;
  readonly certificateId: string;
  /** '' for none yet. */
  readonly ca: string;
  readonly serverName: string;
  readonly protocol: 'auto' | 'http1' | 'http2';
};

export const newDraft: ServiceDraft = {
  source: 'dns',
  address: '',
  addresses: '',
  mode: 'mtls',
  certificateId: '',
  ca: pastedCa,
  serverName: '',
  protocol: 'auto',
};

const text = (value: unknown): string => (typeof value === 'string' ? value : '');

export function draftOf(value: JsonObject): ServiceDraft {
  const tls = (value['tls'] ?? {}) as JsonObject;
  return {
    source: value['source'] === 'static' ? 'static' : 'dns',
    address: text(value['address']),
    addresses: addressesOf(value).map(showAddress).join('\n'),
    mode: (text(tls['mode']) || 'tls') as TlsMode,
    certificateId: text(tls['certificateId']),
    ca: text(tls['caBundle']),
    serverName: text(tls['serverName']),
    protocol: (text(value['protocol']) || 'auto') as ServiceDraft['protocol'],
  };
}

/** `value`: as it was stored; {} for a new one. `caBundle`: the id that stands for what was pasted. */
export function valueOf(draft: ServiceDraft, value: JsonObject = {}, caBundle = ''): JsonObject {
  const tls = (value['tls'] ?? {}) as JsonObject;
  const isStatic = draft.source === 'static';
  return {
    ...value,
    source: unlessDefault(draft.source, 'dns', value['source']),
    address: isStatic ? undefined : draft.address.trim(),
    addresses: isStatic ? readAddresses(draft.addresses, addressesOf(value)) : undefined,
    protocol: unlessDefault(draft.protocol, 'auto', value['protocol']),
    tls: {
      ...tls,
      mode: draft.mode,
      certificateId: draft.mode === 'mtls' ? orNothing(draft.certificateId) : undefined,
      caBundle: draft.mode === 'off' ? undefined : orNothing(draft.ca === pastedCa ? caBundle : draft.ca),
      serverName: draft.mode === 'off' ? undefined : orNothing(draft.serverName.trim()),
    },
  };
}

function orNothing(value: string): string | undefined {
  return value === '' ? undefined : value;
}

/** What is the default is not written where it was not written. */
function unlessDefault(value: string, fallback: string, before: unknown): string | undefined {
  return value === fallback && before === undefined ? undefined : value;
}

type Address = { readonly address: string; readonly weight?: number; readonly [member: string]: unknown };

function addressesOf(value: JsonObject): readonly Address[] {
  return Array.isArray(value['addresses']) ? (value['addresses'] as Address[]) : [];
}

function showAddress({ address, weight }: Address): string {
  return weight === undefined ? address : `${address} ${weight}`;
}

/** One on each line: `10.0.0.4:8443`, or with a weight `10.0.0.4:8443 3`. */
function readAddresses(lines: string, before: readonly Address[]): Address[] {
  return lines
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .flatMap(([address = '', weight]) => {
      if (address === '') return [];
      const { weight: _, ...rest } = before.find((one) => one.address === address) ?? {};
      return [{ ...rest, address, ...(weight !== undefined && { weight: Number(weight) }) }];
    });
}

export type NameCheck =
  /** Plain text, or nothing that could be checked yet. */
  | { readonly kind: 'none' }
  | { readonly kind: 'name'; readonly name: string; readonly isOwn: boolean }
  | { readonly kind: 'address'; readonly address: string }
  /** Several hosts, each verified by its own name. */
  | { readonly kind: 'each'; readonly hosts: readonly string[] };

/** What is sent as SNI and what must be among the names of their certificate. An IP address is never sent (RFC 6066 section 3). */
export function nameCheckOf({ mode, source, address, addresses, serverName }: ServiceDraft): NameCheck {
  if (mode === 'off') return { kind: 'none' };
  const own = serverName.trim();
  if (own !== '') return { kind: 'name', name: own, isOwn: true };
  const lines = source === 'static' ? readAddresses(addresses, []).map((one) => one.address) : [address.trim()];
  const hosts = [...new Set(lines.map(hostOf).filter((host) => host !== ''))];
  const [only] = hosts;
  if (only === undefined) return { kind: 'none' };
  if (hosts.length > 1) return { kind: 'each', hosts };
  return isIp(only) ? { kind: 'address', address: only } : { kind: 'name', name: only, isOwn: false };
}

export function hostOf(address: string): string {
  const bracketed = /^\[([^\]]+)\]/.exec(address)?.[1];
  return bracketed ?? address.replace(/:\d*$/, '');
}

export function isIp(host: string): boolean {
  return host.includes(':') || /^\d{1,3}(?:\.\d{1,3}){3}$/.test(host);
}

/** `Orders API` becomes `Orders-API-ca`: what an id may hold (letters, digits, dots, dashes, underscores). */
export function bundleIdFor(name: string): string {
  const base = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  return base === '' ? '' : `${base.slice(0, 120)}-ca`;
}
