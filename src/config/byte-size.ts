// Sizes as Goma writes them: 10MB, 512Ki, 1GiB. K and KB are 1000, Ki and KiB 1024.

const units: Readonly<Record<string, number>> = {
  '': 1,
  K: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

/** Bytes; undefined where it is no size, or more than can be counted. */
export function parseByteSize(text: string): number | undefined {
  const [, digits = '', unit = ''] = /^(\d{1,15}) ?([KMG]i?)?B?$/.exec(text.trim()) ?? [];
  const bytes = digits === '' ? Number.NaN : Number(digits) * (units[unit] ?? Number.NaN);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
