// Another gateway and ours with its imported configuration, asked the same by the same clients: both have to give the same verdict. One
// that refuses in the handshake and one that refuses by a status are of one mind.
import { askRaw } from './raw-request.ts';
import { type Backend, headerValues, startBackend } from './backend.ts';
import { writeCrl, serialOf } from './crls.ts';
import { accepts } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import type { CertFiles, Pki } from './pki.ts';
import { eventually } from './wait-for.ts';

export type Client = { readonly name: string; readonly files: CertFiles | undefined };

/** Nobody, one of each kind that is refused, and some that pass. Writes `revoked.crl`. */
export async function castClients(pki: Pki): Promise<Client[]> {
  const { clients, alice, stranger, dir } = pki;
  const day = 86_400_000;
  const past = { notBefore: Date.now() - 3 * day, notAfter: Date.now() - day };
  const below = await clients.issueCa({ subject: '/O=Countersign Test/CN=below', pathLength: 1 });
  const lower = await below.issueCa({ subject: '/O=Countersign Test/CN=lower', pathLength: 0 });
  const [expired, revoked, server, billing, lookalike, deep, deeper] = await Promise.all([
    clients.issueFiles('expired', { kind: 'client', cn: 'expired', ...past }),
    clients.issueFiles('revoked', { kind: 'client', cn: 'revoked' }),
    clients.issueFiles('server-use', { kind: 'server', sans: ['server.test'] }),
    clients.issueFiles('billing', { kind: 'client', subject: '/O=Acme/CN=billing.acme.example' }),
    clients.issueFiles('lookalike', { kind: 'client', subject: '/O=Evil/CN=billing.acme.example' }),
    below.issue({ kind: 'client', subject: '/O=Acme/CN=deep' }),
    lower.issue({ kind: 'client', subject: '/O=Acme/CN=deeper' }),
  ]);
  writeCrl(dir, 'revoked.crl', clients, { revoked: [{ serial: serialOf(revoked) }] });
  const chained = (issued: typeof deep): CertFiles => ({ ...issued, cert: '', key: '' });
  return [
    { name: 'nobody', files: undefined },
    { name: 'alice', files: alice },
    { name: 'billing', files: billing },
    { name: 'lookalike', files: lookalike },
    { name: 'stranger', files: stranger },
    { name: 'expired', files: expired },
    { name: 'revoked', files: revoked },
    { name: 'with a server’s certificate', files: server },
    { name: 'below one intermediate', files: chained(deep) },
    { name: 'below two intermediates', files: chained(deeper) },
  ];
}

/** Answers with its name, the path that it was asked for and what it was told of the client. */
export function startNamedBackend(name: string): Promise<Backend> {
  return startBackend({
    answer: (request, response) => {
      // Caddy sends a placeholder that has no value as it is written.
      const told = headerValues(request, 'x-client-subject')
        .join('|')
        .replace(/^\{.*\}$/, '');
      response.setHeader('connection', 'close').end(`${name} ${request.url} [${told}]`);
    },
  });
}

export type Question = {
  /** SNI; false: none. */
  readonly servername: string | false;
  /** Default as `servername`. */
  readonly host?: string;
  readonly path: string;
  readonly method?: string;
};

/** `served BACKEND PATH [SUBJECT]`, `status 404`, `to LOCATION`, or `refused`. */
export async function verdictOf(port: number, client: Client, question: Question): Promise<string> {
  const { servername, host = servername === false ? 'nowhere.test' : servername, path, method = 'GET' } = question;
  const request = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  const { status, response } = await askRaw({ port, servername, as: client.files, request });
  if (status === undefined || [400, 401, 403, 405, 421, 495, 496].includes(status)) return 'refused';
  const location = /^location: (?:https?:\/\/[^/]+)?(.*)$/im.exec(response)?.[1];
  if (status >= 300 && status < 400) return `to ${location?.trim() ?? ''}`;
  const body = response.slice(response.indexOf('\r\n\r\n') + 4);
  // Chunks, where the other gateway cuts the answer into some.
  const text = body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/gi, '');
  return status === 200 ? `served ${text}` : `status ${status}`;
}

/** Every client asks everything at both ports; where they differ, a line says how. */
export async function differences(
  ports: { readonly theirs: number; readonly ours: number },
  clients: readonly Client[],
  questions: readonly Question[],
): Promise<{ readonly lines: readonly string[]; readonly verdicts: ReadonlyMap<string, string> }> {
  const lines: string[] = [];
  const verdicts = new Map<string, string>();
  for (const question of questions) {
    const answers = await Promise.all(
      clients.map(async (client) => {
        const [theirs, ours] = await Promise.all([
          verdictOf(ports.theirs, client, question),
          verdictOf(ports.ours, client, question),
        ]);
        return { client, theirs, ours };
      }),
    );
    for (const { client, theirs, ours } of answers) {
      const { servername, host = servername, path, method = 'GET' } = question;
      const asked = `${client.name}: ${method} ${path} as ${String(host)} (SNI ${String(servername)})`;
      verdicts.set(asked, ours);
      if (ours !== theirs) lines.push(`${asked}: ${theirs} there, ${ours} here`);
    }
  }
  return { lines, verdicts };
}

export type Peer = { readonly port: number; [Symbol.asyncDispose](): Promise<void> };

/** A program that listens on `port` as soon as it is ready. */
export async function startPeer(
  command: string,
  args: readonly string[],
  port: number,
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Peer> {
  const peer = await startProcess(requireCommand(command), args, { name: `${command}:${port}`, cwd, env });
  await eventually(() => peer.exit() !== undefined || accepts(port), { what: `${command} on port ${port}` });
  if (peer.exit() !== undefined) throw new Error(`${command} did not start\n${peer.lines.tail()}`);
  return { port, [Symbol.asyncDispose]: async () => void (await peer.stop()) };
}
