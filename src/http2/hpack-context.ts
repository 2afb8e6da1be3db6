// What all HPACK decoders of a worker share: interned names, the Huffman table, the static table as judged fields.
import type { FieldNames } from '../http/field.ts';
import { type HeaderField, headerField } from './header-field.ts';
import { HuffmanDecoder } from './huffman.ts';
import { staticTable } from './static-table.ts';

export class HpackContext {
  readonly names: FieldNames;
  readonly huffman = new HuffmanDecoder();
  /** By index; 0 is none. */
  readonly staticFields: readonly (HeaderField | undefined)[];

  constructor(names: FieldNames) {
    this.names = names;
    this.staticFields = [undefined, ...staticTable.map(([name, value]) => headerField(names, name, value))];
  }
}
