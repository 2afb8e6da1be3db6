// X-Forwarded-For, -Proto, -Host, X-Real-IP and X-Request-Id. A client's own values never pass (strip-list.ts removes
// them); what they said is believed only where the connection comes from a trusted proxy. Nearly everything is computed
// once per connection: per request remain the id and, where it changes, the host. `traceparent` passes untouched.
import { isIP } from 'node:net';
import { AddressSet, plainAddress } from '../base/address-set.ts';
import type { RequestHead } from '../http/exchange.ts';
import { FieldBlock, type Fields } from '../http/field.ts';
import { findRequestId, type RequestIdRules } from './request-id.ts';

/** The part of downstream/peer.ts that matters here. */
export type ForwardingPeer = {
  readonly remoteAddress: string;
  readonly secure: boolean;
  /** Set where its certificate passed every check. */
  readonly identity?: object | undefined;
};

type Connection = {
  readonly address: string;
  readonly trusted: boolean;
  /** An X-Request-Id of its own is kept. */
  readonly keepsId: boolean;
  readonly fixed: FieldBlock;
  /** Twenty hexadecimal digits of randomness that the ids of this connection begin with. */
  readonly idPrefix: string;
  requests: number;
  lastAuthority: string;
  lastHost: FieldBlock;
};

/** Addresses that one X-Forwarded-For may list before it is cut at its far end. */
const maxForwardedFor = 32;
const forwardedHost = /^[A-Za-z0-9._\-:[\]]{1,255}$/;

export class Forwarding {
  readonly #trusted: AddressSet;
  readonly #ipHeaders: readonly string[];
  readonly #random: () => string;
  readonly #keepIdFrom: RequestIdRules['keepFrom'];
  /** Answers carry the id of their request. */
  readonly tellsRequestId: boolean;
  readonly #connections = new WeakMap<ForwardingPeer, Connection>();

  /**
   * `proxy`: canonical CIDRs that are believed (none = nobody) and the fields that name the client, in order of preference.
   * `random`: a new UUID (crypto.randomUUID).
   */
  constructor(
    proxy: { trustedProxies: readonly string[]; ipHeaders: readonly string[] },
    random: () => string,
    requestId: RequestIdRules = { keepFrom: 'proxies', respond: true },
  ) {
    this.#trusted = new AddressSet(proxy.trustedProxies);
    this.#ipHeaders = proxy.ipHeaders.map((name) => name.toLowerCase());
    this.#random = random;
    this.#keepIdFrom = requestId.keepFrom;
    this.tellsRequestId = requestId.respond;
  }

  isTrustedProxy(remoteAddress: string): boolean {
    return this.#trusted.has(remoteAddress);
  }

  /** Whether the connection comes from a trusted proxy. */
  isTrusted(peer: ForwardingPeer): boolean {
    return this.#connection(peer).trusted;
  }

  /** The fields that are the same for each request of a connection. */
  perConnection(peer: ForwardingPeer): FieldBlock {
    return this.#connection(peer).fixed;
  }

  /** The fields that may differ: the host, the id, and behind a trusted proxy everything. `requestId` is ours (requestId). */
  perRequest(head: RequestHead, peer: ForwardingPeer, requestId: string): FieldBlock {
    const connection = this.#connection(peer);
    if (connection.trusted) return this.#behindProxy(head, peer, connection, requestId);
    if (connection.lastAuthority !== head.authority) {
      connection.lastHost = hostField(head.authority);
      connection.lastAuthority = head.authority;
    }
    return new RequestBlock(connection.lastHost, requestId);
  }

  /** The id of a request: of whoever is believed, where it is short and plain, else a new one of at most 40 characters. */
  requestId(head: RequestHead, peer: ForwardingPeer): string {
    const connection = this.#connection(peer);
    const given = connection.keepsId ? findRequestId(head.fields) : undefined;
    return given ?? `${connection.idPrefix}-${(connection.requests++).toString(36)}`;
  }

  /**
   * The client's address: of the connection, or behind a trusted proxy the right-most address in the configured fields
   * that is not itself a trusted proxy. (Never the left-most: anybody can write that.)
   */
  clientAddress(head: RequestHead, peer: ForwardingPeer): string {
    const connection = this.#connection(peer);
    return connection.trusted ? this.#believedAddress(head.fields, connection.address) : connection.address;
  }

  /** How the client speaks: as X-Forwarded-Proto tells the backend. */
  scheme({ fields }: RequestHead, peer: ForwardingPeer): 'http' | 'https' {
    return this.#connection(peer).trusted ? believedScheme(fields, peer) : protoOf(peer);
  }

  #believedAddress(fields: Fields, otherwise: string): string {
    for (const header of this.#ipHeaders) {
      const list = listOf(fields, header);
      for (let i = list.length - 1; i >= 0; i--) {
        const address = plainAddress(list[i] ?? '');
        // What is behind something unreadable cannot be believed either.
        if (isIP(address) === 0) break;
        if (i === 0 || !this.isTrustedProxy(address)) return address;
      }
    }
    return otherwise;
  }

  #behindProxy(head: RequestHead, peer: ForwardingPeer, connection: Connection, requestId: string): FieldBlock {
    const { fields } = head;
    const before = listOf(fields, 'x-forwarded-for').map(plainAddress);
    const known = before.slice(before.findLastIndex((address) => isIP(address) === 0) + 1).slice(-maxForwardedFor);
    const host = fields.find('x-forwarded-host');
    const pairs: [string, string][] = [
      ['X-Forwarded-For', [...known, connection.address].join(', ')],
      ['X-Forwarded-Proto', believedScheme(fields, peer)],
      ['X-Real-IP', this.#believedAddress(fields, connection.address)],
      ['X-Request-Id', requestId],
    ];
    const name = host !== undefined && forwardedHost.test(host) ? host : head.authority;
    return new FieldBlock([...pairs, ...hostField(name).pairs]);
  }

  #connection(peer: ForwardingPeer): Connection {
    return this.#connections.get(peer) ?? this.#open(peer);
  }

  #open(peer: ForwardingPeer): Connection {
    const address = plainAddress(peer.remoteAddress);
    const trusted = this.isTrustedProxy(address);
    const uuid = this.#random();
    const pairs: [string, string][] = [['X-Forwarded-Proto', protoOf(peer)]];
    if (isIP(address) !== 0) pairs.push(['X-Forwarded-For', address], ['X-Real-IP', address]);
    const connection: Connection = {
      address,
      trusted,
      keepsId: trusted || this.#keepsIdOf(peer),
      fixed: trusted ? FieldBlock.empty : new FieldBlock(pairs),
      // 80 random bits: the first and the last group of a version 4 UUID have no fixed ones.
      idPrefix: uuid.slice(0, 8) + uuid.slice(24),
      requests: 0,
      lastAuthority: '',
      lastHost: FieldBlock.empty,
    };
    this.#connections.set(peer, connection);
    return connection;
  }

  #keepsIdOf({ identity }: ForwardingPeer): boolean {
    return this.#keepIdFrom === 'everybody' || (this.#keepIdFrom === 'verified' && identity !== undefined);
  }
}

/** A FieldBlock that checks nothing: both its values were checked before (hostField, requestId). Made in the form that is asked for. */
class RequestBlock implements FieldBlock {
  readonly #host: FieldBlock;
  readonly #requestId: string;

  constructor(host: FieldBlock, requestId: string) {
    this.#host = host;
    this.#requestId = requestId;
  }

  get text(): string {
    return `${this.#host.text}X-Request-Id: ${this.#requestId}\r\n`;
  }

  get pairs(): readonly (readonly [string, string])[] {
    return [...this.#host.pairs, ['X-Request-Id', this.#requestId]];
  }
}

function hostField(authority: string): FieldBlock {
  return forwardedHost.test(authority) ? new FieldBlock([['X-Forwarded-Host', authority]]) : FieldBlock.empty;
}

function believedScheme(fields: Fields, peer: ForwardingPeer): 'http' | 'https' {
  const proto = fields.find('x-forwarded-proto')?.toLowerCase();
  return proto === 'http' || proto === 'https' ? proto : protoOf(peer);
}

function protoOf(peer: ForwardingPeer): 'http' | 'https' {
  return peer.secure ? 'https' : 'http';
}

/** Elements of a list field over all its lines (RFC 9110 section 5.3). */
function listOf(fields: Fields, lower: string): string[] {
  const out: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    if (fields.names[i]?.lower === lower) out.push(...(fields.values[i] ?? '').split(','));
  }
  return out.map((text) => text.trim()).filter((text) => text !== '');
}
