// Who is at the other end of an accepted connection, as the request flow sees it: address, trust policy, verdict.
// Computed once per connection and never changed; re-evaluating an open connection yields a new Verdict elsewhere.
import type { Socket } from 'node:net';
import { findIdentity, type Identity, type Verdict } from '../trust/verdict.ts';

export type Peer = {
  /** The client's; where a balancer passes the connection on, what its PROXY header says. */
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** Of the socket; for who is told of both ends. */
  readonly localAddress?: string | undefined;
  /** Whose PROXY header named the client; undefined where it connected itself. */
  readonly balancer?: string | undefined;
  /** False on the plain HTTP entry point. */
  readonly secure: boolean;
  /** Canonical server name of the ClientHello; undefined where there was none, or it was an IP literal. */
  readonly serverName: string | undefined;
  /** Name of the trust policy that the server name chose; '' on plain connections. */
  readonly policy: string;
  /** Digest of everything that decided trust in that policy; '' on plain connections. */
  readonly policyDigest: string;
  /** The outcome of the handshake: ok without a leaf for clients that need no certificate; undefined on plain connections. */
  readonly verdict: Verdict | undefined;
  /** The client, where its certificate passed every check; undefined for anonymous clients. */
  readonly identity: Identity | undefined;
  /** Set (`onFailure: explain`) where the handshake failed: answer the first request with this code, then close. */
  readonly refused: Verdict | undefined;
  /** It is the gateway itself that tries its listener. */
  readonly isSelfTest?: true;
};

export type Address = Pick<Peer, 'remoteAddress' | 'remotePort' | 'localPort' | 'localAddress' | 'balancer'>;

/** Both ends of a connection; '' and 0 where it is gone already. IPv4 is written as IPv4, also on a dual-stack socket. */
export function addressOf(socket: Socket): Address {
  return {
    remoteAddress: plainAddress(socket.remoteAddress ?? ''),
    remotePort: socket.remotePort ?? 0,
    localAddress: plainAddress(socket.localAddress ?? ''),
    localPort: socket.localPort ?? 0,
  };
}

function plainAddress(address: string): string {
  return /^::ffff:[0-9.]+$/i.test(address) ? address.slice(7) : address;
}

/** The peer of a connection to the TLS entry point, once it is verified; `serverName`: canonical. */
export function peerOfVerdict(
  address: Address,
  serverName: string | undefined,
  policy: { readonly name: string; readonly digest: string },
  verdict: Verdict,
): Peer {
  return {
    ...address,
    secure: true,
    serverName,
    policy: policy.name,
    policyDigest: policy.digest,
    verdict,
    identity: findIdentity(verdict),
    refused: verdict.code === 'ok' ? undefined : verdict,
  };
}

/** The peer of a connection to the plain HTTP entry point: an address and nothing else. */
export function peerOfPlainConnection(address: Address): Peer {
  return {
    ...address,
    secure: false,
    serverName: undefined,
    policy: '',
    policyDigest: '',
    verdict: undefined,
    identity: undefined,
    refused: undefined,
  };
}
