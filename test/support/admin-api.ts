// The API of a gateway that runs, as its first administrator: made by the link that the log tells.
import assert from 'node:assert/strict';
import { curl, type CurlResult } from './curl.ts';
import type { Gateway } from './gateway.ts';

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
  const call = async (method: string, path: string, body: object | undefined, cookie: string): Promise<CurlResult> =>
    curl(`${base}${path}`, {
      method,
      headers: { ...(body && { 'content-type': 'application/json' }), ...(cookie !== '' && { cookie }) },
      ...(body && { body: JSON.stringify(body) }),
    });
  const made = await call('POST', '/setup', { secret, name: 'root', password }, '');
  assert.equal(made.status, 201, made.body);
  const cookieOf = ({ headers }: CurlResult): string => headers['set-cookie']?.split(';')[0] ?? '';
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
