// What is wrong with a certificate, key or bundle, in words for the person who configured it. The configuration adds the
// place (file:line:col) where the material was named.

export type MaterialProblem = {
  readonly severity: 'error' | 'warning';
  /** Stable, snake_case. */
  readonly code: string;
  /** Names the material it is about. */
  readonly message: string;
  /** What to do; '' where the message says it all. */
  readonly hint: string;
  /** Of a certificate and its key: the key's file is the one to look at. Absent: the certificate's. */
  readonly about?: 'key';
};

export function materialError(code: string, message: string, hint: string): MaterialProblem {
  return { severity: 'error', code, message, hint };
}

export function materialWarning(code: string, message: string, hint: string): MaterialProblem {
  return { severity: 'warning', code, message, hint };
}

/** True where at least one problem is an error: the material must not be used. */
export function hasErrors(problems: readonly MaterialProblem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}
