// What OpenBao or Vault answers where it does not do what it was asked for, in words for whoever operates the gateway.
import { escapeForLog } from '../base/log-text.ts';

const maxShown = 200;
const maxErrors = 3;

export type VaultProblemCode = 'denied' | 'sealed' | 'missing' | 'refused' | 'overloaded' | 'failed' | 'malformed';

export class VaultProblem extends Error {
  readonly code: VaultProblemCode;
  readonly status: number;
  readonly hint: string;
  /** When it is worth asking again, as the server says. */
  readonly retryAfterMs: number | undefined;

  constructor(code: VaultProblemCode, message: string, hint: string, status = 0, retryAfterMs?: number) {
    super(message);
    this.code = code;
    this.status = status;
    this.hint = hint;
    this.retryAfterMs = retryAfterMs;
  }
}

export type Asked = { readonly path: string; readonly capability: 'create' | 'read' | 'update' };

/** `asked`: for the rule that a policy lacks. `text`: the body of the answer. */
export function vaultProblem(
  status: number,
  text: string,
  { path, capability }: Asked,
  retryAfterMs?: number,
): VaultProblem {
  const said = errorsIn(text);
  const because = said === '' ? '' : `: ${said}`;
  const make = (code: VaultProblemCode, message: string, hint: string): VaultProblem =>
    new VaultProblem(code, message, hint, status, retryAfterMs);
  if (status === 403)
    return make(
      'denied',
      `it allows no ${capability} of ${path} (403)${because}`,
      `Its policy has to say: path "${path}" { capabilities = ["${capability}"] }; or the token has expired.`,
    );
  if (status === 503) {
    return said.toLowerCase().includes('sealed')
      ? make('sealed', 'it is sealed (503)', 'Unseal it.')
      : make('overloaded', `it is not ready (503)${because}`, 'Is it sealed, a standby, or overloaded?');
  }
  if (status === 404)
    return make('missing', `it has nothing at ${path} (404)${because}`, 'Check mount, role and namespace.');
  if (status === 429) return make('overloaded', `it is asked too often (429)${because}`, 'Raise its quota.');
  if (status === 400)
    return make(
      'refused',
      `it refuses ${path} (400)${because}`,
      'Compare the names and the ttl with what the role allows.',
    );
  return make('failed', `status ${status} at ${path}${because}`, 'Its own log says more.');
}

/** `{"errors": ["…"]}`, as both servers answer. */
function errorsIn(text: string): string {
  try {
    const { errors } = JSON.parse(text) as { errors?: unknown };
    if (!Array.isArray(errors)) return '';
    return errors
      .filter((one): one is string => typeof one === 'string')
      .slice(0, maxErrors)
      .map((one) => escapeForLog(one.trim().replace(/\s+/g, ' '), maxShown))
      .join('; ');
  } catch {
    return '';
  }
}
