// Real web servers that serve the files of a folder over plain HTTP, each with its own idea of what a path is; and one of
// ours that believes in every trick at once, for the servers that a test machine does not have (servlet containers, IIS).
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import { join, resolve as resolvePath, sep } from 'node:path';
import { accepts, findFreePort } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export const staticServers = ['nginx', 'apache2', 'lighttpd', 'caddy', 'python3', 'node', 'credulous'] as const;
export type StaticServerName = (typeof staticServers)[number];
export type StaticServer = {
  readonly name: StaticServerName;
  readonly port: number;
  [Symbol.asyncDispose](): Promise<void>;
};

/** Starts a server for the files below `root` and waits until it accepts connections. `root` becomes readable for everybody. */
export function startStaticServer(name: StaticServerName, root: TempDir): Promise<StaticServer> {
  if (name === 'node') return startOwn(name, root.path, asNodeReads);
  return name === 'credulous' ? startOwn(name, root.path, asAnybodyReads) : startForeign(name, root);
}

type Foreign = Exclude<StaticServerName, 'node' | 'credulous'>;

/** Arguments of each server; `dir` is a folder of its own for what it writes. */
const commands: Readonly<Record<Foreign, (root: string, dir: TempDir, port: number) => string[]>> = {
  nginx: (root, dir, port) => {
    const file = dir.write(
      'nginx.conf',
      `daemon off; master_process off; pid nginx.pid; error_log stderr; events { worker_connections 64; }
http { access_log off; default_type text/plain;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  server { listen 127.0.0.1:${port}; root ${root}; } }`,
    );
    return ['-p', dir.path, '-e', dir.file('error.log'), '-c', file];
  },
  apache2: (root, dir, port) => {
    const modules = ['/usr/lib/apache2/modules', '/usr/libexec/apache2', '/usr/lib64/httpd/modules'].find(isFolder);
    const file = dir.write(
      'apache.conf',
      `LoadModule mpm_event_module ${modules}/mod_mpm_event.so
LoadModule authz_core_module ${modules}/mod_authz_core.so
ServerName localhost
User #65534
Group #65534
Listen 127.0.0.1:${port}
PidFile ${dir.file('httpd.pid')}
DefaultRuntimeDir ${dir.path}
ErrorLog ${dir.file('error.log')}
DocumentRoot ${root}
AllowEncodedSlashes NoDecode
<Directory ${root}>
  Require all granted
</Directory>`,
    );
    return ['-X', '-d', dir.path, '-f', file];
  },
  lighttpd: (root, dir, port) => {
    const file = dir.write(
      'lighttpd.conf',
      `server.document-root = "${root}"
server.bind = "127.0.0.1"
server.port = ${port}
mimetype.assign = ("" => "text/plain")`,
    );
    return ['-D', '-f', file];
  },
  caddy: (root, _dir, port) => ['file-server', '--root', root, '--listen', `127.0.0.1:${port}`],
  python3: (root, _dir, port) => ['-m', 'http.server', '--bind', '127.0.0.1', '--directory', root, String(port)],
};

async function startForeign(name: Foreign, root: TempDir): Promise<StaticServer> {
  openToAll(root.path);
  for (let attempt = 1; ; attempt += 1) {
    const dir = openTempDir(name);
    const port = await findFreePort();
    const env = { HOME: dir.path, XDG_CONFIG_HOME: dir.path, XDG_DATA_HOME: dir.path };
    const server = await startProcess(requireCommand(name), commands[name](root.path, dir, port), { name, env });
    const stop = async (): Promise<void> => {
      await server.stop();
      dir.remove();
    };
    try {
      await eventually(() => server.exit() !== undefined || accepts(port), { what: `${name} on port ${port}` });
      if (server.exit() === undefined) return { name, port, [Symbol.asyncDispose]: stop };
      throw new Error(`${name} did not start\n${server.lines.tail()}`);
    } catch (error) {
      await stop();
      // Somebody else may have taken the port meanwhile.
      if (attempt >= 3) throw error;
    }
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

function openToAll(path: string): void {
  const folder = isFolder(path);
  chmodSync(path, folder ? 0o755 : 0o644);
  if (folder) for (const name of readdirSync(path)) openToAll(join(path, name));
}

/** `read`: candidates for the path of a file, from the target of a request. */
async function startOwn(
  name: StaticServerName,
  root: string,
  read: (target: string) => readonly string[],
): Promise<StaticServer> {
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    for (const path of read(request.url ?? '/')) {
      const file = resolvePath(join(root, path));
      if (path.includes('\0') || !file.startsWith(root + sep) || isFolder(file)) continue;
      if (statSync(file, { throwIfNoEntry: false }) === undefined) continue;
      response.end(readFileSync(file));
      return;
    }
    response.writeHead(404).end('not found\n');
  };
  const server = createServer(serve).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return {
    name,
    port: address.port,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** As most examples for Node do it: `//host/path` is a URL of another host for them. */
function asNodeReads(target: string): readonly string[] {
  const url = URL.parse(target, 'http://localhost');
  if (url === null) return [];
  try {
    return [decodeURIComponent(url.pathname)];
  } catch {
    return [];
  }
}

/** Every step that some server takes, each path after each of them. */
function asAnybodyReads(target: string): readonly string[] {
  const found = new Set<string>([target.replace(/[?#].*/s, '')]);
  for (let round = 0; round < 4; round += 1)
    for (const path of Array.from(found)) for (const step of steps) found.add(step(path));
  return [...found];
}

const steps: readonly ((path: string) => string)[] = [
  (path) => path.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll('%', ''), 'hex').toString()),
  (path) => path.replaceAll(/%c0%(af|ae)/gi, (_, last: string) => (last.toLowerCase() === 'af' ? '/' : '.')),
  (path) => path.toLowerCase(),
  (path) => path.normalize('NFKC'),
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replaceAll(/;[^/]*/g, ''),
  (path) => path.replace(/[?#].*/s, ''),
  (path) => path.replaceAll(/[.\s]+(?=\/|$)/g, ''),
  (path) => path.replaceAll(/[\u200b\ufffd]/g, ''),
  (path) => path.replace(/::\$DATA$/i, ''),
  (path) => path.replace(/\0.*/s, ''),
];
