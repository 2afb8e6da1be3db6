// The JSON Schema of the main configuration file, made from the same shapes that check it: for editors.
import { z } from 'zod';
import { offAllowed, singleAllowed } from './atoms.ts';
import { mainFileShape } from './gateway-shape.ts';
import { support } from './support.ts';

/** Draft 7, which the YAML extensions of editors know. Plain data. */
export function configSchema(): object {
  const schema = z.toJSONSchema(mainFileShape, {
    io: 'input',
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema, jsonSchema }) => {
      if (jsonSchema.type === 'object' && zodSchema instanceof z.ZodObject) jsonSchema.additionalProperties = false;
      // Scalars keep their source text, so a number is a text too.
      if (jsonSchema.type === 'string' && jsonSchema.enum === undefined && jsonSchema.pattern === undefined)
        jsonSchema.type = ['string', 'number', 'boolean'] as never;
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
      if (zodSchema instanceof z.ZodType && offAllowed.has(zodSchema)) {
        const block = { ...jsonSchema };
        for (const key of Object.keys(jsonSchema)) delete jsonSchema[key];
        Object.assign(jsonSchema, { anyOf: [block, { enum: ['off', false] }] });
      }
    },
  });
  return { title: 'Countersign configuration', ...schema, patternProperties: { '^x-': {} } };
}
