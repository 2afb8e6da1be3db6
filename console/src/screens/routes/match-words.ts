// What the gateway says of a request that was asked about: which route takes it and why every other one loses. In the words of
// `explain route`.
export type Matched = {
  readonly reachesBackend: boolean;
  readonly answer: { readonly status: number | null; readonly code: string; readonly detail: string | null } | null;
  readonly host: string | null;
  readonly policy: string | null;
  readonly client: { readonly subject: string; readonly code: string; readonly detail: string | null } | null;
  readonly path: string | null;
  readonly route: { readonly name: string } | null;
  readonly rule: { readonly description: string } | null;
  readonly backends: readonly { readonly url: string; readonly weight: number }[];
  readonly others: readonly Loss[];
};

export type Loss = {
  readonly route: string;
  readonly why: string;
  readonly than: string | null;
  readonly unmet?: string;
};

const losses: Readonly<Record<string, string>> = {
  host: 'its hosts do not match',
  path: 'its path does not match',
  condition: 'it asks for something else',
  method: 'it does not take this method',
  priority: 'a lower priority number goes first',
  less_specific_path: 'its path is less specific',
  less_specific_host: 'its host pattern is less specific',
  fewer_conditions: 'it has fewer conditions',
  later: 'it stands later in the configuration',
};

export function whyLost({ why, than, unmet }: Loss): string {
  const reason = losses[why] ?? why;
  return `${reason}${unmet === undefined ? '' : ` (${unmet})`}${than === null ? '' : ` (than ${than})`}`;
}

/** `421 host_mismatch: …`; a connection that ends with its handshake has no status. */
export function answerWords({ answer }: Pick<Matched, 'answer'>): string {
  if (answer === null) return '';
  const { status, code, detail } = answer;
  return `${status ?? 'the handshake fails'} ${code}${detail === null ? '' : `: ${detail}`}`;
}
