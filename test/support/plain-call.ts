// A call over plain HTTP to a port of this machine, in this process: for the API that a journey works through and asks again and again.
// Where it is about what a client gets, that client is a curl.
import { request } from '../../src/base/node-http.ts';
import { SAFETY_NET_MS } from './wait-for.ts';

export type PlainCall = {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
};

export type PlainAnswer = {
  /** 0 where no answer came. */
  readonly status: number;
  /** Names in lower case; repeated ones joined with ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};

/** Never rejects because of what the server does. Names mean 127.0.0.1, whatever DNS says. */
export async function plainCall(url: string, { method = 'GET', headers, body }: PlainCall = {}): Promise<PlainAnswer> {
  const { hostname, host, port, pathname, search } = new URL(url);
  const to = /^[\d[]/.test(hostname) ? hostname : '127.0.0.1';
  const fields = { host, accept: '*/*', ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) };
  const options = { host: to, port, path: pathname + search, method, agent: false, timeout: SAFETY_NET_MS };
  return new Promise((resolve) => {
    const none = (): void => resolve({ status: 0, headers: {}, body: '' });
    const asked = request({ ...options, headers: { ...fields, ...headers } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8');
      answer.on('data', (piece: string) => (text += piece));
      answer.on('error', none);
      answer.on('end', () => {
        const named = Object.entries(answer.headersDistinct).map(([name, values = []]) => [name, values.join(', ')]);
        resolve({ status: answer.statusCode ?? 0, headers: Object.fromEntries(named), body: text });
      });
    });
    asked.on('timeout', () => asked.destroy());
    asked.on('error', none);
    asked.end(body);
  });
}
