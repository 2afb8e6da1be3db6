// What `explain route` says, line by line for a person and by keys for machines, and how the request would end.

/** How it ends before a backend gets it. */
type Answer = { readonly status: number | null; readonly code: string; readonly detail: string | null };

export class Told {
  readonly lines: string[] = [];
  readonly #facts: Record<string, unknown> = {};
  #answer: Answer | undefined;

  /** undefined: a backend gets it. The first that was told. */
  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** One line, and a key of the same name. */
  say(label: string, value: string, more = ''): void {
    this.lines.push(`${label.padEnd(8)} ${value}${more}`);
    this.note(label, value);
  }

  /** A key alone. */
  note(key: string, value: unknown): void {
    this.#facts[key] = value;
  }

  refuse(status: number, code: string, detail?: string): void {
    this.lines.push(`answer   ${status} ${code}${detail === undefined ? '' : `: ${detail}`}`);
    this.refuseUnsaid(status, code, detail);
  }

  /** Where the lines say it already. `status` null: the connection ends with the handshake, unless the policy explains. */
  refuseUnsaid(status: number | null, code: string, detail?: string): void {
    this.#answer ??= { status, code, detail: detail ?? null };
  }

  toJson(asked: object): object {
    const nothing = {
      host: null,
      policy: null,
      client: null,
      path: null,
      route: null,
      rule: null,
      backends: [],
      others: [],
    };
    return {
      ...asked,
      reachesBackend: this.#answer === undefined,
      answer: this.#answer ?? null,
      ...nothing,
      ...this.#facts,
    };
  }
}
