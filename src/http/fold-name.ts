// One spelling for all names that a backend could take for the same field. CGI (RFC 3875 section 4.1.18), WSGI, Rack, PHP
// and FastCGI make variables of names: upper case, with `_` in place of `-`, and in place of whatever else is no letter or
// digit in many of them. A token has fifteen such characters, so `X-Real-IP` has 225 spellings without counting case.

const folded = /^[a-z0-9-]*$/;
const neither = /[^a-z0-9]/g;

/**
 * Lower case, with `-` for each character that is neither a letter nor a digit. Whoever compares names in order to keep one
 * out compares these; whoever lets one in compares the name as it was written.
 */
export function foldName(name: string): string {
  const lower = name.toLowerCase();
  // Nearly every name: a test costs a third of a replacement that finds nothing but hyphens.
  return folded.test(lower) ? lower : lower.replace(neither, '-');
}
