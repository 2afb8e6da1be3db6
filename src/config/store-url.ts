// `gateway.store`: where the control plane keeps what is not in the file. Without it there is no control process and no API.
import type { z } from 'zod';
import { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { TreeNode } from '../yaml/tree.ts';
import { map, secret, text } from './atoms.ts';
import type { GatewayConfig, StoreConfig } from './gateway-config.ts';
import { isGatewayName } from './own-name.ts';
import { key } from './key.ts';
import { parseMaterialRef } from './material-ref.ts';
import { isLoopback } from './listen-address.ts';
import { locateStore, serverText, type StoreLocation } from './store-location.ts';
import { reportEmpty } from './reading.ts';

export const storeKeys = {
  // A URL of a database may hold its password.
  url: key(secret(text), {
    says: 'sqlite:PATH, or postgres://USER:PASSWORD@HOST/DATABASE. Default: no store, and no control process.',
    unset: 'no store, no control process',
    restricts: true,
    page: 'own. `sqlite:PATH`, relative to the file that names it; the folder must be writable for the user of the gateway alone. `postgres://USER:PASSWORD@HOST/DATABASE?sslrootcert=FILE` for several gateways: [A store in PostgreSQL](operations.md#a-store-in-postgresql). [The control process](operations.md#the-control-process).',
  }),
  sealKey: key(secret(text), {
    says: 'Opening key of the store: path, PEM text, or base64 of PEM. Default: a file beside the store, made at the first start.',
    unset: 'STORE.key (of a database: countersign-store.key), made at the first start',
    restricts: true,
    page: 'own. `S`: the X25519 key that opens what is sealed in the store; from the environment it is on no disk beside it. A path where nothing is yet gets a new key at the first start. All gateways on one database have the same. Takes effect at a start.',
  }),
  folder: key(text, {
    says: 'Where opening key and last good revision stand for a store in a database. Default: beside this file.',
    unset: 'beside the file that names the store',
    page: 'own. For a store in a database: the folder, relative to the file that names it, with the opening key (unless `sealKey` says otherwise) and the last good revision. It must be writable for the user of the gateway alone.',
  }),
};

const store = map(storeKeys);

/** `around`: `gateway`. Undefined where there is none. */
export function readStore(
  { url, sealKey, folder }: z.output<typeof store>,
  around: Cursor,
  admin: GatewayConfig['entryPoints']['admin'],
  problems: ProblemList,
): StoreConfig | undefined {
  const at = around.down('store');
  if (url === undefined) {
    reportEmpty(at, 'url', problems);
    for (const name of ['clientLogin', 'oidc'] as const)
      if (admin[name] !== undefined && !at.has('url'))
        problems.warn(
          'unused_key',
          admin[name].place,
          `${name} has no effect: without a store there is nothing to log in to`,
          'Write gateway.store: {url: "sqlite:countersign.db"}.',
        );
    return undefined;
  }
  const { place } = at.down('url');
  const located = locateStore(url, folder, place.file);
  if ('problem' in located) {
    problems.error('bad_url', place, located.problem, located.hint);
    return undefined;
  }
  const { path, postgres } = located;
  if (folder === undefined) reportEmpty(at, 'folder', problems);
  else if (postgres === undefined)
    problems.warn(
      'unused_key',
      at.keyPlace('folder'),
      'folder has no effect: what belongs to a store in a file stands beside it',
      'Remove it.',
    );
  if (sealKey === undefined) reportEmpty(at, 'sealKey', problems);
  else {
    const reading = parseMaterialRef(sealKey, at.down('sealKey'), true);
    if ('problem' in reading)
      problems.error('bad_material', at.down('sealKey').place, `sealKey ${reading.problem}`, reading.hint);
  }
  if (!admin.enabled)
    problems.error(
      'contradiction',
      at.keyPlace('url'),
      'there is a store, and the admin entry point, where its API is served, is off',
      'Write entryPoints.admin.enabled: true, or remove the store.',
    );
  else if (!isLoopback(admin.host) && admin.certificate === undefined)
    problems.error(
      'admin_exposed',
      admin.place,
      'with a store people log in at the admin entry point, and without TLS everybody on the way could read their passwords',
      'Write entryPoints.admin.certificateId: ID for TLS, or 127.0.0.1:PORT.',
    );
  return { path, server: postgres === undefined ? undefined : serverText(postgres), place };
}

/** The store that a main file names, before anything else of it is read; undefined where it names none, or wrongly. */
export function findStore(tree: TreeNode | undefined, file: string): StoreLocation | undefined {
  const around = new Cursor(tree, { file, line: 1, col: 1 }).down('gateway');
  const at = around.down('store');
  const { tree: url } = at.down('url');
  const { tree: folder } = at.down('folder');
  const folderText = folder?.kind === 'scalar' && !folder.isNull ? folder.text : undefined;
  const located = url?.kind === 'scalar' && !url.isNull ? locateStore(url.text, folderText, file) : undefined;
  if (located === undefined || 'problem' in located) return undefined;
  const { tree: sealKey } = at.down('sealKey');
  const { tree: name } = around.down('name');
  // One that is wrong is told when all is read.
  const gateway = name?.kind === 'scalar' && isGatewayName(name.text) ? name.text : undefined;
  const named = { ...located, ...(gateway !== undefined && { gateway }) };
  if (sealKey?.kind !== 'scalar' || sealKey.isNull) return named;
  const reading = parseMaterialRef(sealKey.text, at.down('sealKey'), true);
  // What is wrong with it is told when all is read; no other key is taken instead.
  if ('problem' in reading) return undefined;
  return { ...named, sealKey: 'pem' in reading ? { pem: reading.pem } : { path: reading.path } };
}
