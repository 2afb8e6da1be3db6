// Who is at the other end of an accepted connection, as the request flow sees it: address, trust policy, verdict.
// Computed once per connection and never changed; judging an open connection again yields a new Verdict elsewhere.
import type { Socket } from 'node:net';
import type { Identity, Verdict } from '../pki/verdict.ts';

export type Peer = {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localPort: number;
  /** False on the plain HTTP entry point. */
  readonly secure: boolean;
  /** Canonical server name of the ClientHello; undefined where there was none, or it was an IP literal. */
  readonly serverName: string | undefined;
  /** Name of the trust policy that the server name chose; '' on plain connections. */
  readonly policy: string;
  /** Digest of everything that decided trust in that policy; '' on plain connections. */
  readonly policyDigest: string;
  /** The outcome of the handshake; undefined on plain connections and where the policy asks for no certificate. */
  readonly verdict: Verdict | undefined;
  /** The client, where its certificate passed every check; undefined for anonymous clients. */
  readonly identity: Identity | undefined;
  /** Set (`onFailure: explain`) where the handshake failed: answer the first request with this code, then close. */
  readonly refused: Verdict | undefined;
};

/** The peer of a connection to the plain HTTP entry point: an address and nothing else. */
export function peerOfPlainSocket(socket: Socket): Peer {
  return {
    remoteAddress: socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    secure: false,
    serverName: undefined,
    policy: '',
    policyDigest: '',
    verdict: undefined,
    identity: undefined,
    refused: undefined,
  };
}
