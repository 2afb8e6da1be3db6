// `countersign schema`: the JSON Schema of the configuration, for editors.
import { Command } from 'commander';

export function schemaCommand(): Command {
  return new Command('schema').action(async () => {
    const { configSchema } = await import('../config/schema.ts');
    process.stdout.write(`${JSON.stringify(configSchema(), null, 2)}\n`);
  });
}
