// Fields by which somebody in front tells a backend what it has found out: who the client is, from where and how he came,
// or which path and method are really meant. A client must not say such things for himself (incidents 14 and 26), so all
// that is known of them stands here, folded (fold-name.ts); `*` at the end stands for any continuation. The page
// docs/forwarded-identity.md lists the same, and a test compares the two.

/** Client certificates, and what was read from one. */
const certificates = [
  'x-ssl',
  'x-arr-ssl',
  'x-client-verify',
  'x-client-dn',
  'x-client-subject',
  'x-client-subject-dn',
  'x-client-issuer',
  'x-client-issuer-dn',
  'x-client-san',
  'x-client-cn',
  'x-client-fingerprint',
  'x-client-serial',
  // Tomcat's SSLValve.
  'ssl-cipher',
  'ssl-session-id',
  'ssl-cipher-usekeysize',
  // RFC 9440; NetScaler.
  'client-cert*',
  'clientcert*',
  // Kong, Google Cloud; F5.
  'x-client-cert*',
  'x-clientcert*',
  // HAProxy, nginx, Pound; ingress-nginx, Apache; F5 BIG-IP.
  'x-ssl-*',
  'ssl-client*',
  'ssl-server-*',
  'sslclient*',
  'x-tls-client*',
  'tls-client-*',
  'x-mtls-*',
  'x-peer-cert*',
  // Azure and IIS; ASP.NET Core behind IIS.
  'x-arr-clientcert*',
  'ms-aspnetcore-*',
  'x-amzn-mtls-*',
  'cf-cert-*',
  'cf-client-cert-*',
  'x-spiffe-*',
  // WebLogic and WebSphere ($WSCC, $WSRU, …) take the word of any proxy for the certificate, the user and the address.
  'wl-proxy-*',
  '-ws*',
  // Linkerd: l5d-client-id, and l5d-dst-override beside it.
  'l5d-*',
];

/** Users that an authenticating proxy names, or that a request is to be made for: believed for our certificate's sake. */
const users = [
  'remote-user',
  'remote-users',
  'remote-group',
  'remote-groups',
  'remote-name',
  'remote-email',
  'remote-role',
  'remote-roles',
  'remote-ident',
  // Kong, APISIX.
  'x-anonymous-consumer',
  'x-userinfo',
  // Keycloak Gatekeeper.
  'x-auth-subject',
  'x-auth-username',
  'x-auth-userid',
  'x-auth-email',
  'x-auth-roles',
  'x-auth-groups',
  // Elasticsearch and OpenSearch; NiFi; Nexus; WSO2.
  'es-security-runas-user',
  'x-proxy-user',
  'x-proxy-roles',
  'x-proxiedentitieschain',
  'x-proxiedentitygroups',
  'x-sso-user',
  'x-jwt-assertion',
  // Google Cloud, Cloudflare, AWS, Teleport, Istio.
  'x-endpoint-api-userinfo',
  'x-apigateway-api-userinfo',
  'cf-access-authenticated-user-email',
  'cf-access-jwt-assertion',
  'x-amzn-request-context',
  'x-amzn-lambda-context',
  'teleport-jwt-assertion',
  'sec-istio-auth-userinfo',
  'x-istio-attributes',
  'x-envoy-internal',
  'x-pomerium-jwt-assertion',
  // SiteMinder, WebSEAL, Oracle Access Manager, Shibboleth, CAS.
  'sm-universalid',
  'sm-authtype',
  'sm-authdirname',
  'iv-user',
  'iv-user-l',
  'iv-groups',
  'iv-creds',
  'eppn',
  'cas-user',
  // Kubernetes: front proxies, and impersonation, which the API server grants to our certificate.
  'x-remote-*',
  'impersonate-*',
  // oauth2-proxy; Grafana and Gitea; Kong; CouchDB.
  'x-auth-request-*',
  'x-webauth-*',
  'x-consumer-*',
  'x-credential-*',
  'x-authenticated-*',
  'x-auth-couchdb-*',
  'x-authentik-*',
  'x-pomerium-claim-*',
  'x-vouch-*',
  'tailscale-*',
  // Google IAP and App Engine, Azure App Service, AWS load balancers.
  'x-goog-iap-*',
  'x-goog-authenticated-user-*',
  'x-appengine-user-*',
  'x-ms-client-principal*',
  'x-ms-token-*',
  'x-amzn-oidc-*',
  'x-envoy-peer-metadata*',
  'x-envoy-downstream-service-*',
  'dapr-caller-*',
  // SiteMinder, Oracle Access Manager, Shibboleth, mod_auth_openidc, mod_auth_mellon.
  'sm-user*',
  'oam-*',
  'shib-*',
  'oidc-*',
  'mellon-*',
];

/** Addresses, protocols and hosts. `proxy`: CGI programs read it as HTTP_PROXY and send their own requests there (httpoxy). */
const forwarding = [
  'forwarded',
  'x-forwarded',
  'forwarded-for',
  'x-url-scheme',
  'x-scheme',
  'front-end-https',
  'x-real-ip',
  'x-real-port',
  'x-client-ip',
  'client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-originating-ip',
  'x-envoy-external-address',
  'x-azure-clientip',
  'x-azure-socketip',
  'x-appengine-user-ip',
  'true-client-ip',
  'fastly-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  'cf-pseudo-ipv4',
  'cf-visitor',
  'proxy-client-ip',
  'remote-addr',
  'remote-host',
  'remote-port',
  'iv-remote-address',
  'x-request-id',
  'proxy',
  // Client-Cert (Envoy, Istio, Consul), Tls-Client-Cert (Traefik), For, Proto, Host, Port, Prefix, Uri, User, Groups, Email, …
  'x-forwarded-*',
];

/** Names by what they claim (field-claim.ts). */
export const claimedNames = {
  client: [...certificates, ...users, ...forwarding],
  override: [
    // Symfony, Zend, IIS rewriting; WSGI servers and CGI programs (gunicorn takes SCRIPT_NAME and PATH_INFO from a proxy).
    'x-original-url',
    'x-original-uri',
    'x-original-path',
    'x-original-host',
    'x-original-method',
    'x-rewrite-url',
    'x-rewrite-uri',
    'x-override-url',
    'x-replaced-path',
    'x-waws-unencoded-url',
    'x-script-name',
    'script-name',
    'path-info',
    'x-host',
    'x-http-host-override',
    // Rails, Express, Spring, ASP.NET, Google's APIs.
    'x-http-method-override',
    'x-http-method',
    'x-method-override',
    // Next.js (CVE-2025-29927); Rack::Sendfile (CVE-2025-61780).
    'x-middleware-subrequest',
    'x-sendfile-type',
    'x-accel-mapping',
    'x-envoy-original-*',
  ],
} as const;
