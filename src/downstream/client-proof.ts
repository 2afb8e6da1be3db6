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

/** `asked`: for a certificate. */
export function readProof(socket: TLSSocket, asked: boolean): ClientProof {
  return {
    authorized: socket.authorized,
    raw: verifyErrorOf(socket),
    leaf: asked ? socket.getPeerX509Certificate() : undefined,
    resumed: socket.isSessionReused(),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().name,
    group: findSessionGroup(socket),
  };
}
