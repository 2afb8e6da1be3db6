/** Where a value stands: 1-based line and column. */
export type Place = { readonly file: string; readonly line: number; readonly col: number };
