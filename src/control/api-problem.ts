// Whatever the API refuses, as problem details (RFC 9457): one table of codes with status and title. `errors` say which member
// of the request is meant, as JSON Pointers; no message repeats a value that could be a secret.

const specs = {
  bad_json: { status: 400, title: 'the body is no JSON' },
  bad_request: { status: 400, title: 'the request cannot be understood' },
  bad_cursor: { status: 400, title: 'the cursor is none of this list' },
  not_logged_in: { status: 401, title: 'log in, or send a token' },
  wrong_credentials: { status: 401, title: 'name or password is wrong' },
  certificate_refused: { status: 401, title: 'no certificate that logs anybody in' },
  sign_in_refused: { status: 403, title: 'the login with the identity provider is not accepted' },
  setup_link_refused: { status: 403, title: 'the setup link is not valid' },
  not_allowed: { status: 403, title: 'your role does not allow it' },
  cross_site: { status: 403, title: 'the request comes from another site' },
  not_found: { status: 404, title: 'there is nothing of this name' },
  method_not_allowed: { status: 405, title: 'there is no such method here' },
  duplicate: { status: 409, title: 'the name is taken' },
  in_use: { status: 409, title: 'it is in use' },
  last_admin: { status: 409, title: 'it is the last administrator' },
  read_only: { status: 409, title: 'it stands in a file and is changed there' },
  conflict: { status: 409, title: 'it was changed again since' },
  canary_open: { status: 409, title: 'a change is on trial on some gateways' },
  key_running: { status: 409, title: 'the first request with this Idempotency-Key is under way' },
  stale: { status: 412, title: 'it was changed in between' },
  too_large: { status: 413, title: 'the body is too large' },
  wrong_media_type: { status: 415, title: 'the body is of another media type' },
  invalid: { status: 422, title: 'the request is understood, and not valid' },
  refused: { status: 422, title: 'the gateway did not take it' },
  key_mismatch: { status: 422, title: 'the Idempotency-Key was used for another request' },
  full: { status: 422, title: 'there are too many already' },
  precondition_required: { status: 428, title: 'say with If-Match which state you change' },
  too_many: { status: 429, title: 'too many at once' },
  internal: { status: 500, title: 'internal error' },
  store_unavailable: { status: 503, title: 'the store cannot be used at the moment' },
  provider_unavailable: { status: 503, title: 'the identity provider cannot be used at the moment' },
  gateway_silent: { status: 503, title: 'the gateway did not answer' },
} as const;

export type ApiProblemCode = keyof typeof specs;

export const apiProblemCodes = Object.keys(specs) as readonly ApiProblemCode[];

/** One thing that is wrong, and where in the body (`''`: all of it). */
export type FieldError = {
  readonly pointer: string;
  readonly code: string;
  readonly detail: string;
  /** What to do. */
  readonly hint?: string;
  /** Where it stands, where that is not in the request: in another object, or in a file. */
  readonly object?: { readonly kind: string; readonly id: string; readonly pointer: string };
  readonly place?: { readonly file: string; readonly line: number };
};

export type ApiProblemMore = {
  readonly errors?: readonly FieldError[];
  /** Header fields of the answer. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Further members of the document. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
};

export class ApiProblem extends Error {
  override readonly name = 'ApiProblem';
  readonly code: ApiProblemCode;
  readonly fields: Readonly<Record<string, string>>;
  readonly #more: ApiProblemMore;

  /** `detail`: one sentence for whoever asked. */
  constructor(code: ApiProblemCode, detail: string, more: ApiProblemMore = {}) {
    super(detail, { cause: more.cause });
    this.code = code;
    this.fields = more.fields ?? {};
    this.#more = more;
  }

  get status(): number {
    return specs[this.code].status;
  }

  toJson(): object {
    const { status, title } = specs[this.code];
    return {
      type: `urn:countersign:problem:${this.code}`,
      title,
      status,
      code: this.code,
      detail: this.message,
      ...(this.#more.errors && { errors: this.#more.errors }),
      ...this.#more.members,
    };
  }
}
