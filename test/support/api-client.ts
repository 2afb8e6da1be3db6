// The API of a running gateway, as a person with a session calls it: the first administrator, made by the link of the first start.
import type { Gateway } from './gateway.ts';
import { plainCall } from './plain-call.ts';

export type ApiReply = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** `{}` where it is no object of JSON. */
  readonly body: Readonly<Record<string, unknown>>;
  readonly text: string;
};

export type ApiClient = {
  /** `path` below /api/v1. */
  call(method: string, path: string, body?: object, fields?: Readonly<Record<string, string>>): Promise<ApiReply>;
  /** If-Match of an object as it is now. */
  ifMatch(path: string): Promise<{ 'if-match': string }>;
  readonly cookie: string;
};

export const administrator = { name: 'alice', password: 'four words and more' };

export async function enterAsAdmin(gateway: Gateway): Promise<ApiClient> {
  const line = await gateway.waitForLog(({ msg }) => msg.startsWith('there is no user yet'));
  const secret = new URL(String(line['link'])).hash.slice(1);
  let cookie = '';
  const call: ApiClient['call'] = async (method, path, body, fields) => {
    const answer = await plainCall(`http://localhost:${gateway.ports.admin}/api/v1${path}`, {
      method,
      headers: {
        ...(body && { 'content-type': 'application/json' }),
        ...(cookie !== '' && { cookie }),
        ...fields,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const { status, headers, body: text } = answer;
    const read: unknown = /json/.test(headers['content-type'] ?? '') ? JSON.parse(text) : {};
    return { status, headers, body: read as ApiReply['body'], text };
  };
  const made = await call('POST', '/setup', { secret, ...administrator });
  cookie = made.headers['set-cookie']?.split(';')[0] ?? '';
  if (cookie === '') throw new Error(`no administrator could be made: ${made.text}`);
  return {
    call,
    cookie,
    ifMatch: async (path) => ({ 'if-match': (await call('GET', path)).headers['etag'] ?? '' }),
  };
}
