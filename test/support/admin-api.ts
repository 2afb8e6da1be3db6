// The API of a gateway that runs, as its first administrator: made by the link that the log tells.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { get } from '../../src/base/node-http.ts';
import type { Gateway } from './gateway.ts';
import { type PlainAnswer, plainCall } from './plain-call.ts';
import { Feed } from './wait-for.ts';

export type AdminApi = {
  readonly cookie: string;
  readonly base: string;
  /** `path` below /api/v1; the answer has to be a success. */
  get(path: string): Promise<Record<string, unknown>>;
  send(method: string, path: string, body?: object, as?: string): Promise<ApiReply>;
  /** Cookie of another user of this role, who is made for it. */
  enter(role: 'viewer' | 'operator' | 'admin'): Promise<string>;
};

export type ApiReply = { readonly status: number; readonly body: Record<string, unknown>; readonly text: string };

const password = 'four words and more';

export async function openAdminApi(gateway: Gateway): Promise<AdminApi> {
  const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'));
  const secret = new URL(String(line['link'])).hash.slice(1);
  const base = `http://localhost:${gateway.ports.admin}/api/v1`;
  const call = async (method: string, path: string, body: object | undefined, cookie: string): Promise<PlainAnswer> =>
    plainCall(`${base}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...(cookie !== '' && { cookie }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const made = await call('POST', '/setup', { secret, name: 'root', password }, '');
  assert.equal(made.status, 201, made.body);
  const cookieOf = ({ headers }: PlainAnswer): string => headers['set-cookie']?.split(';')[0] ?? '';
  const cookie = cookieOf(made);
  const send = async (method: string, path: string, body?: object, as = cookie): Promise<ApiReply> => {
    const { status, body: text } = await call(method, path, body, as);
    return { status, text, body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>) };
  };
  let users = 0;
  return {
    cookie,
    base,
    send,
    async get(path) {
      const { status, body, text } = await send('GET', path);
      assert.equal(status, 200, text);
      return body;
    },
    async enter(role) {
      const name = `${role}-${++users}`;
      assert.equal((await send('POST', '/users', { name, role, password })).status, 201);
      return cookieOf(await call('POST', '/sessions', { name, password }, ''));
    },
  };
}

export type ServerEvent = { readonly id: string; readonly name: string; readonly data: string };

/** The stream of failed handshakes, read as a browser does. */
export async function openEvents(
  { base, cookie }: Pick<AdminApi, 'base' | 'cookie'>,
  last?: string,
): Promise<EventReader> {
  const headers = { cookie, accept: 'text/event-stream', ...(last !== undefined && { 'last-event-id': last }) };
  const asked = get(`${base}/handshakes:stream`, { headers });
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  assert.equal(answer.statusCode, 200);
  return new EventReader(answer);
}

export class EventReader implements AsyncDisposable {
  readonly ended: Promise<void>;
  readonly #answer: IncomingMessage;
  readonly #events = new Feed<ServerEvent>('events');
  #from = 0;

  constructor(answer: IncomingMessage) {
    this.#answer = answer;
    this.ended = this.#read();
  }

  /** The next one of this name, with this in its data. */
  async waitFor(name: string, holds = ''): Promise<ServerEvent> {
    const event = await this.#events.waitFor((one) => one.name === name && one.data.includes(holds), {
      from: this.#from,
      what: name,
    });
    this.#from = this.#events.items.indexOf(event) + 1;
    return event;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#answer.destroy();
    await this.ended.catch(() => {});
  }

  async #read(): Promise<void> {
    let text = '';
    for await (const piece of this.#answer.setEncoding('utf8') as AsyncIterable<string>) {
      text += piece;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const fields = new Map(
          text
            .slice(0, end)
            .split('\n')
            .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
        );
        text = text.slice(end + 2);
        const [id = '', name = '', data = ''] = [fields.get('id'), fields.get('event'), fields.get('data')];
        if (name !== '') this.#events.push({ id, name, data });
      }
    }
  }
}
