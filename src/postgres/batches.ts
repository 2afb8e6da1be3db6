// Tables that are too much to hold, row by row: read in batches by their key, so that nothing is kept open and the event loop goes on in between.

/** `read`: the rows after one with this key, at most so many as make a batch, in the order of the keys. */
export async function* inBatches<Row, Key>(
  first: Key,
  size: number,
  read: (after: Key) => Promise<readonly Row[]>,
  keyOf: (row: Row) => Key,
): AsyncGenerator<Row, void, undefined> {
  for (let after = first; ; ) {
    const rows = await read(after);
    yield* rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < size) return;
    after = keyOf(last);
  }
}

/** Rows of little each. */
export const batchRows = 1_000;
/** Documents may be large. */
export const batchDocuments = 100;
