// A real Apache that speaks TLS: the one server that asks for a certificate only once it has seen the path
// (`SSLVerifyClient` in a `<Location>`), by a renegotiation of TLS 1.2 or the post-handshake authentication of TLS 1.3.
import { chmodSync, statSync } from 'node:fs';
import { accepts, findFreePort } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import { openTempDir } from './temp.ts';
import { eventually } from './wait-for.ts';

export type ApacheOptions = {
  /** Files of the server certificate. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Further lines: SSLProtocol, SSLCACertificateFile, <Location>, … Every path that it does not know is answered with 404. */
  readonly config: string;
};

export type Apache = { readonly port: number; [Symbol.asyncDispose](): Promise<void> };

const modules = ['mpm_event', 'authz_core', 'ssl', 'alias', 'socache_shmcb'];

export async function startApache({ tls, config }: ApacheOptions): Promise<Apache> {
  const dir = openTempDir('apache');
  chmodSync(dir.path, 0o755);
  const port = await findFreePort();
  const file = dir.write(
    'apache.conf',
    `${modules.map((name) => `LoadModule ${name}_module ${moduleFolder()}/mod_${name}.so`).join('\n')}
ServerName localhost
User #65534
Group #65534
Listen 127.0.0.1:${port}
PidFile ${dir.file('httpd.pid')}
DefaultRuntimeDir ${dir.path}
ErrorLog ${dir.file('error.log')}
DocumentRoot ${dir.path}
SSLEngine on
SSLCertificateFile ${tls.cert}
SSLCertificateKeyFile ${tls.key}
${config}
`,
  );
  const server = await startProcess(requireCommand('apache2'), ['-X', '-d', dir.path, '-f', file], { name: 'apache2' });
  const stop = async (): Promise<void> => {
    await server.stop();
    dir.remove();
  };
  await eventually(() => server.exit() !== undefined || accepts(port), { what: `apache2 on port ${port}` });
  if (server.exit() === undefined) return { port, [Symbol.asyncDispose]: stop };
  await stop();
  throw new Error(`apache2 did not start\n${server.lines.tail()}`);
}

function moduleFolder(): string {
  const folders = ['/usr/lib/apache2/modules', '/usr/libexec/apache2', '/usr/lib64/httpd/modules'];
  const found = folders.find((path) => statSync(path, { throwIfNoEntry: false })?.isDirectory());
  if (found === undefined) throw new Error('the modules of apache2 are not where they usually are');
  return found;
}
