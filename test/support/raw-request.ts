// A request as it is written, sent over TLS by Node: for the hundreds of cases in which not the handshake is the question but what
// comes after it. An openssl for each of them would be most of what they cost.
import { connect } from 'node:tls';
import { SAFETY_NET_MS } from './wait-for.ts';

export type RawRequest = {
  readonly port: number;
  /** SNI; false sends none. */
  readonly servername: string | false;
  /** Who asks; nobody where it is left out. The server's certificate is not looked at. */
  readonly as?: { readonly chainPem: string; readonly keyPem: string } | undefined;
  /** Latin-1. It has to make the server close in the end. */
  readonly request: string;
};

export type RawAnswer = {
  /** Of the first answer; undefined where none came. */
  readonly status: number | undefined;
  /** All that came, latin-1; '' where the handshake or the request was refused without a word. */
  readonly response: string;
  /** `response`, and how the connection failed where it did. */
  readonly output: string;
};

/** Connects once and reads until the connection has ended, however it does. */
export function askRaw({ port, servername, as, request }: RawRequest): Promise<RawAnswer> {
  const credentials = as === undefined ? {} : { cert: as.chainPem, key: as.keyPem };
  const name = servername === false ? {} : { servername };
  const socket = connect({ host: '127.0.0.1', port, ...name, ...credentials, rejectUnauthorized: false });
  let response = '';
  let failed = '';
  socket.setEncoding('latin1').on('data', (piece: string) => (response += piece));
  socket.setTimeout(SAFETY_NET_MS, () => socket.destroy(new Error('nothing came any more')));
  socket.on('error', (error) => (failed = String(error)));
  socket.write(request, 'latin1');
  return new Promise((resolve) => {
    socket.once('close', () => {
      const status = /^HTTP\/1\.[01] (\d{3})/.exec(response)?.[1];
      resolve({
        status: status === undefined ? undefined : Number(status),
        response,
        output: `${response}\n${failed}`,
      });
    });
  });
}
