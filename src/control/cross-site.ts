// Whether a browser sends a write for a page of ours. Besides SameSite=Strict, since a cookie is not all that a foreign page can
// make use of: it could log somebody in, or use up the setup link. Programs send neither field.
import { ApiProblem } from './api-problem.ts';

export type OriginFields = {
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  /** As it was asked for: `Host`. */
  readonly authority: string;
};

/** Throws `cross_site`. */
export function refuseCrossSite({ origin, fetchSite, authority }: OriginFields): void {
  // `none`: typed in by the person himself.
  const ownSite = fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none';
  // The scheme is not compared: behind a proxy with TLS the page has another one than this connection.
  const ownOrigin = origin === undefined || origin.replace(/^https?:\/\//, '') === authority;
  if (!ownSite || !ownOrigin || origin === 'null')
    throw new ApiProblem('cross_site', 'A page of another site cannot change anything here.');
}
