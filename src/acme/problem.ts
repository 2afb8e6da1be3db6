// What an ACME server answers where it does not do what it was asked for (RFC 8555 section 6.7), in words for whoever operates the gateway.
import { escapeForLog } from '../base/log-text.ts';

const errorSpace = 'urn:ietf:params:acme:error:';
const maxShown = 300;
const maxSubproblems = 5;

/** `type` without its namespace: `rateLimited`, `badNonce`, …; a word of ours where there is none. */
export class AcmeProblem extends Error {
  readonly type: string;
  readonly status: number;
  /** When it is worth asking again, as the server says. */
  readonly retryAfterMs: number | undefined;

  constructor(type: string, message: string, status = 0, retryAfterMs?: number) {
    super(message);
    this.type = type;
    this.status = status;
    this.retryAfterMs = retryAfterMs;
  }
}

/** The problem document (RFC 9457) of an answer; whatever it is, it makes one sentence. */
export function readProblem(text: string, status: number, retryAfterMs?: number): AcmeProblem {
  const document = parseObject(text);
  const type = wordOf(document?.['type']);
  const detail = shown(document?.['detail']);
  const parts = Array.isArray(document?.['subproblems']) ? (document['subproblems'] as unknown[]) : [];
  const about = parts.slice(0, maxSubproblems).flatMap(saySubproblem);
  const name = type === '' ? `status ${status}` : type;
  return new AcmeProblem(
    type || `status${status}`,
    [`${name}${detail && `: ${detail}`}`, ...about].join('; '),
    status,
    retryAfterMs,
  );
}

/** A problem document within another one: the reason why a challenge or an order is invalid. '' where there is none. */
export function sayInnerProblem(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '';
  return readProblem(JSON.stringify(value), 0).message;
}

function saySubproblem(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const { type, detail, identifier } = value as Record<string, unknown>;
  const name = (identifier as Record<string, unknown> | undefined)?.['value'];
  return [`${shown(name) || 'of the order'}: ${wordOf(type)} ${shown(detail)}`.trim()];
}

function wordOf(type: unknown): string {
  const text = shown(type);
  return text.startsWith(errorSpace) ? text.slice(errorSpace.length) : text;
}

function shown(value: unknown): string {
  return typeof value === 'string' ? escapeForLog(value, maxShown) : '';
}

/** undefined where it is no JSON object. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
