// The shape of `routes[]` and `middlewares[]`: Goma's keys with their aliases, ours, and what is not supported.
import { z } from 'zod';
import { closedMap, duration, flag, integer, list, map, oneOf, text } from './atoms.ts';
import { routeClientCertShape } from './identity-shape.ts';
import { ignored, refused } from './support.ts';
import { backendTlsShape, routeTlsShape } from './tls-shape.ts';

const customValues = ['pem', 'der', 'subject', 'issuer', 'serial', 'fingerprint', 'spiffe', 'sans'] as const;

export const forwardClientCertShape = map({
  mode: oneOf(['sanitize', 'forwardOnly', 'appendForward', 'sanitizeSet', 'alwaysForwardOnly'])
    .optional()
    .describe(
      'What becomes of X-Forwarded-Client-Cert. Default: sanitizeSet where the client is authenticated, else sanitize.',
    ),
  xfcc: map({
    subject: flag.optional().describe('Default true.'),
    uri: flag.optional().describe('Default true.'),
    dns: flag.optional().describe('Default true.'),
    cert: flag.optional().describe('The certificate, PEM percent-encoded. Default false.'),
    chain: flag.optional().describe('The certificate and its chain. Default false.'),
  })
    .optional()
    .describe('Parts of the X-Forwarded-Client-Cert element.'),
  rfc9440: map({
    clientCert: flag.optional().describe('Client-Cert. Default false.'),
    chain: flag.optional().describe('Client-Cert-Chain; only with clientCert. Default false.'),
  })
    .optional()
    .describe('The fields of RFC 9440.'),
  custom: list(
    closedMap({
      name: text.optional().describe('Name of the field; required.'),
      value: oneOf([...customValues, 'der-base64'], true)
        .optional()
        .describe('What the field holds; required. der (also der-base64) is base64 of the certificate.'),
    }),
  )
    .optional()
    .describe('Further fields. Default none; a list on a route replaces the whole list of the gateway.'),
});
export type ForwardClientCertShape = z.output<typeof forwardClientCertShape>;

const backendMatchShape = map({
  source: oneOf(['header', 'cookie', 'query', 'ip'], true).optional(),
  name: text.optional().describe('Name of the header, cookie or query parameter.'),
  operator: oneOf(
    ['equals', 'not_equals', 'contains', 'not_contains', 'starts_with', 'ends_with', 'regex', 'in'],
    true,
  ).optional(),
  value: text.optional().describe('Text to compare with; for `in` a list separated by commas.'),
});
export type BackendMatchShape = z.output<typeof backendMatchShape>;

const backendShape = map({
  endpoint: text.optional().describe('http://host:port or https://host:port, with an optional base path.'),
  weight: integer(0, 1_000_000)
    .optional()
    .describe('Share of the requests; 0 gets none as soon as one backend has a weight.'),
  priority: integer(-1_000_000, 1_000_000).optional().describe('Among overlapping exclusive matches the highest wins.'),
  exclusive: flag.optional().describe('Requests that match go here and nowhere else.'),
  match: list(backendMatchShape).optional().describe('Canary: all conditions must hold.'),
});
export type BackendShape = z.output<typeof backendShape>;

export const exploitProtection = refused(
  'let requests through that Goma blocks',
  'Remove it, or filter in front of the gateway.',
);

/** What earlier versions of Goma knew and 0.13 ignores. */
const keysOfOlderGoma = {
  enableExploitProtection: exploitProtection,
  enableBotDetection: refused(
    'let requests through that Goma blocked',
    'Remove it, or filter in front of the gateway.',
  ),
  blocklist: refused('open paths that were forbidden', 'Remove it, or filter in front of the gateway.'),
  rateLimit: refused('let clients send without a limit', 'Limit them in front of the gateway.'),
  interceptErrors: ignored('error answers are not replaced'),
  disableHeaderXForward: ignored('backends are told the address and the protocol of the client'),
  disableHostFording: ignored('security.forwardHostHeaders decides', 'Write security.forwardHostHeaders.'),
};

export const routeShape = map({
  name: text.optional().describe('Unique name; required.'),
  path: text.optional().describe('Prefix on a segment boundary; {param} stands for one whole segment; required.'),
  rewrite: text.optional().describe('Replaces the matched prefix.'),
  mergeSlashes: flag
    .optional()
    .describe('Default true. False: the backend gets empty segments within the path as they came.'),
  priority: integer(-1_000_000, 1_000_000).optional().describe('Lower first. Default 0.'),
  enabled: flag.optional().describe('Default true.'),
  disabled: flag.optional().describe('Deprecated: the opposite of enabled.'),
  hosts: list(text).optional().describe('Exact names, *.example.com, {sub}.example.com. Omitted: every host.'),
  methods: list(text).optional().describe('Methods that are let through. Omitted: all.'),
  target: text.optional().describe('The one backend; ignored where backends is given.'),
  destination: text.optional().describe('Deprecated name of target.'),
  backends: list(backendShape).optional().describe('Several backends.'),
  loadBalancing: oneOf(['roundRobin', 'weighted', 'leastRequest', 'hash'], true)
    .optional()
    .describe(
      'roundRobin or weighted. Default: weighted where a backend has a weight. leastRequest and hash come later.',
    ),
  healthCheck: map({
    path: text.optional().describe('Default /.'),
    interval: duration.optional().describe('Default 30s.'),
    timeout: duration.optional().describe('Default 10s.'),
    healthyStatuses: list(integer(100, 599)).optional().describe('Default: every status below 400.'),
    healthyThreshold: integer(1, 100)
      .optional()
      .describe('Good answers in a row that bring a backend back. Default 1.'),
    unhealthyThreshold: integer(1, 100).optional().describe('Bad answers in a row that take a backend out. Default 2.'),
  })
    .optional()
    .describe('Active health check over the same TLS identity as requests.'),
  security: map({
    forwardHostHeaders: flag.optional().describe('true: the backend sees the Host of the client. Default true.'),
    tls: backendTlsShape.optional().describe('TLS to the backends.'),
    clientCert: routeClientCertShape.optional().describe('Who may call the route. Default: whom the policy lets in.'),
    forwardClientCert: forwardClientCertShape
      .optional()
      .describe('Overrides single keys of gateway.forwardClientCert.'),
    enableExploitProtection: exploitProtection,
  }).optional(),
  disableHostForwarding: flag.optional().describe('Deprecated: the opposite of security.forwardHostHeaders.'),
  insecureSkipVerify: flag.optional().describe('Deprecated name of security.tls.insecureSkipVerify.'),
  blockCommonExploits: exploitProtection,
  tls: routeTlsShape.optional().describe('Certificates for the hosts of the route.'),
  maintenance: map({
    enabled: flag.optional(),
    statusCode: integer(200, 599).optional().describe('Default 503.'),
    message: text.optional().describe('Default "503 Service temporarily unavailable".'),
  }).optional(),
  middlewares: list(text).optional().describe('Names of middlewares. None is implemented in this version.'),
  timeouts: map({
    connect: duration.optional().describe('TCP connect. Default 5s.'),
    handshake: duration.optional().describe('TLS handshake with the backend. Default 10s.'),
    response: duration
      .optional()
      .describe('From the end of the request to the head of the response. Default 60s; 0 = none.'),
    idle: duration.optional().describe('Between two pieces of the response. Default 60s; 0 = none.'),
  }).optional(),
  retry: map({
    attempts: integer(1, 10).optional().describe('Attempts in all; 1 = no retry.'),
    on: list(oneOf(['connect', 'refused-stream']))
      .optional()
      .describe('Failures after which another attempt is made. Default both.'),
  }).optional(),
  maxBodyBytes: integer(0).optional().describe('Largest request body; 0 = no limit.'),
  disableMetrics: ignored('the requests of the route are counted'),
  cors: ignored('no CORS header is added; browsers refuse what they would refuse without it'),
  errorInterceptor: ignored('error answers are not replaced'),
  ...keysOfOlderGoma,
});
export type RouteShape = z.output<typeof routeShape>;

export const middlewareShape = map({
  name: text.optional().describe('Unique name.'),
  type: text.optional(),
  paths: z.unknown().optional(),
  rule: z.unknown().optional(),
});
export type MiddlewareShape = z.output<typeof middlewareShape>;
