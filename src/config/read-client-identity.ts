// `forwardClientCert` of the gateway and of a route: which parts of the client's identity backends are told.
import type { ForwardClientCertConfig } from './gateway-config.ts';
import type { ForwardClientCertShape } from './route-shape.ts';

/** What is not written comes from `around` (the gateway's, for a route), key by key; at the top from the defaults. */
export function readForwardClientCert(
  shape: ForwardClientCertShape | undefined,
  around?: ForwardClientCertConfig,
): ForwardClientCertConfig {
  const xfcc = shape?.xfcc;
  return {
    mode: shape?.mode ?? around?.mode,
    xfcc: {
      subject: xfcc?.subject ?? around?.xfcc.subject ?? true,
      uri: xfcc?.uri ?? around?.xfcc.uri ?? true,
      dns: xfcc?.dns ?? around?.xfcc.dns ?? true,
      cert: around?.xfcc.cert ?? false,
      chain: around?.xfcc.chain ?? false,
    },
    rfc9440: around?.rfc9440 ?? { clientCert: false, chain: false },
    custom: around?.custom ?? [],
  };
}
