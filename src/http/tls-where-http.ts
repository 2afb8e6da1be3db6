// A backend that speaks TLS where the route asks in plain HTTP: known by the first bytes of its answer, a TLS record, or by the page
// that nginx has for it.
import { Fault } from '../base/fault.ts';
import type { Fields } from './field.ts';

/** An alert or a handshake message of TLS (RFC 8446 section 5.1) where an answer is due. */
export function isTlsRecord(buffer: Buffer, at: number): boolean {
  return (buffer[at] === 21 || buffer[at] === 22) && buffer[at + 1] === 3;
}

/** nginx's own page of status 400 (its code 497). `firstBody` is the first piece of the body. */
export function isHttpsPortPage(fields: Fields, firstBody: Buffer): boolean {
  if (!(fields.find('content-type') ?? '').startsWith('text/html')) return false;
  return firstBody
    .toString('latin1', 0, 512)
    .includes('<center>The plain HTTP request was sent to HTTPS port</center>');
}

/** The request was taken for a ClientHello, so nobody has read it. */
export function tlsWhereHttp(): Fault {
  return new Fault('not_tls', 'backend', {
    detail: 'the backend speaks TLS on this port, and the route asks in plain HTTP',
    remedy: 'Use https:// for this backend, or the port on which it speaks plain HTTP.',
  });
}
