// `gateway.http2`: whether clients may speak HTTP/2, and how much at a time. What backends are spoken to in stands in backend-tls.ts.
import { flag, integer } from './atoms.ts';
import { key } from './key.ts';

export const http2Keys = {
  enabled: key(flag, {
    says: 'Clients may speak HTTP/2, over TLS alone. Default {default}.',
    default: true,
    page: 'own. `h2` is offered to clients over TLS, before `http/1.1`; one that uses no ALPN may begin with it (prior knowledge). Never without TLS (505), and never by Upgrade.',
  }),
  maxConcurrentStreams: key(integer(1, 10_000), {
    says: 'Requests at a time on one connection of a client. Default {default}.',
    default: 128,
    page: 'own, as nginx has it (`http2_max_concurrent_streams`). Requests at a time on one connection; further ones are refused before they are looked at (`REFUSED_STREAM`), and may be sent again.',
  }),
};
