// Where a store is: what its URL says. Apart from store-url.ts, so that commands that only open one do not load the declarations.
import { dirname, resolve } from 'node:path';
import { type AddressProblem, isPostgresUrl, parsePostgresUrl, type PostgresAddress } from './postgres-address.ts';

/** Where a store is, and what opens what is sealed in it. Stays in the processes that read it: it may hold the key itself. */
export type StoreLocation = {
  /** Absolute: the file; of a database, what the names of the files that belong to it here begin with. */
  readonly path: string;
  /** A database. */
  readonly postgres?: PostgresAddress | undefined;
  /** Undefined: beside the store. */
  readonly sealKey?: { readonly path: string } | { readonly pem: string } | undefined;
  /** Name of the gateway that the file is of, where it is written. */
  readonly gateway?: string | undefined;
};

type Located = Pick<StoreLocation, 'path' | 'postgres'>;

/** `file`: that names it, or a file in the folder that paths are relative to. */
export function locateStore(url: string, folder: string | undefined, file: string): Located | AddressProblem {
  if (isPostgresUrl(url)) {
    const postgres = parsePostgresUrl(url, dirname(file));
    return 'problem' in postgres ? postgres : { path: resolve(dirname(file), folder ?? '', localName), postgres };
  }
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : '';
  const isPath = path !== '' && path.length <= 4096 && !/[\u0000-\u001f\u007f]/.test(path);
  if (isPath) return { path: resolve(dirname(file), path) };
  const hint = 'Write url: sqlite:PATH, for example sqlite:countersign.db, or postgres://USER:PASSWORD@HOST/DATABASE.';
  return { problem: 'the store is none that this version can open', hint };
}

/** What the names of the files begin with that belong to a database and stand here. */
const localName = 'countersign-store';

/** Which database, without what lets in. */
export function serverText({ hosts, database, user }: PostgresAddress): string {
  return `${user}@${hosts.map(({ host, port }) => `${host}:${port}`).join(',')}/${database}`;
}
