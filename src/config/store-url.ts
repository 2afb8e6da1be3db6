// `gateway.store`: where the control plane keeps what is not in the file. Without it there is no control process and no API.
import { dirname, resolve } from 'node:path';
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
import { reportEmpty } from './reading.ts';

export const storeKeys = {
  // A URL of a database may hold its password.
  url: key(secret(text), {
    says: 'sqlite:PATH. Default: no store, and no control process.',
    unset: 'no store, no control process',
    restricts: true,
    page: 'own. `sqlite:PATH`, relative to the file that names it. The folder must be writable for the user of the gateway alone. [The control process](operations.md#the-control-process).',
  }),
  sealKey: key(secret(text), {
    says: 'Opening key of the store: path, PEM text, or base64 of PEM. Default: a file beside the store, made at the first start.',
    unset: 'STORE.key, made at the first start',
    restricts: true,
    page: 'own. `S`: the X25519 key that opens what is sealed in the store; from the environment it is on no disk beside it. A path where nothing is yet gets a new key at the first start. Takes effect at a start.',
  }),
};

const store = map(storeKeys);

/** Where a store is, and what opens what is sealed in it. Stays in the processes that read it: it may hold the key itself. */
export type StoreLocation = {
  /** Absolute. */
  readonly path: string;
  /** Undefined: beside the store. */
  readonly sealKey?: { readonly path: string } | { readonly pem: string } | undefined;
  /** Name of the gateway that the file is of, where it is written. */
  readonly gateway?: string | undefined;
};

/** `around`: `gateway`. Undefined where there is none. */
export function readStore(
  { url, sealKey }: z.output<typeof store>,
  around: Cursor,
  admin: GatewayConfig['entryPoints']['admin'],
  problems: ProblemList,
): StoreConfig | undefined {
  const at = around.down('store');
  if (url === undefined) {
    reportEmpty(at, 'url', problems);
    if (admin.clientLogin !== undefined && !at.has('url'))
      problems.warn(
        'unused_key',
        admin.clientLogin.place,
        'clientLogin has no effect: without a store there is nothing to log in to',
        'Write gateway.store: {url: "sqlite:countersign.db"}.',
      );
    return undefined;
  }
  const { place } = at.down('url');
  const path = pathOfStore(url, place.file);
  if (path === undefined) {
    problems.error(
      'bad_url',
      place,
      'the store is none that this version can open',
      'Write url: sqlite:PATH, for example sqlite:countersign.db.',
    );
    return undefined;
  }
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
  return { path, place };
}

/** Absolute; undefined where it is no URL of a store. `file`: that names it. */
function pathOfStore(url: string, file: string): string | undefined {
  const path = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : '';
  const isPath = path !== '' && path.length <= 4096 && !/[\u0000-\u001f\u007f]/.test(path);
  return isPath ? resolve(dirname(file), path) : undefined;
}

/** The store that a main file names, before anything else of it is read; undefined where it names none, or wrongly. */
export function findStore(tree: TreeNode | undefined, file: string): StoreLocation | undefined {
  const around = new Cursor(tree, { file, line: 1, col: 1 }).down('gateway');
  const at = around.down('store');
  const { tree: url } = at.down('url');
  const path = url?.kind === 'scalar' && !url.isNull ? pathOfStore(url.text, file) : undefined;
  if (path === undefined) return undefined;
  const { tree: sealKey } = at.down('sealKey');
  const { tree: name } = around.down('name');
  // One that is wrong is told when all is read.
  const gateway = name?.kind === 'scalar' && isGatewayName(name.text) ? name.text : undefined;
  const named = { path, ...(gateway !== undefined && { gateway }) };
  if (sealKey?.kind !== 'scalar' || sealKey.isNull) return named;
  const reading = parseMaterialRef(sealKey.text, at.down('sealKey'), true);
  // What is wrong with it is told when all is read; no other key is taken instead.
  if ('problem' in reading) return undefined;
  return { ...named, sealKey: 'pem' in reading ? { pem: reading.pem } : { path: reading.path } };
}
