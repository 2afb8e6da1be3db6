// `acme`: a certificate from a CA that speaks ACME (RFC 8555). A directory has to be named: nothing is ever sent to a CA that the file does
// not say.
import type { z } from 'zod';
import { type Identifier, identifierOf } from '../base/identifier.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { closedMap, flag, oneOf, oneOrMore, secret, text } from './atoms.ts';
import { key } from './key.ts';
import { refTo } from './material-ref.ts';
import { reportEmpty } from './reading.ts';
import { type AcmeSettings, keyTypes } from './source-config.ts';
import { readMaterialText, readServerUrl, refuseInStore } from './source-settings.ts';

export const acmeExample =
  'For example acme: {directory: https://acme.example.com/directory, email: ops@example.com, domains: [a.example.com], termsOfServiceAgreed: true}.';
const directoryExample = 'Let’s Encrypt: https://acme-v02.api.letsencrypt.org/directory; to try it acme-staging-v02.';
/** Of most CAs. */
const maxDomains = 100;

export const acmeShape = closedMap({
  directory: key(text, {
    says: 'URL of the directory of the CA. Required.',
    unset: 'required',
    page: '`https://` URL of the directory of the CA. None is taken for granted.',
  }),
  email: key(text, { says: 'Whom the CA writes to.', unset: 'none' }),
  domains: key(oneOrMore(text), {
    says: 'Names of the certificate: DNS names and IP addresses. Required.',
    unset: 'required',
    page: 'One or a list: DNS names and IP addresses (RFC 8738), at most 100. No wildcards: those need dns-01.',
  }),
  challenge: key(oneOf(['tls-alpn-01', 'http-01']), {
    says: 'How the CA sees that the names are ours. Default {default}.',
    default: 'tls-alpn-01',
    page: '`tls-alpn-01` is answered on the TLS entry points (port 443 of the names), `http-01` on the plain one (port 80).',
  }),
  keyType: key(oneOf(keyTypes), { says: 'Kind of the key. Default {default}.', default: 'ec-p256' }),
  eab: key(
    closedMap({
      kid: key(text, { says: 'Key id that the CA gave.', unset: 'required' }),
      hmacKey: key(secret(text), { says: 'Key that the CA gave, base64url.', unset: 'required' }),
    }),
    {
      says: 'Binding to an account at the CA, where it takes customers only.',
      unset: 'none',
      page: '`{kid, hmacKey}`, as the CA gives them: External Account Binding. Better as `${VARIABLE}`.',
    },
  ),
  ca: key(text, {
    says: 'CA certificates that verify the server of the CA: path, PEM text, or base64 of PEM or DER. Default: public CAs.',
    unset: 'those of Node',
    restricts: true,
    page: '`S`. Verifies the server itself. Read for each call.',
  }),
  termsOfServiceAgreed: key(flag, {
    says: 'You agree to the terms of service of the CA. Default {default}.',
    default: false,
    page: 'You agree to the terms of service of the CA. Without it a CA that has some is not asked for an account.',
  }),
  preferredChain: key(text, {
    says: 'Common name of the issuer at the end of the chain to take.',
    unset: 'the first chain',
    page: 'Common name of the issuer at the end of the chain; where the CA offers none like it, its first.',
  }),
  profile: key(text, { says: 'Profile of the CA, by its name.', unset: 'its usual one' }),
  storage: key(text, {
    says: 'Folder for account, orders and certificates. Default {default}, beside this file.',
    default: 'acme',
    page: 'Folder for account key, open order, certificate and its key: mode 0600, of this user alone. Gateways that share it order once. Relative to the file.',
  }),
});

/** Undefined where it cannot be read (reported). */
export function readAcme(
  shape: z.output<typeof acmeShape> | undefined,
  at: Cursor,
  problems: ProblemList,
): AcmeSettings | undefined {
  if (shape === undefined || refuseInStore('acme', at, problems)) return undefined;
  for (const name of ['eab', 'preferredChain', 'profile']) reportEmpty(at, name, problems);
  const { email, challenge, keyType, preferredChain, profile, termsOfServiceAgreed, storage } = shape;
  const directory = readServerUrl(shape.directory, at, 'directory', problems, { example: directoryExample });
  const identifiers = readDomains(shape.domains, at, problems);
  const eab = readEab(shape.eab, at, problems);
  const ca = readMaterialText(shape.ca, at, 'ca', problems);
  if (email !== undefined && !/^[^\s@,?]+@[^\s@,?]+$/.test(email))
    problems.error('bad_value', at.down('email').place, 'email is no address', 'For example ops@example.com.');
  if (directory === undefined || identifiers === undefined || eab === 'broken') return undefined;
  // A CA that is meant and not there must not become the public ones.
  if (ca === undefined && at.has('ca')) return undefined;
  return {
    kind: 'acme',
    directory,
    email,
    identifiers,
    challenge,
    keyType,
    eab,
    ca,
    termsOfServiceAgreed,
    preferredChain,
    profile,
    storage: refTo(storage, at).path,
  };
}

function readDomains(
  domains: readonly string[] | undefined,
  around: Cursor,
  problems: ProblemList,
): Identifier[] | undefined {
  const at = around.down('domains');
  if (domains === undefined || domains.length === 0) {
    if (!around.isBroken('domains')) problems.error('missing_key', around.place, 'acme has no `domains`', acmeExample);
    return undefined;
  }
  if (domains.length > maxDomains) {
    problems.error('too_many', at.place, `more than ${maxDomains} domains`, 'Make several certificates of them.');
    return undefined;
  }
  const found = domains.flatMap((domain, i) => readDomain(domain, at.down(i), problems) ?? []);
  if (found.length < domains.length) return undefined;
  return [...new Map(found.map((one) => [one.value, one])).values()];
}

function readDomain(domain: string, at: Cursor, problems: ProblemList): Identifier | undefined {
  const found = identifierOf(domain);
  const isWildcard = found?.value.startsWith('*.') === true;
  if (found !== undefined && !isWildcard) return found;
  const why = isWildcard
    ? 'a wildcard needs the challenge dns-01, which is not supported'
    : 'this is no host name or address';
  const hint = isWildcard
    ? 'List the names; or give a certificate that an ACME client of yours renews.'
    : 'For example a.example.com.';
  problems.error('bad_domain', at.place, at.showable ? `${quote(domain)}: ${why}` : why, hint);
  return undefined;
}

function readEab(
  shape: z.output<typeof acmeShape>['eab'],
  around: Cursor,
  problems: ProblemList,
): AcmeSettings['eab'] | 'broken' {
  if (shape === undefined) return around.isBroken('eab') ? 'broken' : undefined;
  const at = around.down('eab');
  const { kid = '', hmacKey = '' } = shape;
  if (kid !== '' && /^[A-Za-z0-9_-]{16,}={0,2}$/.test(hmacKey)) return { kid, hmacKey };
  if (!at.isBroken('kid') && !at.isBroken('hmacKey'))
    problems.error(
      'bad_value',
      at.place,
      'eab needs kid and hmacKey, the latter in base64url',
      'Copy both as the CA gives them; hmacKey: ${VARIABLE} keeps it out of the file.',
    );
  return 'broken';
}
