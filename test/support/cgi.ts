// Backends that turn the names of header fields into variables, each in its own way: a CGI program under a real lighttpd
// (every character that is not a letter or digit becomes `_`), and a WSGI application under Python's own server. Both
// answer with their variables; a name that means two fields to them is what attackers look for (incident 26).
import { accepts, findFreePort } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir, type TempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type EnvironmentBackend = {
  readonly port: number;
  stop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
};

/** The variables in an answer of one of the backends below. */
export function readVariables(body: string): Map<string, string> {
  return new Map(
    body
      .split('\0')
      .filter((entry) => entry.includes('='))
      .map((entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)]),
  );
}

/** Answers every path with the environment of a shell script. */
export async function startCgi(): Promise<EnvironmentBackend> {
  return start('lighttpd', (dir, port) => {
    dir.write('env.cgi', `printf 'Content-Type: application/octet-stream\\r\\n\\r\\n'; exec env -0\n`);
    dir.write(
      'lighttpd.conf',
      `server.document-root = "${dir.path}"
server.bind = "127.0.0.1"
server.port = ${port}
server.modules = ("mod_alias", "mod_cgi")
alias.url = ("/" => "${dir.path}/env.cgi/")
cgi.assign = ("env.cgi" => "/bin/sh")
server.errorlog = "${dir.file('error.log')}"
`,
    );
    return [requireCommand('lighttpd'), ['-D', '-f', dir.file('lighttpd.conf')]];
  });
}

/** The same as a WSGI application. */
export async function startWsgi(): Promise<EnvironmentBackend> {
  return start('wsgiref', (dir, port) => {
    const file = dir.write(
      'app.py',
      `from wsgiref.simple_server import make_server

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    return ["\\0".join(f"{k}={v}" for k, v in environ.items() if isinstance(v, str)).encode("latin-1")]

make_server("127.0.0.1", ${port}, app).serve_forever()
`,
    );
    return [requireCommand('python3'), [file]];
  });
}

/** `prepare` writes what the program needs and says how it is called. */
async function start(
  name: string,
  prepare: (dir: TempDir, port: number) => [command: string, args: string[]],
): Promise<EnvironmentBackend> {
  const dir = openTempDir(name);
  const port = await findFreePort();
  const [command, args] = prepare(dir, port);
  const server = await startProcess(command, args, { name: `${name}:${port}` });
  const stop = async (): Promise<void> => {
    await server.stop('SIGTERM');
    dir.remove();
  };
  try {
    await eventually(() => server.exit() !== undefined || accepts(port), { what: `${name} on port ${port}` });
    if (server.exit() !== undefined) throw new Error(`${name} did not start\n${server.lines.tail()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { port, stop, [Symbol.asyncDispose]: stop };
}
