// Fetches a CRL from the URL that the configuration names. One answer of one host: no redirects, no credentials, a limit for
// size and one for time. What comes is believed for its signature only, so http is as good as https.
import { type ClientRequest, get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import { maxCrlFileBytes } from './file.ts';
import { CrlRejection } from './rejection.ts';

const fetchMs = 10_000;
const firstRoom = 64 * 1024;
const maxValidatorLength = 256;

/** ETag and Last-Modified of the answer that is in use. */
export type Validators = { readonly etag: string | undefined; readonly lastModified: string | undefined };

export type Fetched =
  | { readonly bytes: Uint8Array; readonly validators: Validators }
  /** 304: what the validators belong to is still the newest. */
  | 'unchanged'
  | CrlRejection;

export type FetchLimits = { readonly timeoutMs?: number; readonly maxBytes?: number };

/** Never rejects. */
export async function fetchCrl(
  url: string,
  before: Validators | undefined,
  limits: FetchLimits = {},
): Promise<Fetched> {
  const timeoutMs = limits.timeoutMs ?? fetchMs;
  return new Promise((resolve) => {
    let request: ClientRequest | undefined;
    // Not unref'd: `check` has nothing else to wait for.
    const timer = setTimeout(() => settle(unreachable(`it took longer than ${timeoutMs / 1000} s`)), timeoutMs);
    const settle = (fetched: Fetched): void => {
      clearTimeout(timer);
      resolve(fetched);
      request?.destroy();
    };
    try {
      const headers: Record<string, string> = { accept: 'application/pkix-crl, */*', 'accept-encoding': 'identity' };
      if (before?.etag !== undefined) headers['if-none-match'] = before.etag;
      if (before?.lastModified !== undefined) headers['if-modified-since'] = before.lastModified;
      const isConditional = before?.etag !== undefined || before?.lastModified !== undefined;
      request = (url.startsWith('https:') ? getHttps : getHttp)(url, { headers, agent: false }, (response) =>
        receive(response, limits.maxBytes ?? maxCrlFileBytes, isConditional, settle),
      );
      request.on('error', (error: NodeJS.ErrnoException) => settle(unreachable(error.code ?? error.message)));
    } catch (error) {
      settle(unreachable(String(error)));
    }
  });
}

function receive(
  response: IncomingMessage,
  maxBytes: number,
  isConditional: boolean,
  settle: (fetched: Fetched) => void,
): void {
  const { statusCode = 0, headers } = response;
  response.on('error', ({ code, message }: NodeJS.ErrnoException) =>
    settle(unreachable(`the answer was cut off (${code ?? message})`)),
  );
  // Where nothing was asked to be compared there is nothing that could be unchanged.
  if (statusCode === 304 && isConditional) return settle('unchanged');
  if (statusCode >= 300 && statusCode < 400 && statusCode !== 304)
    return settle(unreachable(`it answers with a redirect (${statusCode}), and those are not followed`));
  if (statusCode !== 200) return settle(unreachable(`it answers with status ${statusCode}`));
  const announced = Number(headers['content-length'] ?? 0);
  if (announced > maxBytes) return settle(tooLarge(maxBytes));
  // A length that is announced costs nothing until bytes come: memory is only mapped then.
  let bytes = new Uint8Array(Math.max(announced, firstRoom));
  let length = 0;
  response.on('data', (piece: Buffer) => {
    if (length + piece.length > maxBytes) return settle(tooLarge(maxBytes));
    if (length + piece.length > bytes.length) {
      const wider = new Uint8Array(Math.max(bytes.length * 2, length + piece.length));
      wider.set(bytes.subarray(0, length));
      bytes = wider;
    }
    bytes.set(piece, length);
    length += piece.length;
  });
  response.on('end', () => {
    if (!response.complete) return settle(unreachable('the answer was cut off'));
    const validators = { etag: shortened(headers.etag), lastModified: shortened(headers['last-modified']) };
    settle({ bytes: length === bytes.length ? bytes : bytes.subarray(0, length), validators });
  });
  response.on('close', () => {
    if (!response.complete) settle(unreachable('the answer was cut off'));
  });
}

function shortened(value: string | undefined): string | undefined {
  return value === undefined || value.length > maxValidatorLength ? undefined : value;
}

function unreachable(why: string): CrlRejection {
  return new CrlRejection(
    'crl_unreachable',
    `it cannot be fetched: ${why}`,
    'Try it with curl from this machine; while no CRL is known onMissing says who is let in.',
  );
}

function tooLarge(maxBytes: number): CrlRejection {
  return new CrlRejection(
    'crl_too_large',
    `the answer is over the limit of ${maxBytes} bytes`,
    'Is this the right URL?',
  );
}
