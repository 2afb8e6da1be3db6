// Middlewares that answer with another location: `redirectScheme`, `redirect`, `redirectRegex`. Which host a client is sent to
// is the operator's choice alone: nothing of a request may stand there.
import { flag, integer, map, oneOf, text } from './atoms.ts';
import { type FieldTemplate, parseTemplate } from './field-template.ts';
import { filterType } from './filter-type.ts';
import { key } from './key.ts';
import { type Mistake, reportMistake } from './reading.ts';
import { readReplacement, type ReplacementConfig } from './replacement.ts';

const permanent = key(flag, {
  says: 'Default {default}.',
  default: false,
  page: 'Goma. `true`: 301, or 308 where the method is not GET or HEAD; `false`: 302, or 307.',
});

export const redirectScheme = filterType({
  kind: 'redirectScheme',
  names: ['redirectScheme', 'redirectToHTTPS'],
  guards: true,
  says: 'Sends clients of another scheme to this one.',
  rule: map({
    scheme: key(oneOf(['https', 'http'], true), {
      says: 'Default {default}.',
      default: 'https',
      page: 'Goma. `https` or `http`. What a client came with is what its connection says, or a trusted proxy (`X-Forwarded-Proto`); nobody else is believed.',
    }),
    port: key(integer(0, 65_535), {
      says: 'Port of the location. Default: where clients reach TLS.',
      default: 0,
      page: 'Goma. Port of the location. `0`: of https `entryPoints.web.redirectPort`, or as for routes that are redirected anyway; of http none.',
    }),
    permanent,
  }),
  read: ({ scheme, port, permanent: isPermanent }) => ({ scheme, port, permanent: isPermanent }),
});

export const redirect = filterType({
  kind: 'redirect',
  names: ['redirect'],
  guards: true,
  says: 'Sends every client to one URL.',
  rule: map({
    url: key(text, {
      says: 'Where to; required.',
      unset: 'required',
      page: 'Goma. `https://host/path`, or a path, which keeps the query. Own: behind the host `{request.path}` and `{request.query}` may stand.',
    }),
    permanent,
  }),
  read: ({ url, permanent: isPermanent }, at, problems) => {
    if (url === undefined) {
      if (!at.isBroken('url')) problems.error('missing_key', at.place, 'the rule has no `url`');
      return undefined;
    }
    const template = readUrl(url);
    if (!('problem' in template)) return { url: template, permanent: isPermanent };
    reportMistake(problems, 'bad_url', at.down('url'), url, template);
    return undefined;
  },
});

export const redirectRegex = filterType({
  kind: 'redirectRegex',
  names: ['redirectRegex'],
  guards: true,
  says: 'Sends clients whose path and query match a pattern elsewhere.',
  rule: map({
    pattern: key(text, {
      says: 'Regular expression over path and query; required.',
      unset: 'required',
      page: 'Goma. Regular expression of the [safe subset](#regular-expressions), found anywhere in path and query, the path as it was matched.',
    }),
    replacement: key(text, {
      says: 'In place of each match; required.',
      unset: 'required',
      page: 'Goma. In place of each match; `$1` or `${1}` for a group. The whole is the location: a path, or `https://host/…` where the pattern begins with `^`.',
    }),
    permanent,
  }),
  read: (rule, at, problems) => {
    const replacement = readReplacement(rule, at, problems);
    if (replacement === undefined) return undefined;
    const origin = originOf(replacement);
    if (origin === undefined || typeof origin === 'string')
      return { ...replacement, origin, permanent: rule.permanent };
    reportMistake(problems, 'bad_url', at.down('replacement'), rule.replacement ?? '', origin);
    return undefined;
  },
});

const absolute = /^https?:\/\/([^/?#]*)/i;
/** A host name or an address, and a port; no user. */
const authority = /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const foreignHost: Mistake = {
  problem: 'the host of the location is not wholly written here',
  hint: 'Write https://host/ and behind it what comes of the request; what a client chooses must not name the host.',
};

/** `scheme://host` of a location that always begins with it; undefined for one that is a path. */
function originOf({ parts, isAnchored }: ReplacementConfig): string | undefined | Mistake {
  const [first] = parts;
  if (typeof first !== 'string' || first.startsWith('/')) return isForeignPath(first ?? '') ? foreignHost : undefined;
  const [origin, host = ''] = absolute.exec(first) ?? [];
  // In the middle of a path it is a part of one.
  if (origin === undefined)
    return isAnchored
      ? { problem: 'is neither a path nor an http(s) URL', hint: 'Write / in front of it.' }
      : undefined;
  if (!authority.test(host) || (origin.length === first.length && parts.length > 1)) return foreignHost;
  if (!isAnchored)
    return { problem: 'the pattern can match in the middle of a path', hint: 'Begin it with ^, without alternatives.' };
  return origin;
}

function isForeignPath(part: string | number): boolean {
  return typeof part === 'string' && /^\/[/\\]/.test(part);
}

function readUrl(url: string): FieldTemplate | Mistake {
  const template = parseTemplate(url);
  if ('problem' in template) return template;
  const stray = template.find((part) => typeof part === 'object' && !/^request\.(?:path|query)$/.test(part.variable));
  if (stray !== undefined)
    return {
      problem: 'only {request.path} and {request.query} can stand in it',
      hint: 'What else is known of a client is not for URLs.',
    };
  if (template.some((part) => typeof part === 'string' && /[\s"<>\\^`{|}]/.test(part)))
    return { problem: 'holds a character that no URL has', hint: 'Percent-encode it.' };
  const [first, second] = template;
  if (typeof first !== 'string') return template;
  const [origin, host = ''] = absolute.exec(first) ?? [];
  if (origin !== undefined) return authority.test(host) ? template : foreignHost;
  if (!first.startsWith('/'))
    return { problem: 'is neither a path nor an http(s) URL', hint: 'Write / in front of it.' };
  const doubles = first === '/' && typeof second === 'object' && second.variable === 'request.path';
  return isForeignPath(first) || doubles ? foreignHost : template;
}
