// The body and the query of a request against what is declared: unknown members are refused, and each mistake has its place.
import type { z } from 'zod';
import { ApiProblem, type FieldError } from './api-problem.ts';

const maxErrors = 50;

/** Undefined: there is none. Throws `wrong_media_type`, `bad_json`. */
export function readJson(bytes: Uint8Array, contentType: string | undefined, types: readonly string[]): unknown {
  if (bytes.length === 0) return undefined;
  const type = contentType?.split(';')[0]?.trim().toLowerCase();
  if (type === undefined || !types.includes(type))
    throw new ApiProblem('wrong_media_type', `Send the body as ${types.join(' or ')}.`, {
      fields: { accept: types.join(', ') },
    });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // Without the cause: it quotes what was sent.
    throw new ApiProblem('bad_json', 'The body is not JSON in UTF-8.');
  }
}

const formType = 'application/x-www-form-urlencoded';

/** Members as texts. Throws `wrong_media_type`, `bad_request`. */
export function readForm(bytes: Uint8Array, contentType: string | undefined): Record<string, string> {
  if (contentType?.split(';')[0]?.trim().toLowerCase() !== formType)
    throw new ApiProblem('wrong_media_type', `Send the body as ${formType}.`, { fields: { accept: formType } });
  const values: Record<string, string> = {};
  for (const [name, value] of new URLSearchParams(new TextDecoder().decode(bytes))) {
    if (Object.hasOwn(values, name)) throw new ApiProblem('bad_request', 'A member of the form stands there twice.');
    values[name] = value;
  }
  return values;
}

/** Throws `invalid` with everything that is wrong. `base`: of the pointers. */
export function checkShape(schema: z.ZodType, value: unknown, what: 'body' | 'query'): unknown {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const errors = result.error.issues.flatMap(toErrors).slice(0, maxErrors);
  throw new ApiProblem('invalid', `The ${what} is not as it should be: see errors.`, { errors });
}

/** zod's own messages say what was expected and never what came. */
function toErrors(issue: z.core.$ZodIssue): FieldError[] {
  const place = issue.path.map(escapePointer).join('');
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      pointer: `${place}${escapePointer(key.slice(0, 100))}`,
      code: 'unknown_field',
      detail: 'There is no such member.',
    }));
  const missing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return [{ pointer: place, code: missing ? 'missing_field' : issue.code, detail: issue.message }];
}

function escapePointer(part: PropertyKey): string {
  return `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}
