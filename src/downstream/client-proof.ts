// What Node says of a finished handshake.
import type { TLSSocket } from 'node:tls';
import { verifyErrorOf } from '../certs/sent-chain.ts';
import type { ClientProof } from '../trust/verify-client.ts';
import { findSessionGroup } from './session-group.ts';

/** What it says before it judges: at the event `secure`. */
export function readShown(socket: TLSSocket): Omit<ClientProof, 'authorized' | 'raw'> {
  return {
    leaf: socket.getPeerX509Certificate(),
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    group: findSessionGroup(socket),
  };
}

/** `asked`: for a certificate. `shown`: what was read already, at the event `secure` of the same handshake. */
export function readProof(
  socket: TLSSocket,
  asked: boolean,
  shown?: Omit<ClientProof, 'authorized' | 'raw'>,
): ClientProof {
  const judged = { authorized: socket.authorized, raw: verifyErrorOf(socket) };
  if (shown !== undefined) return { ...shown, ...judged };
  return {
    ...judged,
    leaf: asked ? socket.getPeerX509Certificate() : undefined,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    group: findSessionGroup(socket),
  };
}
