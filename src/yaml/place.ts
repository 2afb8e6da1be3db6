// Where a value stands: in a file by line and column, in an object of a store by a JSON Pointer.

/** 1-based line and column; `stored`: there is no file, and neither says anything. */
export type Place = {
  /** What people are told: a path, or a store's revision and object. */
  readonly file: string;
  readonly line: number;
  readonly col: number;
  readonly stored?: StoredPlace;
};

export type StoredPlace = {
  /** The list that the object is of: `services`. */
  readonly kind: string;
  readonly id: string;
  /** RFC 6901, into the object; '' is all of it. */
  readonly pointer: string;
};

/** In front of a message: `gateway.yml:12:5`, `store revision 12, service orders, /tls/mode`. */
export function showPlace({ file, line, col, stored }: Place): string {
  if (stored === undefined) return `${file}:${line}:${col}`;
  return stored.pointer === '' ? file : `${file}, ${stored.pointer}`;
}

/** Within a sentence: `gateway.yml, line 12`. */
export function sayPlace({ file, line, stored }: Place): string {
  return stored === undefined ? `${file}, line ${line}` : file;
}
