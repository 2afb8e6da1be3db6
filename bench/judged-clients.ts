// A process of clients for the table of connections that are judged again: opens as many as it is told, with one request each, keeps
// them, and tells how many have been closed.
import { connect, createSecureContext } from 'node:tls';

/** What is sent to it. */
export type ClientsJob = {
  readonly port: number;
  readonly ca: string;
  readonly credentials: readonly { readonly cert: string; readonly key: string }[];
  readonly count: number;
};
/** What it says: once when all are open and answered, then with each close. `failed`: one could not be opened. */
export type ClientsNews =
  | { readonly kind: 'open' }
  | { readonly kind: 'closed'; readonly total: number }
  | { readonly kind: 'failed'; readonly why: string };

/** Handshakes at a time. */
const pending = 16;

function say(news: ClientsNews): void {
  process.send?.(news);
}

async function run({ port, ca, credentials, count }: ClientsJob): Promise<void> {
  const contexts = credentials.map(({ cert, key }) => createSecureContext({ ca, cert, key }));
  let [begun, closed] = [0, 0];
  const openOne = async (secureContext: (typeof contexts)[number] | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', secureContext });
      socket.once('error', reject);
      socket.once('secureConnect', () => socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'));
      socket.once('data', () => {
        socket.off('error', reject);
        socket.on('error', () => undefined);
        socket.resume();
        socket.once('close', () => say({ kind: 'closed', total: ++closed }));
        resolve();
      });
    });
  const openMany = async (): Promise<void> => {
    while (begun < count) await openOne(contexts[begun++ % contexts.length]);
  };
  await Promise.all(Array.from({ length: pending }, openMany));
  say({ kind: 'open' });
}

process.once('message', (job: ClientsJob) => {
  run(job).catch((error: unknown) => say({ kind: 'failed', why: String(error) }));
});
