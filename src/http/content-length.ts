// The value of a Content-Length (RFC 9110 section 8.6), without any repair.

const digits = /^[0-9]{1,16}$/;

/** Its number; undefined where it is not one (signs, lists, blanks, beyond 2^53-1). */
export function parseContentLength(value: string): number | undefined {
  if (!digits.test(value)) return undefined;
  const length = Number(value);
  return Number.isSafeInteger(length) ? length : undefined;
}
