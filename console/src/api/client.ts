// The one way to the API. Typed by what the server declares (operations.ts); knows ETags, Idempotency-Key and problem details. Where
// the session has ended, a request waits until somebody has logged in again and is then sent once more, so that a form keeps
// what was typed.
import { type Operations, places } from './operations.ts';
import { Problem, type ProblemDocument, unreachable } from './problem.ts';

export type OperationId = keyof typeof places;
export type Answer<I extends OperationId> = Operations[I]['answer'];
export type Body<I extends OperationId> = Operations[I]['body'];
/** One of a list: `Item<'listServices'>`. */
export type Item<I extends OperationId> = Answer<I> extends { items: (infer T)[] } ? T : never;

type EveryOptional<T> = object extends T ? true : false;

type Given<Name extends string, T> = [T] extends [undefined]
  ? { readonly [K in Name]?: undefined }
  : EveryOptional<T> extends true
    ? { readonly [K in Name]?: T }
    : { readonly [K in Name]: T };

export type Asked<I extends OperationId> = Given<'params', Operations[I]['params']> &
  Given<'query', Operations[I]['query']> &
  Given<'body', Operations[I]['body']> &
  (Operations[I]['conditional'] extends true ? { readonly ifMatch: string } : { readonly ifMatch?: undefined }) & {
    /** Same for every attempt of one intent: what was done is not done again. */
    readonly idempotencyKey?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  };

export type Reply<T> = {
  readonly body: T;
  /** With its quotes, as If-Match takes it; '' where there is none. */
  readonly etag: string;
};

/** Asked when the session has ended; resolves when somebody has logged in. Rejects where nobody wants to. */
export type LogInAgain = () => Promise<void>;

let logInAgain: LogInAgain | undefined;

/** Whoever shows the dialog. Undefined: what is refused is refused. */
export function onSessionEnd(ask: LogInAgain | undefined): void {
  logInAgain = ask;
}

type Loose = {
  readonly params?: Readonly<Record<string, string>> | undefined;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>> | undefined;
  readonly body?: unknown;
  readonly ifMatch?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** Rejects with a Problem, or an AbortError. */
export async function call<I extends OperationId>(id: I, asked: Asked<I>): Promise<Reply<Answer<I>>> {
  try {
    return await send<Answer<I>>(id, asked);
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'not_logged_in' || logInAgain === undefined) throw error;
    await logInAgain();
    return send<Answer<I>>(id, asked);
  }
}

/** As `call`, and what is refused for want of a session is refused: for the shell, which asks whether there is one. */
export async function send<T>(id: OperationId, asked: Loose): Promise<Reply<T>> {
  const [method, path] = places[id];
  const { body, ifMatch, idempotencyKey, signal } = asked;
  let response: Response;
  try {
    response = await fetch(urlOf(path, asked), {
      method,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
        }),
        ...(ifMatch !== undefined && { 'if-match': ifMatch }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
      },
      body: body === undefined ? null : JSON.stringify(body),
      credentials: 'same-origin',
      // What is shown is what is, not what was.
      cache: 'no-store',
      redirect: 'error',
      signal: signal ?? null,
    });
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw unreachable('It did not answer. Is it running, and is the network there?');
  }
  if (!response.ok) throw await problemOf(response);
  const etag = response.headers.get('etag') ?? '';
  if (response.status === 204) return { body: undefined as T, etag };
  try {
    return { body: (await response.json()) as T, etag };
  } catch (error) {
    if (signal?.aborted === true) throw error;
    throw unreachable('Its answer was cut off.');
  }
}

/** `/api/v1/services/orders?limit=10` */
export function urlOf(path: string, { params = {}, query = {} }: Pick<Loose, 'params' | 'query'>): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, `${value}`] as [string, string]],
  );
  const search = new URLSearchParams(pairs).toString();
  return `/api/v1${filled}${search === '' ? '' : `?${search}`}`;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const document = (await response.json()) as ProblemDocument;
    if (typeof document.code === 'string') return new Problem({ ...document, status: response.status });
  } catch {
    // Not ours: a proxy on the way, say.
  }
  return unreachable(`Something between this page and the gateway answered ${response.status}.`);
}
