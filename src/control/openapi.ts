// The OpenAPI 3.1 document of the API, from the declarations of its operations. Schemas are what zod itself makes of them.
import { z } from 'zod';
import { apiProblemCodes } from './api-problem.ts';
import { sessionCookie } from './caller.ts';
import { ifMatchPattern } from './conditional.ts';
import type { Operation } from './operation.ts';
import { keyPattern } from './repeats.ts';

const problemSchema = z.looseObject({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(apiProblemCodes as [string, ...string[]]),
  detail: z.string(),
  errors: z
    .array(
      z.strictObject({
        pointer: z.string(),
        code: z.string(),
        detail: z.string(),
        hint: z.string().optional().describe('What to do.'),
        object: z.strictObject({ kind: z.string(), id: z.string(), pointer: z.string() }).optional(),
        place: z.strictObject({ file: z.string(), line: z.int() }).optional(),
      }),
    )
    .optional()
    .describe('What is wrong, by JSON Pointers into the body.'),
});

export function makeOpenApi(operations: readonly Operation[]): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const one of operations) (paths[one.path] ??= {})[one.method.toLowerCase()] = describe(one);
  return shareDefinitions({
    openapi: '3.1.1',
    jsonSchemaDialect: 'https://json-schema.org/draft/2020-12/schema',
    info: {
      title: 'Countersign',
      version: '1',
      description: 'What the gateway runs, who may change it, and what it makes of certificates and requests.',
    },
    servers: [{ url: '/api/v1' }],
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        session: { type: 'apiKey', in: 'cookie', name: sessionCookie },
      },
      schemas: { Problem: schemaOf(problemSchema, 'output') },
    },
    paths,
  });
}

/**
 * With each `$defs` of a schema among the components. A reference counts from the root of the document, where zod means the root of its own
 * schema. Throws where two definitions have one name: those that refer to themselves need an id (`meta({ id })`).
 */
function shareDefinitions<T extends { readonly components: { readonly schemas: object } }>(document: T): T {
  const shared: Record<string, object> = {};
  const text = JSON.stringify(document).replaceAll('"$ref":"#/$defs/', '"$ref":"#/components/schemas/');
  const whole = JSON.parse(text, (key, value: unknown) => {
    if (key !== '$defs') return value;
    for (const [name, schema] of Object.entries(value as Record<string, object>)) {
      const known = (shared[name] ??= schema);
      if (JSON.stringify(known) !== JSON.stringify(schema)) throw new Error(`two schemas are called ${name}`);
    }
    return undefined;
  }) as T;
  return { ...whole, components: { ...whole.components, schemas: { ...whole.components.schemas, ...shared } } };
}

function describe(op: Operation): object {
  const { id, summary, act, answer, query, body, conditional, repeatable } = op;
  const success = {
    description: 'Done.',
    ...(answer.body && {
      // Of YAML a schema would say what the document holds, not that it is text.
      content: {
        [answer.type ?? 'application/json']:
          answer.type === 'application/yaml' ? {} : { schema: schemaOf(answer.body, 'output') },
      },
    }),
  };
  const problem = {
    description: 'Problem details (RFC 9457).',
    content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
  };
  const type = op.isForm
    ? 'application/x-www-form-urlencoded'
    : op.method === 'PATCH'
      ? 'application/merge-patch+json'
      : 'application/json';
  return {
    operationId: id,
    summary,
    ...(act === 'anybody' ? { security: [] } : { security: [{ token: [] }, { session: [] }], 'x-act': act }),
    parameters: [
      ...[...op.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => parameter('path', name ?? '', { type: 'string' }, true)),
      ...queryParameters(query),
      ...(conditional
        ? [parameter('header', 'If-Match', { type: 'string', pattern: ifMatchPattern.source }, true)]
        : []),
      ...(repeatable
        ? [parameter('header', 'Idempotency-Key', { type: 'string', pattern: keyPattern.source }, false)]
        : []),
    ],
    ...(body && { requestBody: { required: true, content: { [type]: { schema: schemaOf(body, 'input') } } } }),
    responses: {
      [answer.status]: success,
      ...Object.fromEntries((answer.also ?? []).map((status) => [status, success])),
      default: problem,
    },
  };
}

function queryParameters(query: z.ZodType | undefined): object[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(query, 'input') as {
    properties?: Record<string, object>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, schema]) => parameter('query', name, schema, required.includes(name)));
}

function parameter(place: 'path' | 'query' | 'header', name: string, schema: object, required: boolean): object {
  return { in: place, name, required, schema };
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): object {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io });
  return rest;
}
