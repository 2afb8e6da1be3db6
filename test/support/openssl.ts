// A real `openssl s_client`: one connection, one request, everything it says read into facts. The only client with which
// session resumption can be tested honestly: Node's own never resumes under a changed server name. Bodies are taken for
// ASCII.
import { requireCommand } from './peers.ts';
import { runToEnd } from './owned-process.ts';

export type SClientOptions = {
  readonly host?: string;
  readonly port: number;
  /** SNI; false sends none. Default `localhost`. */
  readonly servername?: string | false;
  /** Files. */
  readonly cert?: string;
  readonly key?: string;
  /** Further certificates to send after the leaf. */
  readonly chain?: string;
  readonly ca?: string;
  readonly tls?: '1.2' | '1.3';
  /** File with a saved session to resume, file to save the new one to. */
  readonly sessionIn?: string;
  readonly sessionOut?: string;
  /** Sent after the handshake; default a GET / that closes. '' sends nothing and hangs up. */
  readonly request?: string;
  readonly args?: readonly string[];
};

export type SClientResult = {
  /** A handshake was completed (in TLS 1.3: from the client's point of view; a refusal can still follow as an alert). */
  readonly established: boolean;
  readonly reused: boolean;
  /** 'TLSv1.3', … or undefined without a handshake. */
  readonly protocol: string | undefined;
  readonly cipher: string | undefined;
  /** What the client thinks of the server's certificate: 0 is ok. */
  readonly verifyCode: number | undefined;
  /** The alert that the server sent: number, and OpenSSL's words for it. */
  readonly alert: { readonly number: number; readonly text: string } | undefined;
  /** Subject of the server's certificate, RFC 2253. */
  readonly serverSubject: string | undefined;
  /** CA names the server asked for. */
  readonly acceptableCas: readonly string[];
  /** Status of the answer; undefined where none came. */
  readonly status: number | undefined;
  /** The answer as it came, from its status line on; '' where none came. */
  readonly response: string;
  readonly output: string;
  readonly exitCode: number | null;
};

const GET = (host: string): string => `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;

/** Connects once and reads until the server closes. Never rejects because of what the server does. */
export async function sClient(options: SClientOptions): Promise<SClientResult> {
  const servername = options.servername ?? 'localhost';
  const request = options.request ?? GET(servername === false ? '127.0.0.1' : servername);
  const args = ['s_client', '-connect', `${options.host ?? '127.0.0.1'}:${options.port}`, '-nocommands'];
  args.push(...(servername === false ? ['-noservername'] : ['-servername', servername]));
  if (request !== '') args.push('-ign_eof');
  if (options.tls !== undefined) args.push(options.tls === '1.2' ? '-tls1_2' : '-tls1_3');
  args.push('-nameopt', 'RFC2253');
  for (const [flag, file] of [
    ['-cert', options.cert],
    ['-key', options.key],
    ['-cert_chain', options.chain],
    ['-CAfile', options.ca],
    ['-sess_in', options.sessionIn],
    ['-sess_out', options.sessionOut],
  ] as const) {
    if (file !== undefined) args.push(flag, file);
  }
  const run = await runToEnd(requireCommand('openssl'), [...args, ...(options.args ?? [])], {
    input: request,
  });
  if (run.timedOut) throw new Error(`s_client did not end\n${run.stdout}\n${run.stderr}`);
  return readOutput(run.stdout, run.stderr, run.code);
}

function readOutput(written: string, stderr: string, exitCode: number | null): SClientResult {
  const { response, rest: stdout } = cutResponse(written);
  const output = `${written}\n${stderr}`;
  const session = /^(New|Reused), (\S+), Cipher is (\S+)$/m.exec(stdout);
  const established = session !== null && session[2] !== '(NONE)';
  const alert = /:(?:sslv3|tlsv1|tlsv13|SSL\/TLS) alert ([a-z ]+):.*SSL alert number (\d+)/.exec(output);
  const verify = /Verify return code: (\d+)/.exec(stdout);
  return {
    established,
    reused: session?.[1] === 'Reused',
    protocol: established ? session[2] : undefined,
    cipher: established ? session[3] : undefined,
    verifyCode: verify === null ? undefined : Number(verify[1]),
    alert: alert === null ? undefined : { number: Number(alert[2]), text: alert[1] ?? '' },
    serverSubject: /^subject=(.*)$/m.exec(stdout)?.[1],
    acceptableCas: readAcceptableCas(stdout),
    status: response === '' ? undefined : Number(response.slice(9, 12)),
    response,
    output,
    exitCode,
  };
}

/**
 * Takes the answer out of what s_client wrote. s_client buffers its own words but not the server's bytes, so the answer
 * can stand in the middle of a line about session tickets: its end is found as HTTP says, not by what follows.
 */
function cutResponse(written: string): { response: string; rest: string } {
  const start = written.search(/HTTP\/1\.[01] \d{3}/);
  if (start < 0) return { response: '', rest: written };
  const end = start + responseLength(written.slice(start));
  return { response: written.slice(start, end), rest: written.slice(0, start) + written.slice(end) };
}

/** Length of all answers at the beginning of `text` (interim and pipelined ones included). */
function responseLength(text: string): number {
  let at = 0;
  while (/^HTTP\/1\.[01] \d{3}/.test(text.slice(at, at + 12))) {
    const headEnd = text.indexOf('\r\n\r\n', at) + 4;
    if (headEnd < 4) return text.length;
    const head = text.slice(at, headEnd);
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) at = endOfChunks(text, headEnd);
    else if (length !== undefined) at = headEnd + Number(length);
    else if (/^HTTP\/1\.[01] (1\d\d|204|304)/.test(head)) at = headEnd;
    // Ended by the close: s_client's last words follow.
    else return text.replace(/(?:closed|read:errno=\d+)\n$/, '').length;
  }
  return Math.min(at, text.length);
}

function endOfChunks(text: string, from: number): number {
  let at = from;
  for (;;) {
    const size = /^([0-9a-f]+)[^\r]*\r\n/i.exec(text.slice(at, at + 200));
    if (size === null) return text.length;
    const bytes = Number.parseInt(size[1] ?? '', 16);
    if (bytes === 0) return text.indexOf('\r\n\r\n', at) + 4;
    at += size[0].length + bytes + 2;
  }
}

function readAcceptableCas(stdout: string): string[] {
  const section =
    /^Acceptable client certificate CA names\n([\s\S]*?)^(?:Client Certificate Types|Requested Signature)/m;
  return (section.exec(stdout)?.[1] ?? '').split('\n').filter((line) => line !== '');
}
