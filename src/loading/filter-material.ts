// What the filters of routes point to, read and checked: files of users, keys that verify tokens. Read once for each middleware,
// however many routes use it.
import { materialError, materialWarning } from '../base/material-problem.ts';
import { textOf } from '../asn1/pem-text.ts';
import type { PlainRef, Ref } from '../config/ref.ts';
import { maxKeySetBytes, readKeySet } from '../filters/key-set.ts';
import { materialName } from '../certs/material.ts';
import type { FilterConfig } from '../config/filter-types.ts';
import { readUsersFile } from '../config/users-file.ts';
import { type FilterMaterial, noMaterial } from '../filters/material.ts';
import { loadErrorPages } from './error-pages.ts';
import type { TrustBundle } from '../trust/trust-bundle.ts';
import type { LoadedPair, MaterialLoader } from './material-loader.ts';

const none: readonly FilterMaterial[] = [];
const maxUsersBytes = 1024 * 1024;
/** Lines of one file that are told of. */
const maxTold = 20;

type ConfigOf<Kind extends FilterConfig['kind']> = Extract<FilterConfig, { readonly kind: Kind }>;

/** Who keeps what expires. */
export type ExpiryKeeper = {
  readonly onAnchors: (bundle: TrustBundle) => void;
  readonly onClientPair: (pair: LoadedPair) => void;
};

export class FilterMaterials {
  readonly #loader: MaterialLoader;
  readonly #keeper: ExpiryKeeper;
  readonly #known = new Map<string, Promise<FilterMaterial>>();

  constructor(loader: MaterialLoader, keeper: ExpiryKeeper) {
    this.#loader = loader;
    this.#keeper = keeper;
  }

  /** One for each filter. What cannot be used is a problem of the loader. */
  async load(filters: readonly FilterConfig[]): Promise<readonly FilterMaterial[]> {
    if (filters.length === 0) return none;
    return Promise.all(filters.map(async (filter) => this.#find(filter)));
  }

  async #find(filter: FilterConfig): Promise<FilterMaterial> {
    // Keys of routes make filters of one name; each stands in a place of its own.
    const { file, line, col } = filter.place;
    const key = `${file}:${line}:${col} ${filter.kind}`;
    let found = this.#known.get(key);
    if (found === undefined) this.#known.set(key, (found = this.#read(filter)));
    return found;
  }

  async #read(filter: FilterConfig): Promise<FilterMaterial> {
    switch (filter.kind) {
      case 'basicAuth':
        return this.#readUsers(filter);
      case 'forwardAuth':
        return this.#readService(filter);
      case 'jwtAuth':
        return this.#readKeys(filter);
      case 'errorInterceptor':
        return loadErrorPages(filter, this.#loader);
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

  async #readKeys({ keys }: ConfigOf<'jwtAuth'>): Promise<FilterMaterial> {
    if (keys.kind === 'url') {
      return this.#readCas(keys.ca);
    }
    if (keys.kind === 'secret') return noMaterial;
    const { ref } = keys;
    const text = await this.#textOf(ref);
    if (text === undefined) return noMaterial;
    const name = 'pem' in ref ? 'what stands here' : materialName(ref);
    try {
      const { skipped } = readKeySet(text);
      if (skipped.length > 0)
        this.#loader.add(ref.place, materialWarning('unused_key', `${name}: ${skipped.slice(0, 3).join('; ')}`, ''));
      return { keys: text };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const hint = 'Give a public key or a certificate in PEM, or a set of keys in JSON (RFC 7517).';
      this.#loader.add(ref.place, materialError('bad_keys', `${name} verifies no token: ${why}`, hint));
      return noMaterial;
    }
  }

  async #readService({ service }: ConfigOf<'forwardAuth'>): Promise<FilterMaterial> {
    const { rootCAs, clientCert: cert, clientKey: key } = service;
    const cas = await this.#readCas(rootCAs);
    if (cert === undefined || key === undefined) return cas;
    const pair = await this.#loader.clientPair({ cert, key, place: cert.place });
    if (pair === undefined) return cas;
    this.#keeper.onClientPair(pair.loaded);
    const { chainPem, keyPem } = pair.loaded;
    return { ...cas, pair: { chainPem, keyPem } };
  }

  async #readCas(ref: Ref | undefined): Promise<FilterMaterial> {
    const bundle = ref && (await this.#loader.bundle([ref]));
    if (bundle === undefined) return noMaterial;
    this.#keeper.onAnchors(bundle);
    return { cas: bundle.pem.join('') };
  }

  async #textOf(ref: PlainRef): Promise<string | undefined> {
    if ('pem' in ref) return ref.pem;
    const file = await this.#loader.read(ref, maxKeySetBytes);
    if (file.ok) return textOf(file.bytes);
    this.#loader.add(ref.place, materialError('keys_unreadable', file.message, file.hint));
    return undefined;
  }
}
