// `gateway.reload`: the endpoint by which a controller asks for a reload. Of its token only the hash is kept, which is enough to
// know it again and nothing to show anywhere.
import { createHash } from 'node:crypto';
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { flag, map, text } from './atoms.ts';
import type { ReloadEndpoint } from './gateway-config.ts';
import { parseHostName } from './host-name.ts';
import { defaultOf, key } from './key.ts';
import { reportMistake } from './reading.ts';

/** Below this a token can be found by trying. */
const minTokenLength = 16;

export const reloadKeys = {
  enabled: key(flag, {
    says: 'Default {default}.',
    default: false,
    page: 'Goma. `true`, and a token: a `POST` to the admin entry point (in Goma: to those for traffic) with `Authorization: Bearer TOKEN` reloads. [Operations](operations.md#reload).',
  }),
  path: key(text, { says: 'Default {default}.', default: '/gateway/reload', page: 'Goma.' }),
  token: key(text, {
    says: 'Also GOMA_RELOAD_TOKEN.',
    page: 'Goma. Better in the variable `GOMA_RELOAD_TOKEN`, which wins.',
  }),
  host: key(text, {
    says: 'The one Host under which it is asked for.',
    unset: 'as for metrics',
    untold: true,
    page: 'Goma. The one `Host` under which it is answered.',
  }),
};

const takenPaths: ReadonlySet<string> = new Set(['/healthz', '/readyz', '/trust/identities']);

const reload = map(reloadKeys);

/** `around`: `gateway`. undefined where nothing is served. */
export function readReload(
  { enabled, path, token = '', host = '' }: z.output<typeof reload>,
  around: Cursor,
  admin: { readonly enabled: boolean; readonly metricsPath: string },
  problems: ProblemList,
): ReloadEndpoint | undefined {
  const at = around.down('reload');
  if (!enabled) return undefined;
  const notServed = token === '' ? 'without a token' : 'while the admin entry point is off';
  if ((token === '' && !at.isBroken('token')) || !admin.enabled) {
    const hint = token === '' ? 'Set the variable GOMA_RELOAD_TOKEN.' : 'Write entryPoints.admin.enabled: true.';
    problems.warn('ignored_key', at.keyPlace('enabled'), `reload is enabled ${notServed}: nothing is served`, hint);
    return undefined;
  }
  checkToken(token, at, problems);
  if (!/^\/[A-Za-z0-9\-._~/]+$/.test(path) || takenPaths.has(path) || path === admin.metricsPath)
    reportMistake(problems, 'bad_path', at.down('path'), path, {
      problem: 'cannot be the path of the endpoint',
      hint: `For example ${defaultOf(reloadKeys.path)}.`,
    });
  // Who names the admin entry point knows that it is there.
  if (!around.down('entryPoints').has('admin'))
    problems.warn(
      'moved_endpoint',
      at.keyPlace('enabled'),
      'the reload endpoint is served on the admin entry point only, not on those for traffic as in Goma',
      'Send the requests to gateway.entryPoints.admin, and write its address down there.',
    );
  const reading = host === '' ? undefined : parseHostName(host);
  if (reading !== undefined && 'problem' in reading)
    reportMistake(problems, 'bad_host', at.down('host'), host, reading);
  return {
    path,
    tokenSha256: createHash('sha256').update(token).digest('hex'),
    host: reading !== undefined && 'host' in reading ? reading.host : undefined,
  };
}

function checkToken(token: string, around: Cursor, problems: ProblemList): void {
  const { place } = around.down('token');
  if (/[^\x21-\x7e]/.test(token))
    problems.error(
      'bad_token',
      place,
      'the token holds characters that the field Authorization cannot carry',
      'Make one: openssl rand -hex 32.',
    );
  else if (token !== '' && token.length < minTokenLength)
    problems.warn(
      'weak_token',
      place,
      `the token has fewer than ${minTokenLength} characters: it can be guessed`,
      'Make one: openssl rand -hex 32.',
    );
}
