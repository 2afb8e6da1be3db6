// One client connection as the flow sees it: its peer, and what is computed once per connection and generation because
// it is the same for each of its requests (the policy of its Host, the forwarded identity).
import { Fault } from '../base/fault.ts';
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { TrustPolicy } from '../downstream/trust-policy.ts';
import type { Peer } from '../downstream/peer.ts';
import type { Exchange } from '../http/exchange.ts';
import { FieldBlock } from '../http/field.ts';
import { ForwardedIdentity, forwardsIncoming } from '../forwarding/forwarded-identity.ts';
import type { RouteDenial, RouteRule } from '../trust/route-rule.ts';
import type { VerificationResult } from '../trust/certificate-checks.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import type { AccessLogFields } from '../telemetry/access-log-fields.ts';
import { Caller } from '../upstream/caller.ts';
import type { Services, Serving } from './serving.ts';

export type HostPolicy = {
  readonly authority: string;
  readonly host: string;
  readonly policy: TrustPolicy | undefined;
};

/** The part of a request's way that matters here. */
type RequestParts = {
  readonly exchange: Exchange;
  readonly policy: TrustPolicy | undefined;
  readonly serving: Serving;
  readonly services: Services;
};

/** Settings that one connection's identity is kept ready for: clients rarely meet routes with more than one or two. */
const maxKnown = 4;

type Known = { readonly config: ForwardClientCertConfig; readonly forwarded: ForwardedIdentity };
const nothingKnown: readonly Known[] = [];
const noCallers: readonly Caller[] = [];

export class Client {
  readonly peer: Peer;
  /** Name of the entry point that it came in by. */
  readonly entryPoint: string;
  /** Why its open connection has to end, since trust changed; undefined while it would be let in today. */
  distrusted: VerificationResult | undefined;
  /** Set since trust changed, until somebody has looked whether it would be let in: `settle` has that done now. */
  unsettled: { settle(): void } | undefined;
  #logFragment: string | undefined;
  #serving: Serving | undefined;
  #hostPolicy: HostPolicy | undefined;
  #known = nothingKnown;
  #callers = noCallers;
  #verified: { readonly rule: RouteRule; readonly denial: RouteDenial | undefined } | undefined;

  constructor(peer: Peer, entryPoint = peer.secure ? 'webSecure' : 'web') {
    this.peer = peer;
    this.entryPoint = entryPoint;
  }

  /** The same as a fault, of this moment. */
  get distrust(): Fault | undefined {
    this.unsettled?.settle();
    if (this.distrusted === undefined) return undefined;
    const { code, detail } = this.distrusted;
    // `ok` would be no reason; even so nothing passes.
    return new Fault(code === 'ok' ? 'untrusted_issuer' : code, 'client', { detail });
  }

  /** JSON fragment of the access log, of which a worker has one. */
  logFragment(fields: AccessLogFields): string {
    this.#logFragment ??= fields.describePeer(this.peer);
    return this.#logFragment;
  }

  /** Host and policy of an authority; the last one is remembered, since a client rarely changes it. */
  findHost(authority: string, serving: Serving): HostPolicy {
    this.#enter(serving);
    const last = this.#hostPolicy;
    if (last !== undefined && last.authority === authority) return last;
    const host = hostOfAuthority(authority) ?? '';
    const found = { authority, host, policy: serving.policies.find(host === '' ? undefined : host) };
    this.#hostPolicy = found;
    return found;
  }

  /** Identity fields for a route's backend, computed once for all routes with these settings (Generation shares them). */
  identity(config: ForwardClientCertConfig, request: RequestParts): FieldBlock {
    this.#enter(request.serving);
    const received = request.exchange.head.fields;
    for (const known of this.#known) if (known.config === config) return known.forwarded.block(received);
    const { identity } = this.peer;
    if (identity === undefined && !forwardsIncoming(config.mode)) return FieldBlock.empty;
    // The policy is no part of the key: a connection that has an identity reaches the hosts of one policy (identify).
    const ownUris = request.policy === undefined ? [] : request.serving.ownUris(request.policy);
    const forwarded = new ForwardedIdentity(identity, config, ownUris);
    if (forwarded.lacksChain) request.services.metrics.countChainUnknown();
    this.#known = withLast(this.#known, { config, forwarded });
    return forwarded.block(received);
  }

  /** For whom a call of this route is. `address`: of the client, which a trusted proxy may name anew with each request. */
  caller(route: string, address: string): Caller {
    for (const caller of this.#callers) if (caller.route === route && caller.from === address) return caller;
    const { identity, remoteAddress } = this.peer;
    // A proxy's certificate stands for all who come through it.
    const proxied = address === remoteAddress ? '' : ` ${address}`;
    const certificate = identity === undefined ? undefined : identity.leaf.sha256 + proxied;
    const caller = new Caller(address, certificate, route);
    this.#callers = withLast(this.#callers, caller);
    return caller;
  }

  /** What a route's rule says of this client; the last answer is kept, since an identity never changes. */
  verify(rule: RouteRule): RouteDenial | undefined {
    if (this.#verified?.rule !== rule) this.#verified = { rule, denial: rule.verify(this.peer.identity) };
    return this.#verified.denial;
  }

  #enter(serving: Serving): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    this.#hostPolicy = undefined;
    this.#known = nothingKnown;
  }
}

/** A spread makes room for more than comes: most clients have one of each for as long as they are connected. */
function withLast<T>(known: readonly T[], last: T): readonly T[] {
  return known.length === 0 ? [last] : [...known.slice(1 - maxKnown), last];
}
