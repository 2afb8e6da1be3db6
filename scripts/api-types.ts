// console/src/api/operations.ts: what the console knows of the API, written from the declarations of its operations, so that a
// screen that sends or reads what the server does not know does not compile (pages.ts writes it, a test compares the two).
import { createHash } from 'node:crypto';
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

/** What comes more than once and is at least so long as JSON gets a name of its own. */
const worthNaming = 400;

export function apiTypes(): string {
  const { paths } = makeOpenApi(operations) as { paths: Record<string, Record<string, Described>> };
  const all = Object.entries(paths).flatMap(([path, here]) =>
    Object.entries(here).map(([method, one]) => ({ path, method: method.toUpperCase(), one })),
  );
  all.sort((a, b) => (a.one.operationId < b.one.operationId ? -1 : 1));
  const printer = new Printer(all.map(({ one }) => one));
  const shown = all.map(({ one }) => showOperation(one, printer));
  const acts = [...new Set(all.flatMap(({ one }) => one['x-act'] ?? []))].toSorted();
  return `// Written by scripts/api-types.ts from the declarations in src/control: do not edit, run \`node scripts/pages.ts\`.

/** Method and path below /api/v1 of every operation. */
export const places = {
${all.map(({ path, method, one }) => `  ${one.operationId}: ['${method}', '${path}'],`).join('\n')}
} as const;

/** What somebody may do, as \`getSession\` lists it. */
export type Act =
${acts.map((act) => `  | '${act}'`).join('\n')};

export type Operations = {
${shown.join('\n')}
};
${printer.named.map(([name, text]) => `\ntype ${name} = ${text};\n`).join('')}`;
}

function showOperation({ operationId, summary, parameters, requestBody, responses }: Described, to: Printer): string {
  const success = Object.entries(responses).find(([status]) => status.startsWith('2'))?.[1];
  const answer = success?.content?.['application/json']?.schema;
  const body = Object.values(requestBody?.content ?? {})[0]?.schema;
  const members = [
    `    params: ${showParameters(parameters, 'path', to)};`,
    `    query: ${showParameters(parameters, 'query', to)};`,
    `    body: ${body === undefined ? 'undefined' : to.show(body, 2)};`,
    `    answer: ${answer === undefined ? 'undefined' : to.show(answer, 2)};`,
    `    conditional: ${parameters.some(({ name }) => name === 'If-Match')};`,
  ];
  return `  /** ${summary} */\n  ${operationId}: {\n${members.join('\n')}\n  };`;
}

function showParameters(parameters: readonly Parameter[], place: Parameter['in'], to: Printer): string {
  const here = parameters.filter((one) => one.in === place);
  if (here.length === 0) return 'undefined';
  const members = here.map(
    ({ name, required, schema }) => `${showKey(name)}${required ? '' : '?'}: ${to.show(schema, 2)}`,
  );
  return `{ ${members.join('; ')} }`;
}

function showKey(name: string): string {
  return /^[A-Za-z_$][\w$]*$/.test(name) ? name : JSON.stringify(name);
}

/** JSON Schema (draft 2020-12, as zod writes it) as TypeScript. */
class Printer {
  /** Names of what comes more than once, by its JSON. */
  readonly #names: ReadonlyMap<string, string>;
  readonly #written = new Map<string, string>();

  constructor(all: readonly Described[]) {
    const counts = new Map<string, number>();
    const count = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      const text = JSON.stringify(value);
      if ('properties' in value && text.length >= worthNaming) counts.set(text, (counts.get(text) ?? 0) + 1);
      for (const inner of Object.values(value)) count(inner);
    };
    count(all);
    const often = [...counts].filter(([, times]) => times > 1);
    // By its content, so that the name stays when others come and go.
    this.#names = new Map(
      often.map(([text]) => [text, `Shape${createHash('sha256').update(text).digest('hex').slice(0, 8)}`]),
    );
  }

  /** Of what was shown so far. */
  get named(): readonly (readonly [name: string, text: string])[] {
    return [...this.#written].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  show(schema: Schema, depth: number): string {
    const name = schema.properties === undefined ? undefined : this.#names.get(JSON.stringify(schema));
    if (name === undefined) return this.#spellOut(schema, depth);
    if (!this.#written.has(name)) {
      this.#written.set(name, '');
      this.#written.set(name, this.#spellOut(schema, 0));
    }
    return name;
  }

  #spellOut(schema: Schema, depth: number): string {
    if ('const' in schema) return JSON.stringify(schema.const);
    if (schema.enum !== undefined) return schema.enum.map((one) => JSON.stringify(one)).join(' | ');
    const either = schema.anyOf ?? schema.oneOf;
    if (either !== undefined) return [...new Set(either.map((one) => this.show(one, depth)))].join(' | ');
    if (schema.allOf !== undefined) return schema.allOf.map((one) => `(${this.show(one, depth)})`).join(' & ');
    if (Array.isArray(schema.type))
      return schema.type.map((type: string) => this.#spellOut({ ...schema, type }, depth)).join(' | ');
    switch (schema.type) {
      case 'string':
      case 'boolean':
      case 'null':
        return schema.type;
      case 'integer':
      case 'number':
        return 'number';
      case 'array':
        return this.#showArray(schema, depth);
      case 'object':
        return this.#showObject(schema, depth);
      default:
        // A reference to itself, or anything: whoever reads it has to look.
        return 'unknown';
    }
  }

  #showArray({ items, prefixItems }: Schema, depth: number): string {
    if (prefixItems !== undefined) return `[${prefixItems.map((one) => this.show(one, depth)).join(', ')}]`;
    const item = typeof items === 'object' ? this.show(items, depth) : 'unknown';
    return /^\w+$/.test(item) ? `${item}[]` : `(${item})[]`;
  }

  #showObject({ properties = {}, required = [], additionalProperties }: Schema, depth: number): string {
    const entries = Object.entries(properties);
    const rest = typeof additionalProperties === 'object' ? this.show(additionalProperties, depth) : 'unknown';
    if (entries.length === 0)
      return additionalProperties === false ? 'Record<string, never>' : `Record<string, ${rest}>`;
    const indent = '  '.repeat(depth + 1);
    const members = entries.map(
      ([name, schema]) =>
        `${indent}${showKey(name)}${required.includes(name) ? '' : '?'}: ${this.show(schema, depth + 1)};`,
    );
    const isOpen = additionalProperties !== undefined && additionalProperties !== false;
    return `{\n${members.join('\n')}${isOpen ? `\n${indent}[more: string]: unknown;` : ''}\n${'  '.repeat(depth)}}`;
  }
}
