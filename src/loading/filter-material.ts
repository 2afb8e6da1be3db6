// What the filters of routes point to, read and checked: files of users, keys that verify tokens. Read once for each middleware,
// however many routes use it.
import { materialError, materialWarning } from '../base/material-problem.ts';
import { textOf } from '../asn1/pem-text.ts';
import { materialName } from '../certs/material.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { readUsersFile } from '../config/users-file.ts';
import { type FilterMaterial, noMaterial } from '../filters/material.ts';
import type { MaterialLoader } from './material-loader.ts';

const none: readonly FilterMaterial[] = [];
const maxUsersBytes = 1024 * 1024;
/** Lines of one file that are told of. */
const maxTold = 20;

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
    let found = this.#known.get(filter.name);
    if (found === undefined) this.#known.set(filter.name, (found = this.#read(filter)));
    return found;
  }

  async #read(filter: FilterConfig): Promise<FilterMaterial> {
    switch (filter.kind) {
      case 'basicAuth':
        return this.#readUsers(filter);
      default:
        return noMaterial;
    }
  }

  async #readUsers({ usersFile, users: inline }: ConfigOf<'basicAuth'>): Promise<FilterMaterial> {
    if (usersFile === undefined) return noMaterial;
    const loader = this.#loader;
    const name = materialName(usersFile);
    const file = await loader.read(usersFile, maxUsersBytes);
    if (!file.ok) {
      loader.add(usersFile.place, materialError('users_unreadable', file.message, file.hint));
      return noMaterial;
    }
    const text = textOf(file.bytes);
    const { users, mistakes, plain } = readUsersFile(text);
    for (const { line, problem, hint } of mistakes.slice(0, maxTold))
      loader.add(usersFile.place, materialError('bad_user', `${name}, line ${line}: ${problem}`, hint));
    const twice = inline.find((one) => users.some((other) => other.name === one.name));
    if (twice !== undefined)
      loader.add(
        usersFile.place,
        materialError('duplicate_name', `${name}: user ${twice.name} stands in users too`, ''),
      );
    if (users.length === 0 && mistakes.length === 0)
      loader.add(
        usersFile.place,
        materialError('no_users', `${name} holds no user`, 'Make it with `htpasswd -B -c FILE USER`.'),
      );
    if (plain.length > 0)
      loader.add(
        usersFile.place,
        materialWarning(
          'plain_password',
          `${name}: passwords stand there as plain text (user ${plain.slice(0, 3).join(', ')}${plain.length > 3 ? ', …' : ''})`,
          'Write their hashes: htpasswd -B.',
        ),
      );
    return { users: text };
  }
}
