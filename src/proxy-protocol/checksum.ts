// CRC-32C (Castagnoli, RFC 3309 appendix B): the checksum of a version 2 header. zlib's crc32 is of another polynomial.

const polynomial = 0x82f63b78;
let table: Uint32Array | undefined;

function makeTable(): Uint32Array {
  return Uint32Array.from({ length: 256 }, (_, byte) => {
    let value = byte;
    for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ polynomial : value >>> 1;
    return value;
  });
}

/** Of the bytes as if those from `blankFrom` to `blankTo` were zero: a checksum stands in what it is made of. */
export function crc32c(bytes: Uint8Array, blankFrom = 0, blankTo = 0): number {
  table ??= makeTable();
  let value = 0xffffffff;
  for (const [at, byte] of bytes.entries()) {
    const read = at >= blankFrom && at < blankTo ? 0 : byte;
    value = (value >>> 8) ^ (table[(value ^ read) & 0xff] as number);
  }
  return (value ^ 0xffffffff) >>> 0;
}
