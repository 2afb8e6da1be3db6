// Conditional requests (RFC 9110 section 13): a state has a strong ETag, who changes it names it, who has it is not sent it again.
import { createHash } from 'node:crypto';
import { ApiProblem } from './api-problem.ts';

export function quoteEtag(etag: string): string {
  return `"${etag}"`;
}

export function etagOf(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 27);
}

/** Whether a list of ETags (If-None-Match) holds this one; weak ones compare equal here (section 13.1.2). */
export function listHolds(list: string, etag: string): boolean {
  if (list.trim() === '*') return true;
  return list.split(',').some((one) => one.trim().replace(/^W\//, '') === quoteEtag(etag));
}

export const ifMatchPattern = /^"([!#-~]{1,100})"$/;

/** Throws `precondition_required`, or `bad_request` for what is no strong ETag of ours. */
export function requireIfMatch(ifMatch: string | undefined): string {
  if (ifMatch === undefined)
    throw new ApiProblem('precondition_required', 'Send If-Match with the ETag of the state that you saw.');
  const [, etag] = ifMatchPattern.exec(ifMatch.trim()) ?? [];
  if (etag === undefined) throw new ApiProblem('bad_request', 'If-Match takes one ETag, as GET gave it.');
  return etag;
}

/** For those that count their changes. Throws as requireIfMatch; a foreign ETag is one of no state. */
export function versionOf(ifMatch: string | undefined): number {
  const etag = requireIfMatch(ifMatch);
  return /^\d{1,15}$/.test(etag) ? Number(etag) : -1;
}
