// A real nginx as backend: plain, TLS, or TLS with `ssl_verify_client`. It answers with what it received, one
// `name: value` per line, and keeps an access log of JSON lines.
import { readFileSync } from 'node:fs';
import { accepts, findFreePort } from './free-port.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type NginxOptions = {
  /** Files of the server certificate (with its chain); omitted: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Speaks HTTP/2 too, where ALPN asks for it. */
  readonly http2?: boolean;
  /** File with the CAs whose client certificates are accepted; with it `verify` is `on`. */
  readonly clientCa?: string;
  readonly verify?: 'on' | 'optional' | 'optional_no_ca' | 'off';
  /** Says who answered: the line `backend` of the body. Default `nginx`. */
  readonly name?: string;
  /** Fixed port, to come back where another was; default a free one. */
  readonly port?: number;
  /** Further request headers to send back, as nginx variables: `$http_x_custom`. */
  readonly echo?: readonly string[];
  /** Lines for the server block: further locations, `ssl_protocols`, … */
  readonly server?: string;
  /** Lines for the http block: further servers. */
  readonly http?: string;
};

export type AccessEntry = {
  readonly method: string;
  readonly uri: string;
  readonly status: string;
  readonly host: string;
  /** SUCCESS, NONE or FAILED:reason. */
  readonly verify: string;
  readonly subject: string;
  readonly xfcc: string;
  /** Serial number of the connection, and of the request on it. */
  readonly connection: string;
  readonly request: string;
  /** 'r' where the TLS session was resumed. */
  readonly session: string;
  readonly sni: string;
};

export type Nginx = {
  readonly port: number;
  readonly pid: number;
  readonly lines: OwnedProcess['lines'];
  /** Requests that have been answered. */
  access(): AccessEntry[];
  /** Waits until an answered request fits. */
  waitForAccess(fits: (entry: AccessEntry) => boolean, what?: string): Promise<AccessEntry>;
  /** Ends it: SIGTERM closes connections at once, SIGQUIT lets requests finish, SIGKILL tells nobody. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

const ECHOED = [
  '$request_method',
  '$server_protocol',
  '$request_uri',
  '$http_host',
  '$http_x_forwarded_client_cert',
  '$http_x_forwarded_for',
  '$http_x_forwarded_proto',
  '$http_x_forwarded_host',
  '$http_x_real_ip',
  '$http_x_request_id',
  '$http_client_cert',
  '$ssl_client_verify',
  '$ssl_client_s_dn',
  '$ssl_server_name',
  '$ssl_protocol',
  '$connection',
];

/** What an echoing nginx said it received: `http_host`, `http_x_forwarded_client_cert`, `ssl_client_s_dn`, `backend`, … */
export function readEcho(body: string): Record<string, string> {
  const lines = body.split('\n').filter((line) => line.includes(': '));
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(': ')), line.slice(line.indexOf(': ') + 2)]),
  );
}

/** Starts nginx and waits until it accepts connections. */
export async function startNginx(options: NginxOptions = {}): Promise<Nginx> {
  for (let attempt = 1; ; attempt += 1) {
    const dir = openTempDir('nginx');
    const port = options.port ?? (await findFreePort());
    dir.write('nginx.conf', renderConfig(options, port));
    const args = ['-p', dir.path, '-e', dir.file('error.log'), '-c', dir.file('nginx.conf')];
    const nginx = await startProcess(requireCommand('nginx'), args, { name: `nginx:${port}` });
    try {
      await eventually(() => nginx.exit() !== undefined || accepts(port), { what: `nginx on port ${port}` });
      if (nginx.exit() === undefined) return handle(nginx, dir, port);
      throw new Error(`nginx did not start\n${nginx.lines.tail()}`);
    } catch (error) {
      await nginx.stop('SIGKILL');
      dir.remove();
      const taken = nginx.lines.items.some((line) => line.text.includes('Address already in use'));
      if (!taken || options.port !== undefined || attempt >= 5) throw error;
    }
  }
}

function handle(nginx: OwnedProcess, dir: TempDir, port: number): Nginx {
  const access = (): AccessEntry[] => {
    const lines = readFileSync(dir.file('access.log'), 'utf8').split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AccessEntry);
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<void> => {
    await nginx.stop(signal);
    dir.remove();
  };
  return {
    port,
    pid: nginx.pid,
    lines: nginx.lines,
    access,
    waitForAccess: (fits, what = 'a request') =>
      eventually(() => access().find(fits), { what: `nginx on port ${port} to see ${what}` }),
    stop,
    [Symbol.asyncDispose]: () => stop(),
  };
}

function renderConfig(options: NginxOptions, port: number): string {
  const { tls } = options;
  const speaks = `${tls === undefined ? '' : ' ssl'}${options.http2 === true ? ' http2' : ''}`;
  const echoed = [...ECHOED, ...(options.echo ?? [])].map((variable) => `${variable.slice(1)}: ${variable}`).join('\n');
  const verify = options.verify ?? (options.clientCa === undefined ? 'off' : 'on');
  return `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 1024; }
http {
  log_format facts escape=json '{"method":"$request_method","uri":"$request_uri","status":"$status","host":"$http_host",'
    '"verify":"$ssl_client_verify","subject":"$ssl_client_s_dn","xfcc":"$http_x_forwarded_client_cert",'
    '"connection":"$connection","request":"$connection_requests","session":"$ssl_session_reused","sni":"$ssl_server_name"}';
  access_log access.log facts;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  client_max_body_size 0;
  keepalive_requests 1000000;
  default_type text/plain;
  server_tokens off;
  ${options.http ?? ''}
  server {
    listen 127.0.0.1:${port}${speaks};
    ${
      tls === undefined
        ? ''
        : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:tls:1m;
    ssl_verify_client ${verify}; ssl_verify_depth 4;
    ${options.clientCa === undefined ? '' : `ssl_client_certificate ${options.clientCa};`}`
    }
    ${options.server ?? ''}
    location / { return 200 "backend: ${options.name ?? 'nginx'}\n${echoed}\n"; }
  }
}
`;
}
