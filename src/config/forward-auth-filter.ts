// `type: forwardAuth`: another server is asked about each request, and says whether it may pass.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { durationBetween, flag, list, map, oneOf, text } from './atoms.ts';
import { mistakeInAuthField } from './auth-fields.ts';
import { type AuthMapping, mistakeInParam, readMappings, readRequestHeaders } from './forward-auth-fields.ts';
import { parseFetchUrl, withoutPassword } from './fetch-url.ts';
import { filterType } from './filter-type.ts';
import { parseHostName } from './host-name.ts';
import { key } from './key.ts';
import { readRef, reportDeprecated, reportMistake } from './reading.ts';
import type { Ref } from './ref.ts';

const tlsKeys = map({
  rootCAs: key(text, { says: 'CA certificates that verify the service (S). Default: those of the system.' }),
  clientCert: key(text, { says: 'Certificate that the gateway shows to the service (S).' }),
  clientKey: key(text, { says: 'Its private key (S).' }),
  serverName: key(text, { says: 'Name for SNI and verification instead of the host of authUrl.' }),
});

const rule = map({
  authUrl: key(text, {
    says: 'URL of the authentication service; required.',
    unset: 'required',
    page: 'Goma. URL of the service: `http://` or `https://`, path and query as they are to be asked for.',
  }),
  authSignIn: key(text, {
    says: 'Where clients are sent that the service answers with 401.',
    page: 'Goma. Where a client is sent (302) that the service answers with 401. Behind a `?` in it stands the URL that was asked for, encoded.',
  }),
  timeout: key(durationBetween('100ms', '30s'), {
    says: 'Time for the answer of the service. Default {default}.',
    default: '5s',
    page: 'own. Time for the answer, connecting included; then the client gets 503.',
  }),
  tls: key(tlsKeys, {
    says: 'How the service is verified and what it is shown: {rootCAs, clientCert, clientKey, serverName}.',
    page: 'own. `{rootCAs: S, clientCert: S, clientKey: S, serverName}`: as `security.tls` of a route, towards the service.',
    example: 'For example tls: {rootCAs: ca.pem}.',
  }),
  insecureSkipVerify: key(flag, {
    says: 'true: the certificate of the service is not verified. Default {default}.',
    default: false,
    page: 'Goma. The certificate of the service is not verified. Loud warning.',
  }),
  skipInsecureVerify: key(flag, {
    says: 'Deprecated name of insecureSkipVerify.',
    untold: true,
    page: 'Goma, deprecated: `insecureSkipVerify`.',
  }),
  forwardHostHeaders: key(flag, {
    says: 'The service is asked under the host of the client. Default {default}.',
    default: false,
    page: 'Goma. `Host` of the question is that of the client instead of the service’s own.',
  }),
  enableHostForwarding: key(flag, {
    says: 'Deprecated name of forwardHostHeaders.',
    untold: true,
    page: 'Goma, deprecated: `forwardHostHeaders`.',
  }),
  authRequestHeaders: key(list(text), {
    says: 'Headers of the client that the service gets, besides Authorization, Cookie, User-Agent and Accept.',
    page: 'Goma. Headers of the client that the service gets besides `Authorization`, `Cookie`, `User-Agent`, `Accept` and what the gateway says of the request.',
  }),
  forwardedUri: key(oneOf(['url', 'path'], true), {
    says: 'What X-Forwarded-URI holds: the whole URL as in Goma, or path and query as in Traefik. Default {default}.',
    default: 'url',
    page: 'own. What `X-Forwarded-URI` holds: the whole URL (`url`, as in Goma), or path and query (`path`, as in Traefik).',
  }),
  authResponseHeaders: key(list(text), {
    says: 'Headers of the answer that the backend gets: NAME, or NAME:OTHER.',
    page: 'Goma. Headers of its answer that the backend gets: `X-User`, or `x-auth-user: X-User` for another name. No client can set such a header then, on no route.',
  }),
  authResponseHeadersAsParams: key(list(text), {
    says: 'Headers of the answer that the backend gets as query parameters: NAME, or NAME:PARAMETER.',
    page: 'Goma. Likewise as parameters of the query; what the client sent under that name, or what a backend could take for it, is taken out.',
  }),
  addAuthCookiesToResponse: key(list(text), {
    says: 'Cookies of its answer that the client gets. Default: all.',
    unset: 'all',
    page: 'Goma. Which cookies of its answer the client gets.',
  }),
});
type Rule = z.output<typeof rule>;

export type AuthServiceConfig = {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly target: string;
  readonly verify: boolean;
  readonly rootCAs: Ref | undefined;
  readonly clientCert: Ref | undefined;
  readonly clientKey: Ref | undefined;
  readonly serverName: string | undefined;
};

export type ForwardAuthRule = {
  readonly service: AuthServiceConfig;
  readonly signIn: string | undefined;
  readonly timeoutMs: number;
  readonly forwardHost: boolean;
  readonly forwardedUri: 'url' | 'path';
  readonly requestHeaders: readonly string[];
  readonly responseHeaders: readonly AuthMapping[];
  readonly responseParams: readonly AuthMapping[];
  /** Undefined: all. */
  readonly cookies: readonly string[] | undefined;
};

export const forwardAuthFilter = filterType({
  kind: 'forwardAuth',
  names: ['forwardAuth'],
  guards: true,
  says: 'Asks another server about each request, and lets those pass that it allows.',
  rule,
  read: (written, at, problems): ForwardAuthRule | undefined => {
    const service = readService(written, at, problems);
    reportDeprecated('skipInsecureVerify', 'insecureSkipVerify', at, problems);
    reportDeprecated('enableHostForwarding', 'forwardHostHeaders', at, problems);
    const signIn = readSignIn(written.authSignIn, at, problems);
    const requestHeaders = readRequestHeaders(written.authRequestHeaders, at, problems);
    const responseHeaders = readMappings(
      written.authResponseHeaders,
      'authResponseHeaders',
      at,
      problems,
      mistakeInAuthField,
    );
    const responseParams = readMappings(
      written.authResponseHeadersAsParams,
      'authResponseHeadersAsParams',
      at,
      problems,
      mistakeInParam,
    );
    if (service === undefined) return undefined;
    return {
      service,
      signIn,
      timeoutMs: written.timeout,
      forwardHost: written.forwardHostHeaders || written.enableHostForwarding === true,
      forwardedUri: written.forwardedUri,
      requestHeaders,
      responseHeaders,
      responseParams,
      cookies: written.addAuthCookiesToResponse,
    };
  },
});

function readService(written: Rule, at: Cursor, problems: ProblemList): AuthServiceConfig | undefined {
  const { authUrl, tls } = written;
  const here = at.down('authUrl');
  const hint = 'For example authUrl: https://auth.example.com/verify.';
  if (authUrl === undefined || authUrl === '') {
    if (!at.isBroken('authUrl'))
      problems.error(
        'missing_key',
        at.has('authUrl') ? at.keyPlace('authUrl') : at.place,
        'forwardAuth has no authUrl: nobody could be asked',
        hint,
      );
    return undefined;
  }
  const reading = parseFetchUrl(authUrl);
  if ('problem' in reading) {
    reportMistake(problems, 'bad_url', here, withoutPassword(authUrl), { problem: reading.problem, hint });
    return undefined;
  }
  const url = new URL(reading.url);
  const secure = url.protocol === 'https:';
  const verify = !(written.insecureSkipVerify || written.skipInsecureVerify === true);
  const inTls = at.down('tls');
  if (!verify)
    problems.warn(
      'verification_off',
      at.keyPlace(written.insecureSkipVerify ? 'insecureSkipVerify' : 'skipInsecureVerify'),
      'the authentication service is NOT verified: anybody on the way can say who may pass',
      'Remove it and give tls.rootCAs.',
    );
  if (!secure && tls !== undefined)
    problems.error(
      'plain_service',
      at.keyPlace('tls'),
      'tls has no effect: authUrl is http://',
      'Write https:// in authUrl.',
    );
  const { rootCAs, clientCert, clientKey } = tls ?? {};
  if ((clientCert === undefined) !== (clientKey === undefined))
    problems.error(
      'missing_key',
      at.keyPlace('tls'),
      'clientCert and clientKey are needed both',
      'Give the other one too.',
    );
  return {
    scheme: secure ? 'https' : 'http',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
    target: reading.url.replace(/^[^/]*\/\/[^/?]*/, ''),
    verify,
    rootCAs: readRef(rootCAs, inTls, 'rootCAs', problems),
    clientCert: readRef(clientCert, inTls, 'clientCert', problems),
    clientKey: readRef(clientKey, inTls, 'clientKey', problems),
    serverName: readServerName(tls?.serverName, inTls, problems),
  };
}

function readServerName(written: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (written === undefined) return undefined;
  const name = parseHostName(written);
  if ('host' in name) return name.host;
  reportMistake(problems, 'bad_host', at.down('serverName'), written, name);
  return undefined;
}

function readSignIn(written: string | undefined, at: Cursor, problems: ProblemList): string | undefined {
  if (written === undefined || written === '') return undefined;
  const reading =
    written.startsWith('/') && !written.startsWith('//') ? parseFetchUrl(`http://a${written}`) : parseFetchUrl(written);
  if (!('problem' in reading)) return written;
  reportMistake(problems, 'bad_url', at.down('authSignIn'), withoutPassword(written), {
    problem: reading.problem,
    hint: 'For example https://auth.example.com/login?rd= or /login.',
  });
  return undefined;
}
