// The body of an answer of the gateway's own, as a configuration has it: how long it may be, and of which type it is.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { text } from './atoms.ts';
import { key } from './key.ts';
import { reportMistake } from './reading.ts';

const maxBody = 65_536;

export const plainText = 'text/plain; charset=utf-8';

export const contentTypeKey = key(text, {
  says: 'Content-Type. Default: of the ending of the file, application/json of JSON, else text/plain.',
  unset: '`application/json` of JSON, the ending of a file, else `text/plain`',
  page: 'Goma. `Content-Type` of the body.',
});

export function checkBody(body: string, at: Cursor, problems: ProblemList): void {
  if (Buffer.byteLength(body) > maxBody)
    problems.error('out_of_range', at.place, `body has more than ${maxBody} bytes`, 'Serve it from a backend.');
}

const typeOfEnding: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  htm: 'text/html; charset=utf-8',
  json: 'application/json',
  xml: 'application/xml',
};

export function readContentType(
  written: string | undefined,
  body: string,
  at: Cursor,
  problems: ProblemList,
  file = '',
): string {
  if (written !== undefined && written !== '') {
    if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+(?:[\x20-\x7e]*[\x21-\x7e])?$/.test(written))
      reportMistake(problems, 'bad_header', at.down('contentType'), written, {
        problem: 'is no media type',
        hint: 'For example text/html; charset=utf-8.',
      });
    return written;
  }
  const ending = /\.([a-z]+)$/i.exec(file)?.[1]?.toLowerCase() ?? '';
  return typeOfEnding[ending] ?? (isJson(body) ? 'application/json' : plainText);
}

function isJson(body: string): boolean {
  if (!/^\s*[[{]/.test(body)) return false;
  try {
    JSON.parse(body);
    return true;
  } catch {
    return false;
  }
}
