// What all HTTP/2 connections of a worker have in common, on both sides: the memory that frames are written into, and the tables
// that header blocks are read with.
import type { FieldNames } from '../http/field.ts';
import { HpackContext } from './hpack-context.ts';
import { PagePool } from './page-pool.ts';

export class Http2Shared {
  readonly pages = new PagePool();
  readonly hpack: HpackContext;

  constructor(names: FieldNames) {
    this.hpack = new HpackContext(names);
  }
}
