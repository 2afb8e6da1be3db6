// What all HPACK decoders of a worker share: interned names, the Huffman table, the static table as judged fields, and the
// literal fields that came before. Secrets are not among those: see HpackDecoder.
import type { FieldNames } from '../http/field.ts';
import { type HeaderField, headerField } from './header-field.ts';
import { HuffmanDecoder } from './huffman.ts';
import { RepeatCache } from './repeat-cache.ts';
import { staticTable } from './static-table.ts';

const keptLiterals = 512;
const longestLiteral = 128;
/** All of a literal. */
const literalWords = 32;

export class HpackContext {
  readonly names: FieldNames;
  readonly huffman = new HuffmanDecoder();
  /** Literal fields by their octets. */
  readonly literals = new RepeatCache<HeaderField>(keptLiterals, longestLiteral, literalWords);
  /** By index; 0 is none. */
  readonly staticFields: readonly (HeaderField | undefined)[];

  constructor(names: FieldNames) {
    this.names = names;
    this.staticFields = [undefined, ...staticTable.map(([name, value]) => headerField(names, name, value))];
  }
}
