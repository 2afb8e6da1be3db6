// Envoy's configuration (v3, static) in our words.
import type { ImportWorld, SourceText } from '../import/import-config.ts';

export async function importEnvoy(files: readonly SourceText[], { report }: ImportWorld): Promise<void> {
  for (const { file } of files)
    report.refuse('unsupported', { place: { file, line: 1, col: 1 } }, file, 'is not read yet');
}
