// Tokens that are bound to a client certificate (RFC 8705 section 3): taken from who has proven that certificate to this
// gateway, from nobody else. A token that is bound to something that cannot be looked at here counts as bound to somebody else.
import type { JwtBinding } from '../config/jwt-auth-filter.ts';
import type { Identity } from '../trust/verdict.ts';
import type { Claims } from './claims.ts';

/** What a token is bound to: SHA-256 of a certificate (hexadecimal), nothing, or something that is unknown here. */
export type Bond = { readonly sha256: string } | 'none' | 'unknown';

export function bondOf({ cnf }: Claims): Bond {
  if (cnf === undefined) return 'none';
  if (typeof cnf !== 'object' || cnf === null) return 'unknown';
  const thumbprint = Object.hasOwn(cnf, 'x5t#S256') ? (cnf as Record<string, unknown>)['x5t#S256'] : undefined;
  if (typeof thumbprint !== 'string' || !/^[\w-]{43}=?$/.test(thumbprint)) return 'unknown';
  return { sha256: Buffer.from(thumbprint, 'base64url').toString('hex') };
}

/** Why the client may not use the token; undefined where it may. `identity`: what its certificate proves. */
export function whyNotBearer(bond: Bond, binding: JwtBinding, identity: Identity | undefined): string | undefined {
  if (binding === 'off') return undefined;
  if (bond === 'none') return binding === 'required' ? 'the token is bound to no certificate' : undefined;
  if (bond === 'unknown') return 'the token is bound (cnf) to something that is no certificate';
  if (identity === undefined) return 'the token is bound to a certificate, and the client has shown none';
  return identity.leaf.sha256.replaceAll(':', '').toLowerCase() === bond.sha256
    ? undefined
    : 'the token is bound to another certificate than that of the client';
}
