// What has arrived is read before a failed write ends a connection. A backend may answer before it has read the request body
// (401, 413) and close: what is sent afterwards fails with EPIPE or ECONNRESET, while its answer still lies in the kernel.
// Node gives a socket up at the first write that fails, and the answer with it.
import type { Socket } from 'node:net';

type Failure = Error & { code?: string };
type Done = (error?: Error | null) => void;

/** The peer is gone, so that reading ends by itself once all has been read. Of any other error nobody knows that. */
const peerGone: ReadonlySet<string | undefined> = new Set(['EPIPE', 'ECONNRESET']);

/**
 * From now on such a failure of `socket` is told to `onFailure`, once, and its write is done when the socket closes: the socket
 * emits no error for it, takes nothing more onto the wire, and reads on to its end. For a socket that nobody has written to yet.
 */
export function holdWriteFailure(socket: Socket, onFailure: (error: Failure) => void): void {
  const hold = (done: Done): Done => {
    return (error) => {
      if (!error || !peerGone.has((error as Failure).code)) return done(error);
      socket.once('close', () => done(error));
      onFailure(error);
    };
  };
  // The methods that Node has implementers of streams write; every write of the socket goes through one of them.
  const write = socket._write.bind(socket);
  const writeMany = socket._writev?.bind(socket);
  socket._write = (chunk, encoding, done) => write(chunk, encoding, hold(done));
  if (writeMany !== undefined) socket._writev = (chunks, done) => writeMany(chunks, hold(done));
}
