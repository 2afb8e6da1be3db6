// nginx with `ssl_verify_client on` finishes the handshake and then refuses in HTTP: a 400 page of its own. Recognised by
// its fixed texts (ngx_http_special_response.c: 495, 496), so that the reason is told instead of a bare 400.
import type { Fields } from '../http/field.ts';

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
