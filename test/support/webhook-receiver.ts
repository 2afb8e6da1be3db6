// A receiver of webhooks in a process of its own: node:https with whatever certificate it is given, asking for one where it is told to. It
// prints each request as a line, and answers as a file says that the test writes. Signatures are verified here, by Node's own HMAC.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import type { AlertMessage, MessageAlert } from '../../src/alerts/message.ts';
import { findFreePort } from './free-port.ts';
import { type OwnedProcess, startProcess } from './owned-process.ts';
import { openTempDir } from './temp.ts';
import { Feed } from './wait-for.ts';

export type ReceivedHook = {
  readonly headers: Readonly<Record<string, string>>;
  readonly url: string;
  readonly body: string;
  /** Subject of the client certificate; '' without one. */
  readonly client: string;
};

export type WebhookReceiver = AsyncDisposable & {
  readonly port: number;
  readonly hooks: Feed<ReceivedHook>;
  /** How it answers from now on: a status, `hang`, `huge` (200 with 64 MiB), `302`. */
  answer(how: string): void;
  /** Ends it by its own id. */
  stop(): Promise<void>;
};

export type ReceiverOptions = {
  /** PEM; none: plain HTTP. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly port?: number;
};

const entry = `
import { readFileSync, existsSync } from 'node:fs';
import https from 'node:https';
const http = process.getBuiltinModule('node:http');
const dir = process.argv[2];
const read = (name) => existsSync(dir + '/' + name) ? readFileSync(dir + '/' + name, 'utf8') : undefined;
const onRequest = (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const client = request.socket.getPeerCertificate?.().subject?.CN ?? '';
    const body = Buffer.concat(pieces).toString('utf8');
    process.stdout.write(JSON.stringify({ headers: request.headers, url: request.url, body, client }) + '\\n');
    const how = (read('answer') ?? '204').trim();
    if (how === 'hang') return;
    if (how === 'huge') {
      response.writeHead(200, { 'content-type': 'text/plain' });
      const piece = Buffer.alloc(65536, 'x');
      let left = 1024;
      const more = () => { while (left-- > 0) if (!response.write(piece)) return response.once('drain', more); response.end(); };
      response.on('error', () => {});
      return more();
    }
    if (how === '302') return response.writeHead(302, { location: '/elsewhere' }).end();
    response.writeHead(Number(how)).end();
  });
};
const cert = read('cert.pem');
const server = cert === undefined
  ? http.createServer(onRequest)
  : https.createServer({ cert, key: read('key.pem'), ca: read('client-ca.pem'), requestCert: read('client-ca.pem') !== undefined, rejectUnauthorized: read('client-ca.pem') !== undefined }, onRequest);
server.on('tlsClientError', () => {});
server.listen(Number(process.argv[3]), '127.0.0.1', () => process.stdout.write('port ' + server.address().port + '\\n'));
`;

export async function startReceiver({ tls, port }: ReceiverOptions = {}): Promise<WebhookReceiver> {
  const dir = openTempDir('receiver');
  const program = dir.write('receiver.mjs', entry);
  if (tls !== undefined) {
    dir.write('cert.pem', tls.cert);
    dir.write('key.pem', tls.key);
    if (tls.clientCa !== undefined) dir.write('client-ca.pem', tls.clientCa);
  }
  const folder = join(program, '..');
  const child: OwnedProcess = await startProcess(
    process.execPath,
    [program, folder, String(port ?? (await findFreePort()))],
    {
      name: 'receiver',
    },
  );
  const hooks = new Feed<ReceivedHook>('webhooks');
  child.lines.subscribe(({ text }) => {
    if (text.startsWith('{')) hooks.push(JSON.parse(text) as ReceivedHook);
  });
  const line = await child.lines.waitFor(({ text }) => text.startsWith('port '), { what: 'the receiver to listen' });
  const stop = async (): Promise<void> => {
    await child.stop('SIGKILL');
    dir.remove();
  };
  return {
    port: Number(line.text.slice('port '.length)),
    hooks,
    answer: (how) => void dir.replace('answer', how),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/** What one hook says; fails where it is not signed with one of these. */
export function openHook({ headers, body }: ReceivedHook, ...secrets: readonly string[]): AlertMessage {
  const [id = '', timestamp = '', signature = ''] = [
    headers['webhook-id'],
    headers['webhook-timestamp'],
    headers['webhook-signature'],
  ];
  const signed = secrets.map((secret) => {
    return `v1,${createHmac('sha256', secret).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  assert.ok(
    signature.split(' ').some((one) => signed.includes(one)),
    `signed with none of these secrets: ${signature}`,
  );
  const message = JSON.parse(body) as AlertMessage;
  assert.equal(message.id, id);
  return message;
}

/** The next message that says this of an alert. */
export async function waitForAlert(
  { hooks }: Pick<WebhookReceiver, 'hooks'>,
  fits: (alert: MessageAlert) => boolean,
  { from = 0, what }: { readonly from?: number; readonly what: string },
): Promise<{ readonly hook: ReceivedHook; readonly message: AlertMessage; readonly alert: MessageAlert }> {
  const hook = await hooks.waitFor(({ body }) => alertsOf(body).some(fits), { from, what });
  const message = JSON.parse(hook.body) as AlertMessage;
  const alert = message.alerts.find(fits);
  assert.ok(alert !== undefined);
  return { hook, message, alert };
}

function alertsOf(body: string): readonly MessageAlert[] {
  return (JSON.parse(body) as Partial<AlertMessage>).alerts ?? [];
}
