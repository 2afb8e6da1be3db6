// One client connection as the flow sees it: its peer, and what is computed once per connection and generation because
// it is the same for each of its requests (the policy of its Host, the forwarded identity).
import type { ForwardClientCertConfig } from '../config/gateway-config.ts';
import type { EdgePolicy } from '../edge/edge-policy.ts';
import type { Peer } from '../edge/peer.ts';
import type { FieldBlock, Fields } from '../http/field.ts';
import { forwardsIncoming, identityBlock } from '../identity/identity-block.ts';
import { hostOfAuthority } from '../routing/host-of-authority.ts';
import { accessLogClient } from '../telemetry/access-log.ts';
import type { Serving } from './serving.ts';

export type HostPlace = { readonly authority: string; readonly host: string; readonly policy: EdgePolicy | undefined };

export class Client {
  readonly peer: Peer;
  /** JSON fragment of the access log. */
  readonly logFragment: string;
  #serving: Serving | undefined;
  #place: HostPlace | undefined;
  #identity:
    | { readonly config: ForwardClientCertConfig; readonly policy: EdgePolicy | undefined; readonly block: FieldBlock }
    | undefined;

  constructor(peer: Peer) {
    this.peer = peer;
    this.logFragment = accessLogClient(peer);
  }

  /** Host and policy of an authority; the last one is remembered, since a client rarely changes it. */
  findHost(authority: string, serving: Serving): HostPlace {
    this.#enter(serving);
    const last = this.#place;
    if (last !== undefined && last.authority === authority) return last;
    const host = hostOfAuthority(authority) ?? '';
    const place = { authority, host, policy: serving.policies.find(host === '' ? undefined : host) };
    this.#place = place;
    return place;
  }

  /** Identity fields for a route's backend. `received`: the request's fields as they came, for modes that forward. */
  identity(
    config: ForwardClientCertConfig,
    policy: EdgePolicy | undefined,
    serving: Serving,
    received: Fields,
  ): FieldBlock {
    this.#enter(serving);
    const last = this.#identity;
    if (last !== undefined && last.config === config && last.policy === policy) return last.block;
    const ownUris = policy === undefined ? [] : serving.ownUris(policy);
    if (forwardsIncoming(config)) return identityBlock(this.peer.identity, config, ownUris, received);
    const block = identityBlock(this.peer.identity, config, ownUris);
    this.#identity = { config, policy, block };
    return block;
  }

  #enter(serving: Serving): void {
    if (this.#serving === serving) return;
    this.#serving = serving;
    this.#place = undefined;
    this.#identity = undefined;
  }
}
