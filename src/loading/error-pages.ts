// The files of errorInterceptor: what clients get in the place of errors.
import { materialError } from '../base/material-problem.ts';
import { materialName } from '../certs/material.ts';
import type { InterceptorConfig } from '../config/answer-filters.ts';
import type { FilterMaterial } from '../filters/material.ts';
import type { MaterialLoader } from './material-loader.ts';

const maxPageBytes = 65_536;

/** What cannot be read is a problem of the loader. */
export async function loadErrorPages({ errors }: InterceptorConfig, loader: MaterialLoader): Promise<FilterMaterial> {
  const pages: Record<string, string> = {};
  for (const { file } of errors) {
    if (file === undefined || file.path in pages) continue;
    const read = await loader.read(file, maxPageBytes);
    if (!read.ok) {
      loader.add(file.place, materialError('page_unreadable', read.message, read.hint));
      continue;
    }
    try {
      pages[file.path] = new TextDecoder('utf-8', { fatal: true }).decode(read.bytes);
    } catch {
      loader.add(file.place, materialError('page_unreadable', `${materialName(file)} is not UTF-8 text`, ''));
    }
  }
  return { pages };
}
