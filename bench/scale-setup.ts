// What the scale benchmark configures: so many routes, policies (each with a server name, a certificate and a CA of clients of its own)
// or services, for Countersign and for nginx. Certificates are minted once for the largest size.
import { type Issued, mintCa } from '../src/certs/test-ca.ts';
import type { Pki } from '../test/support/pki.ts';
import { SMALL_JSON } from './peer.ts';

export const kinds = ['routes', 'policies', 'services'] as const;
export type Kind = (typeof kinds)[number];
export type Rival = 'countersign' | 'nginx';

/** What a client asks for, and as whom. Texts are PEM. */
export type Target = {
  readonly servername: string;
  readonly path: string;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
};

/** Policies with a client of their own: as many as a load goes to. */
const clientCount = 200;
/** Services that a load goes to: each has an address of its own, and connections. */
const hotServices = 64;
const atOnce = 16;

/** Writes pN.crt, pN.key and pN-ca.crt for each policy; returns a client of some of them. */
export async function mintPolicies(pki: Pki, count: number): Promise<ReadonlyMap<number, Issued>> {
  const clients = new Map<number, Issued>();
  const every = Math.max(1, Math.floor(count / clientCount));
  let next = 0;
  const mintSome = async (): Promise<void> => {
    while (next < count) {
      const at = next++;
      const [ca, own] = await Promise.all([
        mintCa({ cn: `Clients of p${at}` }),
        pki.servers.issue({ kind: 'server', sans: [`p${at}.test`] }),
      ]);
      pki.dir.write(`p${at}-ca.crt`, ca.certPem);
      pki.dir.write(`p${at}.crt`, own.chainPem);
      pki.dir.write(`p${at}.key`, own.keyPem);
      // The first hundred for small sizes, and some of all.
      if (at < clientCount / 2 || at % every === 0)
        clients.set(at, await ca.issue({ kind: 'client', cn: `client of p${at}` }));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, mintSome));
  return clients;
}

export type Scale = {
  readonly kind: Kind;
  readonly count: number;
  readonly pki: Pki;
  readonly clients: ReadonlyMap<number, Issued>;
  readonly port: number;
  readonly backendPort: number;
};

/** Where a load of this size goes. */
export function targetsOf({ kind, count, pki, clients }: Scale): readonly Target[] {
  const { certPem: ca } = pki.servers;
  const alice = { servername: 'localhost', ca, cert: pki.alice.chainPem, key: pki.alice.keyPem };
  if (kind === 'routes') return Array.from({ length: count }, (_, at) => ({ ...alice, path: `/r${at}/x` }));
  if (kind === 'services') return hotOf(count).map((at) => ({ ...alice, path: `/r${at}/x` }));
  return [...clients]
    .filter(([at]) => at < count)
    .map(([at, { chainPem: cert, keyPem: key }]) => ({ servername: `p${at}.test`, path: '/r0/x', ca, cert, key }));
}

function hotOf(count: number): readonly number[] {
  const hot = Math.min(count, hotServices);
  return Array.from({ length: hot }, (_, at) => Math.floor((at * count) / hot));
}

function addressOf(at: number): string {
  return `127.${1 + (at >> 16)}.${(at >> 8) & 255}.${at & 255}`;
}

/** The backend of all: nginx over mutual TLS, at each address that a load goes to, and at that of the marker. */
export function backendConfig({ kind, count, pki, backendPort }: Scale): string {
  const addresses = ['127.0.0.1', ...(kind === 'services' ? hotOf(count).map(addressOf) : [])];
  return `user root; worker_processes 1; daemon off; pid backend.pid; error_log stderr error;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server {
${addresses.map((address) => `    listen ${address}:${backendPort} ssl backlog=4096;`).join('\n')}
    ssl_certificate ${pki.backend.cert}; ssl_certificate_key ${pki.backend.key};
    ssl_client_certificate ${pki.internal.file}; ssl_verify_client on; ssl_protocols TLSv1.3; ssl_session_cache shared:tls:8m;
    location / { default_type application/json; return 200 '${SMALL_JSON}'; }
  }
}
`;
}

/** What differs between two configurations of a size: another marker is one more route, another lifetime touches every policy. */
export type Variant = { readonly marker: number; readonly hours: number };

export function configOf(rival: Rival, scale: Scale, variant: Variant): string {
  return rival === 'nginx' ? nginxConfig(scale, variant) : ownConfig(scale, variant);
}

function numbers(count: number): readonly number[] {
  return Array.from({ length: count }, (_, at) => at);
}

function ownConfig({ kind, count, pki, port, backendPort }: Scale, { marker, hours }: Variant): string {
  const tls = '{mode: mtls, certificateId: gateway, caBundle: internal, serverName: localhost}';
  const services = kind === 'services' ? numbers(count) : [];
  const policies = kind === 'policies' ? numbers(count) : [];
  const routes = kind === 'policies' ? [0] : numbers(count);
  const serviceOf = (at: number): string => (kind === 'services' ? `s${at}` : 'backend');
  return `version: 2
gateway:
  workers: 1
  entryPoints:
    web: {enabled: false}
    webSecure: {address: "127.0.0.1:${port}"}
    admin: {address: "127.0.0.1:0"}
  accessLog: {enabled: false}
  certificates: [{id: gateway, cert: "${pki.gateway.cert}", key: "${pki.gateway.key}"}]
  caBundles: [{id: internal, ca: "${pki.internal.file}"}]
  tls:
    minVersion: TLSv1.3
    certificates: [{cert: "${pki.downstream.cert}", key: "${pki.downstream.key}"}]
    clientAuth: {clientCA: "${pki.clients.file}", required: true}
    sessionResumption: {lifetime: ${hours}h}
    policies:${policies.length === 0 ? ' []' : ''}
${policies
  .map(
    (at) =>
      `      - {name: p${at}, hosts: [p${at}.test], minVersion: TLSv1.3, certificates: [{cert: p${at}.crt, key: p${at}.key}], clientAuth: {clientCA: p${at}-ca.crt, required: true}}`,
  )
  .join('\n')}
  services:
    - {name: backend, address: "127.0.0.1:${backendPort}", protocol: http1, tls: ${tls}}
${services.map((at) => `    - {name: s${at}, address: "${addressOf(at)}:${backendPort}", protocol: http1, tls: ${tls}}`).join('\n')}
  routes:
    - {name: marker, path: /marker${marker}, service: backend}
${routes.map((at) => `    - {name: r${at}, path: /r${at}, service: ${serviceOf(at)}}`).join('\n')}
`;
}

function nginxConfig({ kind, count, pki, port, backendPort }: Scale, { marker, hours }: Variant): string {
  const services = kind === 'services' ? numbers(count) : [];
  const policies = kind === 'policies' ? numbers(count) : [];
  const routes = kind === 'policies' ? [0] : numbers(count);
  const serviceOf = (at: number): string => (kind === 'services' ? `s${at}` : 'backend');
  const upstream = (name: string, address: string, idle: number): string =>
    `  upstream ${name} { server ${address}:${backendPort}; keepalive ${idle}; keepalive_requests 100000000; keepalive_timeout 300s; }`;
  const locations = [
    `    location /marker${marker}/ { proxy_pass https://backend; }`,
    ...routes.map((at) => `    location /r${at}/ { proxy_pass https://${serviceOf(at)}; }`),
  ].join('\n');
  const server = (name: string, own: string, ca: string): string => `  server {
    listen 127.0.0.1:${port} ssl${name === 'localhost' ? ' backlog=4096' : ''}; server_name ${name};
    ssl_certificate ${own}.crt; ssl_certificate_key ${own}.key; ssl_client_certificate ${ca}; ssl_verify_client on;
${locations}
  }`;
  return `worker_processes 1; daemon off; pid nginx.pid; error_log stderr error; user root;
events { worker_connections 16384; }
http {
  access_log off; keepalive_requests 100000000; keepalive_timeout 300s; tcp_nodelay on;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  ssl_protocols TLSv1.3; ssl_session_cache shared:tls:8m; ssl_session_timeout ${hours}h;
  proxy_http_version 1.1;
  proxy_set_header Connection ""; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto https;
  proxy_set_header X-Forwarded-Client-Cert 'Hash=$ssl_client_fingerprint;Subject="$ssl_client_s_dn"';
  proxy_ssl_certificate ${pki.gateway.cert}; proxy_ssl_certificate_key ${pki.gateway.key};
  proxy_ssl_trusted_certificate ${pki.internal.file}; proxy_ssl_verify on; proxy_ssl_name localhost;
  proxy_ssl_server_name on; proxy_ssl_protocols TLSv1.3; proxy_ssl_session_reuse on;
${upstream('backend', '127.0.0.1', 256)}
${services.map((at) => upstream(`s${at}`, addressOf(at), 16)).join('\n')}
${server('localhost', pki.dir.file('edge'), pki.clients.file)}
${policies.map((at) => server(`p${at}.test`, pki.dir.file(`p${at}`), pki.dir.file(`p${at}-ca.crt`))).join('\n')}
}
`;
}
