// What a CA sent back, verified before anybody uses it: it is for the key that was made here and for the names that were asked for, good
// for the purpose, valid now, and each certificate above it issued the one below. A CA that makes a mistake, or an answer that is another
// one's, changes nothing.
import type { San } from '../certs/facts.ts';
import { isSelfIssued } from '../certs/issuer.ts';
import { escapeForLog } from '../base/log-text.ts';
import { materialError, type MaterialProblem } from '../base/material-problem.ts';
import { parseCertificates } from '../certs/material.ts';
import { checkClientPair, checkServerPair } from './certificate-pair.ts';

export type Issued = { readonly chainPem: string; readonly keyPem: string };

export type WantedCertificate = {
  readonly names: readonly San[];
  /** `any`: for one side or the other. */
  readonly purpose: 'server' | 'any';
};

const maxShown = 5;

/** undefined where it may be used. `now`: milliseconds since the epoch. `name`: how messages call it. */
export function findIssuedFlaw(
  { chainPem, keyPem }: Issued,
  { names, purpose }: WantedCertificate,
  now: number,
  name: string,
): MaterialProblem | undefined {
  const options = { now, certName: name, keyName: 'the key that was made for it' };
  const asServer = checkServerPair(chainPem, keyPem, options);
  const checked =
    purpose === 'any' && asServer.chainPem === undefined ? checkClientPair(chainPem, keyPem, options) : asServer;
  const error = checked.problems.find(({ severity }) => severity === 'error');
  if (error !== undefined) return error;
  const { leaf, chain, problems } = checked;
  if (leaf === undefined || checked.chainPem === undefined)
    return materialError('no_certificate', `${name}: no certificate came back`, '');
  if (leaf.isCa || isSelfIssued(leaf))
    return materialError(
      'wrong_purpose',
      `${name} is that of a CA, or signed by itself`,
      'Ask the CA why it issued that.',
    );
  const missing = names.filter(({ type, value }) => !leaf.sans.some((san) => san.type === type && isSame(san, value)));
  if (missing.length > 0) {
    const shown = missing.slice(0, maxShown).map(({ value }) => escapeForLog(value, 128));
    return materialError(
      'name_mismatch',
      `${name} is not for ${shown.join(', ')}`,
      'It was asked for: does the CA drop names?',
    );
  }
  // A root at the end is not sent, and need not be there; whatever else is there has to lead up from the leaf.
  const foreign = problems.find(({ code }) => code === 'unrelated_certificate');
  if (foreign !== undefined) return { ...foreign, severity: 'error' };
  const others = parseCertificates(chainPem, name).certificates.filter((facts) => !isSelfIssued(facts));
  if (chain.length < new Set(others.map(({ sha256 }) => sha256)).size)
    return materialError(
      'broken_chain',
      `${name}: an intermediate of it has expired or is too weak`,
      'Ask the CA for another chain.',
    );
  return undefined;
}

function isSame({ type, value }: San, wanted: string): boolean {
  return type === 'URI' ? value === wanted : value.toLowerCase() === wanted.toLowerCase();
}
