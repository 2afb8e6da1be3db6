// The JSON Schema of the main configuration file, made from the same shapes that check it: for editors.
import { z } from 'zod';
import { offAllowed, ranges, singleAllowed, textAllowed } from './atoms.ts';
import { filterTypes } from './filter-types.ts';
import { mainFileShape } from './main-file.ts';
import { declared } from './key.ts';
import { middlewareShape } from './middlewares.ts';
import { support } from './support.ts';

/** JSON Schema has no flag for case; YAML has three spellings of each word. */
const offInSchema = '^(?:[oO]ff|OFF|[fF]alse|FALSE|[nN]o?|NO)$';

/** Draft 7, which the YAML extensions of editors know. Plain data. */
export function configSchema(): object {
  return { title: 'Countersign configuration', ...toSchema(mainFileShape), patternProperties: { '^x-': {} } };
}

/** What `rule` is by `type`, for the items of `middlewares`. */
function ruleByType(): z.core.JSONSchema.JSONSchema[] {
  return filterTypes.map(({ names, rule }) => {
    const { $schema: _, ...then } = toSchema(rule);
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema; nobody awaits a schema.
    return { if: { properties: { type: { enum: [...names] } } }, then: { properties: { rule: then } } };
  });
}

function toSchema(shape: z.ZodType): z.core.JSONSchema.BaseSchema {
  return z.toJSONSchema(shape, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (jsonSchema.type === 'object' && zodSchema instanceof z.ZodObject) jsonSchema.additionalProperties = false;
      // Scalars keep their source text, so a number is a text too.
      if (jsonSchema.type === 'string' && jsonSchema.enum === undefined && jsonSchema.pattern === undefined)
        jsonSchema.type = ['string', 'number', 'boolean'] as never;
      if (zodSchema === middlewareShape) jsonSchema.allOf = ruleByType();
      const said = zodSchema instanceof z.ZodType ? declared.get(zodSchema) : undefined;
      if (zodSchema instanceof z.ZodPrefault) delete jsonSchema.default;
      const what = zodSchema instanceof z.ZodType ? support.get(zodSchema) : undefined;
      if (what !== undefined) {
        jsonSchema.deprecated = true;
        jsonSchema.description =
          what.severity === 'error'
            ? `Not supported by this version; refused, as ignoring it would ${what.consequence}.`
            : `Not supported: ${what.consequence}.`;
      }
      if (zodSchema instanceof z.ZodType && singleAllowed.has(zodSchema)) {
        const { items, ...rest } = jsonSchema;
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
        Object.assign(jsonSchema, { anyOf: [items, { ...rest, items }] });
      }
      const range = zodSchema instanceof z.ZodType ? ranges.get(zodSchema) : undefined;
      if (typeof range?.max === 'number') Object.assign(jsonSchema, { minimum: range.min, maximum: range.max });
      if (said?.default !== undefined) jsonSchema.default = said.default;
      if (zodSchema instanceof z.ZodType && textAllowed.has(zodSchema)) jsonSchema.type = ['object', 'string'] as never;
      // Of texts `off` alone, of flags false alone.
      if (zodSchema instanceof z.ZodType && offAllowed.has(zodSchema))
        Object.assign(jsonSchema, {
          type: ['object', 'string', 'boolean'],
          pattern: offInSchema,
          not: { const: true },
        });
    },
  });
}
