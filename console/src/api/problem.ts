// What the API refuses (RFC 9457), as an error that screens show: its sentence, and for each field of a form what is wrong there.
export type FieldError = { readonly pointer: string; readonly code: string; readonly detail: string };

export type ProblemDocument = {
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly errors?: readonly FieldError[];
  readonly [member: string]: unknown;
};

/** Without an answer, from a proxy whose other side is away, or of a gateway that is not ready. */
const passing: ReadonlySet<number> = new Set([0, 502, 503, 504]);

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly document: ProblemDocument;

  constructor(document: ProblemDocument) {
    super(document.detail === '' ? document.title : document.detail);
    this.document = document;
  }

  get code(): string {
    return this.document.code;
  }

  get status(): number {
    return this.document.status;
  }

  /** Nobody said no: the same may be answered in a moment. */
  get isPassing(): boolean {
    return this.code !== 'console' && passing.has(this.status);
  }

  get errors(): readonly FieldError[] {
    return this.document.errors ?? [];
  }
}

/** For what is no answer of the API: the network, a proxy on the way, an answer that was cut off. */
export function unreachable(detail: string): Problem {
  return new Problem({ title: 'the gateway cannot be reached', status: 0, code: 'unreachable', detail });
}

export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? error.message : String(error);
  return new Problem({ title: 'the console failed', status: 0, code: 'console', detail });
}

/**
 * What stands at which field of a form. A field is named by the JSON Pointer of its member (`/tls/serverName`); an error deeper
 * than any field goes to the nearest one above it. What belongs to none is said for the whole form.
 */
export function sortErrors(
  { errors }: Pick<Problem, 'errors'>,
  fields: readonly string[],
): { readonly byField: Readonly<Record<string, string[]>>; readonly rest: readonly string[] } {
  const byField: Record<string, string[]> = {};
  const rest: string[] = [];
  for (const { pointer, detail } of errors) {
    const field = nearest(pointer, fields);
    if (field === undefined) rest.push(pointer === '' ? detail : `${pointer}: ${detail}`);
    else (byField[field] ??= []).push(detail);
  }
  return { byField, rest };
}

function nearest(pointer: string, fields: readonly string[]): string | undefined {
  for (let at = pointer; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) if (fields.includes(at)) return at;
  return undefined;
}
