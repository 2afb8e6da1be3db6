// console/src/api/operations.ts: what the console knows of the API, written from the declarations of its operations, so that a
// screen that sends or reads what the server does not know does not compile (pages.ts writes it, a test compares the two).
import { makeOpenApi } from '../src/control/openapi.ts';
import { operations } from '../src/control/operations.ts';

type Schema = {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly $defs?: Readonly<Record<string, Schema>>;
};

type Parameter = {
  readonly in: 'path' | 'query' | 'header';
  readonly name: string;
  readonly required: boolean;
  readonly schema: Schema;
};
type Content = { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> };
type Described = {
  readonly operationId: string;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Content;
  readonly responses: Readonly<Record<string, Content>>;
  readonly 'x-act'?: string;
};

export function apiTypes(): string {
  const { paths } = makeOpenApi(operations) as { paths: Record<string, Record<string, Described>> };
  const all = Object.entries(paths).flatMap(([path, here]) =>
    Object.entries(here).map(([method, one]) => ({ path, method: method.toUpperCase(), one })),
  );
  all.sort((a, b) => (a.one.operationId < b.one.operationId ? -1 : 1));
  return `// Written by scripts/api-types.ts from the declarations in src/control: do not edit, run \`node scripts/pages.ts\`.

/** Method and path below /api/v1 of every operation. */
export const places = {
${all.map(({ path, method, one }) => `  ${one.operationId}: ['${method}', '${path}'],`).join('\n')}
} as const;

/** What somebody may do, as \`getSession\` lists it. */
export type Act = ${[...new Set(all.flatMap(({ one }) => one['x-act'] ?? []))]
    .toSorted()
    .map((act) => `'${act}'`)
    .join(' | ')};

export type Operations = {
${all.map(({ one }) => showOperation(one)).join('\n')}
};
`;
}

function showOperation({ operationId, summary, parameters, requestBody, responses }: Described): string {
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
  const events = success?.content?.['text/event-stream'];
  const answer = success?.content?.['application/json']?.schema;
  const body = Object.values(requestBody?.content ?? {})[0]?.schema;
  const members = [
    `    params: ${showParameters(parameters, 'path')};`,
    `    query: ${showParameters(parameters, 'query')};`,
    `    body: ${body === undefined ? 'undefined' : show(body, 2, body)};`,
    `    answer: ${events !== undefined ? 'undefined' : answer === undefined ? 'undefined' : show(answer, 2, answer)};`,
    `    conditional: ${parameters.some(({ name }) => name === 'If-Match')};`,
  ];
  return `  /** ${summary} */\n  ${operationId}: {\n${members.join('\n')}\n  };`;
}

function showParameters(parameters: readonly Parameter[], place: Parameter['in']): string {
  const here = parameters.filter((one) => one.in === place);
  if (here.length === 0) return 'undefined';
  return `{ ${here.map(({ name, required, schema }) => `${showKey(name)}${required ? '' : '?'}: ${show(schema, 2, schema)}`).join('; ')} }`;
}

function showKey(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** `top`: whose $defs a reference means. */
function show(schema: Schema, depth: number, top: Schema): string {
  if (schema.$ref !== undefined) return showReference(schema.$ref, depth, top);
  if ('const' in schema) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined) return either.map((one) => show(one, depth, top)).join(' | ');
  if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${show(one, depth, top)})`).join(' & ');
  if (Array.isArray(schema.type))
    return schema.type.map((type: string) => show({ ...schema, type }, depth, top)).join(' | ');
  switch (schema.type) {
    case 'string':
      return 'string';
    case 'integer':
    case 'number':
      return 'number';
    case 'boolean':
      return 'boolean';
    case 'null':
      return 'null';
    case 'array':
      return showArray(schema, depth, top);
    case 'object':
      return showObject(schema, depth, top);
    default:
      return 'unknown';
  }
}

/** What refers to itself is shown once: within itself it is unknown. */
function showReference(reference: string, depth: number, top: Schema): string {
  const name = /^#\/\$defs\/(.+)$/.exec(reference)?.[1] ?? '';
  const { [name]: found, ...others } = top.$defs ?? {};
  if (found === undefined) return 'unknown';
  return show(found, depth + 1, { ...top, $defs: others });
}

function showArray({ items, prefixItems }: Schema, depth: number, top: Schema): string {
  if (prefixItems !== undefined) return `[${prefixItems.map((one) => show(one, depth, top)).join(', ')}]`;
  const item = typeof items === 'object' ? show(items, depth, top) : 'unknown';
  return /^[\w']+$/.test(item) ? `${item}[]` : `(${item})[]`;
}

function showObject(
  { properties = {}, required = [], additionalProperties }: Schema,
  depth: number,
  top: Schema,
): string {
  const entries = Object.entries(properties);
  const rest = typeof additionalProperties === 'object' ? show(additionalProperties, depth, top) : 'unknown';
  if (entries.length === 0) return additionalProperties === false ? 'Record<string, never>' : `Record<string, ${rest}>`;
  const indent = '  '.repeat(depth + 1);
  const members = entries.map(
    ([name, schema]) =>
      `${indent}${showKey(name)}${required.includes(name) ? '' : '?'}: ${show(schema, depth + 1, top)};`,
  );
  const open =
    additionalProperties !== undefined && additionalProperties !== false ? `\n${indent}[more: string]: unknown;` : '';
  return `{\n${members.join('\n')}${open}\n${'  '.repeat(depth)}}`;
}
