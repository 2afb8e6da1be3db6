// One declaration for each operation of the API: routing, what is read and verified, who may, the OpenAPI document and the
// examples that the contract test replays all follow from it.
import type { z } from 'zod';
import type { Act } from './acts.ts';
import type { Person, Program } from './caller.ts';
import type { ControlContext } from './control-context.ts';
import type { ShownCertificate } from './messages.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** What there is to do it with. `caller` is checked: he may. */
export type Call<Q, B, C> = {
  readonly context: ControlContext;
  readonly caller: C;
  /** After a wait, before what cannot be taken back: throws where he may not any more. */
  readonly confirm: () => Promise<void>;
  /** Of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Q;
  readonly body: B;
  readonly ifMatch: string | undefined;
  /** Address of who asks. */
  readonly remote: string;
  /** `Host`, as it was asked for. */
  readonly authority: string;
  /** Of the request; undefined where there is none, or more than one of the name. */
  readonly cookie: (name: string) => string | undefined;
  /** The client certificate of the connection, as the primary judged it; undefined: none was shown. */
  readonly certificate: ShownCertificate | undefined;
  /** Of a stream of events: the last one that was seen. */
  readonly lastEventId: string | undefined;
  /** As `confirm`, for answers that go on: what they do by themselves is no use of the session. */
  readonly stillMay: () => Promise<void>;
};

export type Answer = {
  readonly status: number;
  /** Undefined: no content. */
  readonly body?: unknown;
  /** Instead of a body: it goes on. Of the media type that the operation declares. */
  readonly stream?: ReadableStream<Uint8Array>;
  readonly fields?: Readonly<Record<string, string>>;
  /** Each a field `set-cookie`, beside one of `fields`. */
  readonly cookies?: readonly string[];
  /** Strong validator without its quotes; made from the body where there is none. */
  readonly etag?: string;
  /** What is kept under an Idempotency-Key instead of the body, where that holds a secret. */
  readonly keep?: unknown;
};

export type Example = {
  readonly name: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly fields?: Readonly<Record<string, string>>;
  readonly status: number;
};

type Declared<Q extends z.ZodType, B extends z.ZodType> = {
  /** For clients that are generated: `listUsers`. */
  readonly id: string;
  readonly method: Method;
  /** Below /api/v1, with `{name}` for parameters. */
  readonly path: string;
  readonly summary: string;
  readonly query?: Q;
  readonly body?: B;
  /** The body is that of a form (`application/x-www-form-urlencoded`): another protocol has it so. Default: JSON. */
  readonly isForm?: true;
  /** Of the success. `body` undefined: no content; a text where `type` is no JSON. `also`: further statuses of a success. */
  readonly answer: {
    readonly status: number;
    readonly also?: readonly number[];
    readonly body?: z.ZodType;
    readonly type?: string;
  };
  /** If-Match has to name the state that is changed. */
  readonly conditional?: true;
  /** Idempotency-Key is looked at; of the body these members are left out of what is kept of it, even as a digest. */
  readonly repeatable?: { readonly secrets: readonly string[] };
  readonly examples: readonly Example[];
};

export type Operation = Declared<z.ZodType, z.ZodType> & {
  /** `anybody`: before a login. */
  readonly act: Act | 'anybody';
  readonly run: (call: Call<never, never, never>) => Promise<Answer>;
};

/** For who may. */
export function operation<Q extends z.ZodType, B extends z.ZodType>(
  declared: Declared<Q, B> & {
    readonly act: Act;
    readonly run: (call: Call<z.output<Q>, z.output<B>, Person | Program>) => Promise<Answer>;
  },
): Operation {
  return declared;
}

/** For everybody who reaches the admin entry point. */
export function openOperation<Q extends z.ZodType, B extends z.ZodType>(
  declared: Declared<Q, B> & {
    readonly run: (call: Call<z.output<Q>, z.output<B>, undefined>) => Promise<Answer>;
  },
): Operation {
  return { ...declared, act: 'anybody' } as unknown as Operation;
}
