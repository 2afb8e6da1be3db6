// The JSON Schema of messages to receivers of alerts, from the declaration that they are made by.
import { z } from 'zod';
import { messageSchema } from '../src/alerts/message.ts';

/** Members may be added to a version: whoever reads it ignores what he does not know, so nothing is closed here. */
export function alertSchemaText(): string {
  const schema = z.toJSONSchema(messageSchema, {
    override: ({ jsonSchema }) => {
      delete jsonSchema.additionalProperties;
    },
  });
  return `${JSON.stringify({ title: 'Message to a receiver of alerts', ...schema }, null, 2)}\n`;
}
