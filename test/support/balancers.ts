// Real balancers of TCP connections that tell who their client is by PROXY headers: nginx (version 1) and HAProxy (version 2,
// with its checksum). They accept at every loopback address, so that a client's is none of theirs.
import { connect } from 'node:net';
import { accepts, findFreePort } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { nginxStreamModule, requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type Balancer = {
  /** On 127.0.0.1. */
  readonly port: number;
  [Symbol.asyncDispose](): Promise<void>;
};

/** In front of a port of 127.0.0.1. */
export async function startNginxBalancer(to: number): Promise<Balancer> {
  return start('nginx', (dir, port) => {
    const config = dir.write(
      'nginx.conf',
      `load_module ${nginxStreamModule};
daemon off;
master_process off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 256; }
stream { server { listen 127.0.0.1:${port}; proxy_pass 127.0.0.1:${to}; proxy_protocol on; } }
`,
    );
    return ['-p', dir.path, '-e', dir.file('error.log'), '-c', config];
  });
}

/** Likewise; its health checks send LOCAL. `isChecked`: one of them has passed, and none has failed. */
export async function startHaproxyBalancer(to: number): Promise<Balancer & { isChecked(): Promise<boolean> }> {
  let socket = '';
  const balancer = await start('haproxy', (dir, port) => {
    socket = dir.file('stats');
    const config = dir.write(
      'haproxy.cfg',
      `global
  stats socket ${socket}
defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend clients
  bind 127.0.0.1:${port}
  default_backend gateway
backend gateway
  server one 127.0.0.1:${to} send-proxy-v2 proxy-v2-options crc32c,unique-id check check-send-proxy inter 100ms
`,
    );
    return ['-db', '-f', config];
  });
  const isChecked = async (): Promise<boolean> => {
    const lines = (await askStats(socket)).split('\n').map((line) => line.split(','));
    const row = lines.find(([backend, server]) => backend === 'gateway' && server === 'one');
    const of = (column: string): string | undefined => row?.[lines[0]?.indexOf(column) ?? -1];
    return of('check_status') === 'L4OK' && of('chkfail') === '0';
  };
  return { ...balancer, isChecked };
}

async function askStats(path: string): Promise<string> {
  const socket = connect(path);
  let text = '';
  for await (const piece of socket.end('show stat\n').setEncoding('latin1')) text += String(piece);
  return text;
}

/** `prepare` writes the configuration and gives the arguments. */
async function start(command: string, prepare: (dir: TempDir, port: number) => string[]): Promise<Balancer> {
  for (let attempt = 1; ; attempt += 1) {
    const dir = openTempDir(command);
    const port = await findFreePort();
    const child = await startProcess(requireCommand(command), prepare(dir, port), { name: `${command}:${port}` });
    const stop = async (): Promise<void> => {
      await child.stop('SIGKILL');
      dir.remove();
    };
    await eventually(async () => child.exit() !== undefined || (await accepts(port)), { what: `${command}:${port}` });
    if (child.exit() === undefined) return { port, [Symbol.asyncDispose]: stop };
    await stop();
    if (attempt >= 5) throw new Error(`${command} did not start\n${child.lines.tail()}`);
  }
}
