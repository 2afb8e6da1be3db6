// nginx with `ssl_verify_client on` finishes the handshake and then refuses in HTTP: a 400 page of its own. Recognised by
// its fixed texts (ngx_http_special_response.c: 495, 496), so that the reason is told instead of a bare 400.
import { Fault } from '../base/fault.ts';
import type { Fields } from '../http/field.ts';
import { askTheBackend } from './transport-failure.ts';

/** How much of the body is looked at: nginx's page is under 300 bytes. */
const lookedAtBytes = 512;

/**
 * What an answer over TLS says about our client certificate: none was sent, or it was refused; undefined for every other
 * answer. `firstBody` is the first piece of the body.
 */
export function classifyNginxRefusal(
  status: number,
  fields: Fields,
  firstBody: Buffer,
): 'no_client_cert' | 'refused_by_peer' | undefined {
  if (status !== 400) return undefined;
  if (!(fields.find('content-type') ?? '').startsWith('text/html')) return undefined;
  const text = firstBody.toString('latin1', 0, lookedAtBytes);
  if (text.includes('<center>No required SSL certificate was sent</center>')) return 'no_client_cert';
  if (text.includes('<center>The SSL certificate error</center>')) return 'refused_by_peer';
  return undefined;
}

/** Which backend, and what we show it. */
export type NginxSituation = { readonly label: string; readonly presents: string | undefined };

/** The fault of an answer that is about our client certificate; undefined for every other answer. */
export function findNginxRefusal(
  { status, fields }: { readonly status: number; readonly fields: Fields },
  firstBody: Buffer,
  { label, presents }: NginxSituation,
): Fault | undefined {
  const code = classifyNginxRefusal(status, fields, firstBody);
  if (code === undefined) return undefined;
  const detail = `${label} ${describe[code](presents)}`;
  return new Fault(code, 'backend', { detail, raw: 'HTTP 400', ...(presents && { remedy: askTheBackend }) });
}

const describe = {
  no_client_cert: (presents: string | undefined): string =>
    presents === undefined
      ? 'requires a client certificate and the route has none: set security.tls.clientCert and clientKey'
      : `answers that no client certificate was sent, though we have one (${presents}): it did not ask for it on this connection, or something in between ends TLS`,
  refused_by_peer: (presents: string | undefined): string =>
    presents === undefined
      ? 'answers that the client certificate is bad, though the route has none: something in between ends TLS and sends one of its own'
      : `could not verify our client certificate (${presents}): its ssl_client_certificate must hold the CA that issued it, its error log says more`,
};
