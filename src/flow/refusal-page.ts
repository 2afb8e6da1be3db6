// A 400 that is about the connection and not about the request: nginx's way of saying that our certificate was missing or bad, or that it
// wants TLS.
import type { Fault } from '../base/fault.ts';
import type { ResponseHead } from '../http/exchange.ts';
import { isHttpsPortPage, tlsWhereHttp } from '../http/tls-where-http.ts';
import type { Backend } from '../upstream/backend.ts';
import { findNginxRefusal } from '../upstream/nginx-refusal.ts';

/** Such an answer has a body, by whose first piece it is known. */
export function mayBeRefusalPage({ status, bodyLength }: ResponseHead): boolean {
  return status === 400 && bodyLength !== 0;
}

export function findRefusal(head: ResponseHead, firstBody: Buffer, backend: Backend): Fault | undefined {
  if (backend.secure) return findNginxRefusal(head, firstBody, backend);
  return isHttpsPortPage(head.fields, firstBody) ? tlsWhereHttp() : undefined;
}
