// The directory of an ACME server (RFC 8555 section 7.1.1): where each thing is asked for. Over https only, whatever it says.
import { AcmeProblem, parseObject } from './problem.ts';

export type Directory = {
  readonly newNonce: URL;
  readonly newAccount: URL;
  readonly newOrder: URL;
  /** RFC 9773; undefined: the server suggests no times of renewal. */
  readonly renewalInfo: URL | undefined;
  readonly termsOfService: string | undefined;
  readonly externalAccountRequired: boolean;
  /** Profiles that the server names; empty where it has none. */
  readonly profiles: readonly string[];
};

/** Throws AcmeProblem where it is none. */
export function readDirectory(text: string): Directory {
  const found = parseObject(text);
  if (found === undefined)
    throw new AcmeProblem('noDirectory', 'this is no ACME directory: the answer is no JSON object');
  const meta = (typeof found['meta'] === 'object' && found['meta'] !== null ? found['meta'] : {}) as Record<
    string,
    unknown
  >;
  const { termsOfService, externalAccountRequired, profiles } = meta;
  return {
    newNonce: urlOf(found, 'newNonce'),
    newAccount: urlOf(found, 'newAccount'),
    newOrder: urlOf(found, 'newOrder'),
    renewalInfo: found['renewalInfo'] === undefined ? undefined : urlOf(found, 'renewalInfo'),
    termsOfService: typeof termsOfService === 'string' ? termsOfService : undefined,
    externalAccountRequired: externalAccountRequired === true,
    profiles: typeof profiles === 'object' && profiles !== null ? Object.keys(profiles) : [],
  };
}

/** Throws AcmeProblem where `name` of what the server says is no https URL. */
export function urlOf(found: Readonly<Record<string, unknown>>, name: string): URL {
  return secureUrl(found[name], name);
}

/** Likewise for a value that `what` calls. */
export function secureUrl(value: unknown, what: string): URL {
  const url = typeof value === 'string' ? URL.parse(value) : null;
  if (url?.protocol !== 'https:') throw new AcmeProblem('malformedAnswer', `the server gives no https URL as ${what}`);
  return url;
}
