// Versions, cipher suites and groups of TLS: of the gateway, of a policy, and (versions alone) towards backends.
import { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { list, oneOf, text } from './atoms.ts';
import type { TlsVersion } from './gateway-config.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

const tlsVersion = oneOf(['TLSv1.2', 'TLSv1.3'], true);

export const tlsVersionKeys = {
  minVersion: key(tlsVersion, {
    says: 'Lowest TLS version. Default {default}.',
    default: 'TLSv1.2',
    page: 'own. `TLSv1.2` or `TLSv1.3`.',
  }),
  maxVersion: key(tlsVersion, {
    says: 'Highest TLS version. Default {default}.',
    default: 'TLSv1.3',
    page: 'own. `TLSv1.2` or `TLSv1.3`.',
  }),
};

export const tlsParametersKeys = {
  ...tlsVersionKeys,
  cipherSuites: key(list(text), {
    says: 'Cipher suites, OpenSSL or IANA names. Default: modern, ECDHE only.',
    default: [],
    unset: 'modern, ECDHE only',
    page: 'own. Names one by one (OpenSSL or IANA); no operators, nothing unprotected.',
  }),
  curves: key(list(text), {
    says: 'Key exchange groups in order of preference. Default: X25519MLKEM768 first.',
    default: [],
    unset: 'X25519MLKEM768 first',
    page: 'own. Names one by one.',
  }),
};
const tlsParameters = z.object(tlsParametersKeys);
type TlsParametersShape = z.output<typeof tlsParameters>;

/** An empty range is reported. */
export function readVersions(
  { minVersion, maxVersion }: { minVersion: TlsVersion; maxVersion: TlsVersion },
  at: Cursor,
  problems: ProblemList,
): { minVersion: TlsVersion; maxVersion: TlsVersion } {
  if (minVersion > maxVersion)
    problems.error(
      'version_range',
      at.keyPlace('maxVersion'),
      `maxVersion ${maxVersion} is below minVersion ${minVersion}: no handshake could succeed`,
    );
  return { minVersion, maxVersion };
}

export function readTlsParameters(shape: TlsParametersShape, at: Cursor, problems: ProblemList) {
  return {
    ...readVersions(shape, at, problems),
    cipherSuites: readNames(shape.cipherSuites, at.down('cipherSuites'), /^[A-Za-z0-9_-]{1,64}$/, problems),
    curves: readNames(shape.curves, at.down('curves'), /^[A-Za-z0-9_-]{1,64}$/, problems),
  };
}

/** Single names: OpenSSL's lists have a grammar of their own (`:`, `!`, `@SECLEVEL`), into which nothing is smuggled. */
function readNames(names: readonly string[], at: Cursor, legal: RegExp, problems: ProblemList): string[] {
  for (const [i, name] of names.entries()) {
    const here = at.down(i);
    if (!legal.test(name))
      reportMistake(problems, 'bad_algorithm', here, name, {
        problem: 'not the name of one algorithm',
        hint: 'List the names one by one, without operators.',
      });
    else if (/NULL|EXPORT|^EXP|anon|ADH|AECDH|RC4|(?:^|[-_])3?DES(?:[-_]|$)|MD5/i.test(name))
      reportMistake(problems, 'weak_algorithm', here, name, {
        problem: 'gives no protection and is not offered',
        hint: 'Remove it.',
      });
  }
  return [...names];
}
