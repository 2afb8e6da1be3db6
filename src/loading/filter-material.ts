// What the filters of routes point to, read and checked. Read once for each filter, however many routes use it.
import { materialError } from '../base/material-problem.ts';
import { materialName } from '../certs/material.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { type FilterMaterial, noMaterial } from '../filters/material.ts';
import type { MaterialLoader } from './material-loader.ts';

const none: readonly FilterMaterial[] = [];
const maxPageBytes = 65_536;

type ConfigOf<Kind extends FilterConfig['kind']> = Extract<FilterConfig, { readonly kind: Kind }>;

export class FilterMaterials {
  readonly #loader: MaterialLoader;
  readonly #known = new Map<string, Promise<FilterMaterial>>();

  constructor(loader: MaterialLoader) {
    this.#loader = loader;
  }

  /** One for each filter. What cannot be used is a problem of the loader. */
  async load(filters: readonly FilterConfig[]): Promise<readonly FilterMaterial[]> {
    if (filters.length === 0) return none;
    return Promise.all(filters.map(async (filter) => this.#find(filter)));
  }

  async #find(filter: FilterConfig): Promise<FilterMaterial> {
    const { file, line, col } = filter.place;
    // Keys of routes make filters of one name; each stands in its own place.
    const key = `${file}:${line}:${col} ${filter.kind}`;
    let found = this.#known.get(key);
    if (found === undefined) this.#known.set(key, (found = this.#read(filter)));
    return found;
  }

  async #read(filter: FilterConfig): Promise<FilterMaterial> {
    switch (filter.kind) {
      case 'errorInterceptor':
        return this.#readPages(filter);
      default:
        return noMaterial;
    }
  }

  async #readPages({ errors }: ConfigOf<'errorInterceptor'>): Promise<FilterMaterial> {
    const loader = this.#loader;
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
}
