import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { unwrapShape } from './key-places.ts';
import { extraFileShape, mainFileShape } from './main-file.ts';
import { support } from './support.ts';

/**
 * Every key of Goma's files outside of the rules of middlewares, by the block that it stands in: `[]` behind a list, `{}` behind a
 * map of names. Of 0.13.1 and before it, by its structures; of 1.0, by its documentation.
 */
const keysOf013 = `
. version gateway middlewares certManager certificateManager plugins
gateway tls redis readTimeout writeTimeout idleTimeout timeouts entryPoints providers proxy monitoring log networking
gateway strictSlash enableMetrics debug errorInterceptor cors extraConfig defaults reload analytics geoip routes
gateway.tls certsDir certificates keys clientAuth default
gateway.tls.certificates[] cert key
gateway.tls.keys[] cert key
gateway.tls.default cert key
gateway.tls.clientAuth clientCA required
gateway.timeouts read write idle
gateway.entryPoints web webSecure passThrough
gateway.entryPoints.web address
gateway.entryPoints.webSecure address
gateway.entryPoints.passThrough forwards
gateway.providers file http git
gateway.providers.file enabled directory watch
gateway.proxy enabled trustedProxies ipHeaders
gateway.monitoring enableMetrics host metricsPath visitorTTL enableReadiness enableLiveness
gateway.monitoring enableRouteHealthCheck includeRouteHealthErrors middleware
gateway.log level filePath format maxAgeDays maxBackups maxSizeMB
gateway.networking dnsCache transport
gateway.networking.dnsCache ttl clearOnReload resolver
gateway.networking.transport insecureSkipVerify disableCompression maxIdleConns maxIdleConnsPerHost maxConnsPerHost
gateway.networking.transport tlsHandshakeTimeout responseHeaderTimeout idleConnTimeout forceAttemptHTTP2
gateway.extraConfig directory watch
gateway.defaults middlewares
gateway.reload enabled path token host
gateway.routes[] name path rewrite priority disabled enabled hosts cors methods destination target backends
gateway.routes[] insecureSkipVerify healthCheck disableHostForwarding errorInterceptor blockCommonExploits maintenance
gateway.routes[] tls security disableMetrics middlewares
gateway.routes[].backends[] endpoint weight match exclusive priority
gateway.routes[].backends[].match[] source name operator value
gateway.routes[].healthCheck path interval timeout healthyStatuses
gateway.routes[].maintenance enabled statusCode message
gateway.routes[].security forwardHostHeaders enableExploitProtection tls
gateway.routes[].security.tls SkipVerification insecureSkipVerify rootCAs clientCert clientKey
gateway.routes[].tls provider certificate certificates
gateway.routes[].tls.certificate cert key
middlewares[] name type paths rule
certManager defaultProvider providers provider acme vault
certManager.providers{} type acme vault
certManager.acme email directoryUrl storageFile termsAccepted challengeType dnsProvider credentials
certManager.acme.credentials apiToken
certManager.vault address token role mount namespace ttl storageFile
`;

const keysOfOlder = `
gateway listenAddr rateLimit rateLimiter blockCommonExploits extraRoutes logLevel errorLog interceptErrors
gateway enableStrictSlash enableKeepAlive disableKeepAlive disableDisplayRouteOnStart
gateway disableHealthCheckStatus disableRouteHealthCheckError sslCertFile sslKeyFile tlsCertFile tlsKeyFile accessLog
gateway.monitoring path healthCheck
gateway.networking proxy
gateway.routes[].tls keys
gateway.routes[].security.tls skipVerification
certManager.acme directoryURL storage challenge entrypoint
certManager.acme.challenge type provider credentials
. acme defaults
gateway.routes[] enableBotDetection blocklist rateLimit interceptErrors disableHeaderXForward disableHostFording host
`;

const keysOf10 = `
gateway.networking passiveHealthCheck
gateway.providers signing
certManager.acme eab insecureSkipVerify
certManager.acme.eab kid hmacKey
certManager.providers{}.acme email eab insecureSkipVerify
certManager.providers{}.vault address token role
`;

/** What stands at the top of the files of extraConfig and of the providers. */
const keysOfBundles = `
. version routes middlewares metadata checksum timestamp signature
routes[] name path target backends middlewares
middlewares[] name type paths rule
`;

type Table = { readonly path: string; readonly key: string }[];

function tableOf(text: string): Table {
  return text
    .trim()
    .split('\n')
    .flatMap((line) => {
      const [path = '', ...keys] = line.split(' ');
      return keys.map((key) => ({ path, key }));
    });
}

function find(root: z.ZodType, { path, key }: Table[number]): z.ZodType | undefined {
  let current: z.ZodType | undefined = root;
  for (const step of [...(path === '.' ? [] : path.split('.')), key]) {
    const name = step.replace(/\[\]|\{\}$/, '');
    const inner: unknown = current && unwrapShape(current);
    current = inner instanceof z.ZodObject ? (inner.shape[name] as z.ZodType | undefined) : undefined;
    // What is said of the block is said of all in it.
    if (current !== undefined && support.has(current)) return current;
    const below: unknown = current && unwrapShape(current);
    if (step.endsWith('[]')) current = below instanceof z.ZodArray ? (below.element as z.ZodType) : undefined;
    if (step.endsWith('{}')) current = below instanceof z.ZodRecord ? (below.valueType as z.ZodType) : undefined;
  }
  return current;
}

describe("every key of Goma's is known", () => {
  const tables = [
    ['0.13', keysOf013, mainFileShape],
    ['before 0.13', keysOfOlder, mainFileShape],
    ['1.0', keysOf10, mainFileShape],
    ['extra files and providers', keysOfBundles, extraFileShape],
  ] as const;
  for (const [name, keys, root] of tables)
    it(`in ${name}: it is read, or a sentence of its own says what becomes of it`, () => {
      for (const row of tableOf(keys)) {
        const field = find(root, row);
        assert.ok(field, `${row.path} ${row.key}`);
        const what = support.get(field);
        if (what !== undefined) assert.match(what.consequence, /^\S.*\S$/, row.key);
        else assert.ok(!(unwrapShape(field) instanceof z.ZodUnknown) || row.key === 'rule', `${row.key} is not read`);
      }
    });
});
