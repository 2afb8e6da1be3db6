// The record of seen clients as a command is given it: from the admin listener of a running gateway, or from a
// file: the one that it keeps, or what the admin listener said.
import { FileRefusal, readRegularFile } from '../base/read-regular-file.ts';
import type { TrustRecordContents } from './record-format.ts';
import { maxRecordBytes } from './record-version.ts';

const fetchMs = 60_000;

/** Throws an Error with one sentence. `where`: http(s) URL of the admin listener, with or without the path; or a file. */
export async function loadRecord(where: string): Promise<TrustRecordContents> {
  try {
    const json = /^https?:\/\//.test(where) ? await fetchRecord(where) : await readRecord(where);
    const { parseTrustRecord } = await import('./record-format.ts');
    return parseTrustRecord(json);
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

async function readRecord(path: string): Promise<string> {
  try {
    return (await readRegularFile(path, maxRecordBytes)).toString('utf8');
  } catch (error) {
    throw new Error(whyUnreadable(error), { cause: error });
  }
}

function whyUnreadable(error: unknown): string {
  if (error instanceof FileRefusal)
    return error.reason === 'too_large' ? `it is over ${maxRecordBytes} bytes` : 'it is not a regular file';
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' ? 'it does not exist' : `it cannot be read (${code ?? String(error)})`;
}

async function fetchRecord(where: string): Promise<string> {
  if (!URL.canParse(where)) throw new Error('it is no URL');
  const url = new URL(where);
  if (url.pathname === '/') url.pathname = '/trust/identities';
  let response: Response;
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(fetchMs) });
  } catch (error) {
    const cause = error instanceof Error ? (error.cause as NodeJS.ErrnoException | undefined) : undefined;
    throw new Error(`nobody answers (${cause?.code ?? cause?.message ?? String(error)})`, { cause: error });
  }
  if (response.status === 404) {
    throw new Error('404: no record is kept there (gateway.trustRecord), or it is not the admin listener');
  }
  if (!response.ok || response.body === null) throw new Error(`it answered ${response.status}`);
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body) {
    bytes += piece.length;
    if (bytes > maxRecordBytes) throw new Error(`it is over ${maxRecordBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
