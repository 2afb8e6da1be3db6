// The console: files that were built before (console/build.ts), read once at the start and served with the headers of a page that sits
// next to private keys. Nothing of it depends on who asks; what he may see, the API decides.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { listHolds, quoteEtag } from './conditional.ts';

/** In a checkout where console/build.ts puts it; in the built package beside what runs (scripts/build.ts). */
export const builtConsole = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../console/dist/site' : '../console', import.meta.url),
);

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Nothing inline, nothing from elsewhere, in no frame; scripts can be made of no text (Trusted Types). */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const headers = {
  'content-security-policy': policy,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

const notBuilt =
  'The console is not built: run `npm run console` where Countersign is installed, and restart the gateway.\n';

type SiteFile = {
  readonly type: string;
  readonly etag: string;
  readonly plain: Buffer<ArrayBuffer>;
  readonly gzip: Buffer<ArrayBuffer> | undefined;
};

export type Site = { fetch(request: Request): Response };

/** `dir`: of the built files; where there are none, every answer says how they come. */
export function openSite(dir: string): Site {
  const files = readFiles(dir);
  return {
    fetch(request) {
      if (request.method !== 'GET' && request.method !== 'HEAD')
        return plain(405, 'Here: GET, HEAD.\n', { allow: 'GET, HEAD' });
      const { pathname } = new URL(request.url);
      const index = files.get('/index.html');
      if (index === undefined) return plain(503, notBuilt);
      const file = files.get(pathname);
      if (file !== undefined) return answer(file, request, pathname.startsWith('/assets/'));
      // Every other path that a browser opens is one of a screen, which the page finds by itself.
      const opensPage = (request.headers.get('accept') ?? '').includes('text/html');
      if (opensPage && !pathname.startsWith('/assets/')) return answer(index, request, false);
      return plain(404, 'not found\n');
    },
  };
}

function readFiles(dir: string): ReadonlyMap<string, SiteFile> {
  const files = new Map<string, SiteFile>();
  if (!existsSync(dir)) return files;
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    const type = types[extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const path = join(entry.parentPath, entry.name);
    const content = readFileSync(path);
    files.set(`/${relative(dir, path).split(sep).join('/')}`, {
      type,
      etag: createHash('sha256').update(content).digest('base64url').slice(0, 27),
      plain: content,
      gzip: existsSync(`${path}.gz`) ? readFileSync(`${path}.gz`) : undefined,
    });
  }
  return files;
}

function answer(file: SiteFile, request: Request, isHashed: boolean): Response {
  const packed = /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/.test(request.headers.get('accept-encoding') ?? '')
    ? file.gzip
    : undefined;
  // A strong validator belongs to one coding (RFC 9110 section 8.8.3.3).
  const etag = packed === undefined ? file.etag : `${file.etag}-gz`;
  const fields = {
    ...headers,
    'content-type': file.type,
    // What has a hash in its name never changes; the page that names it is asked for anew each time.
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
    etag: quoteEtag(etag),
    vary: 'accept-encoding',
    ...(packed !== undefined && { 'content-encoding': 'gzip' }),
  };
  const known = request.headers.get('if-none-match');
  if (known !== null && listHolds(known, etag)) {
    const { 'content-encoding': _, 'content-type': _type, ...rest } = fields;
    return new Response(null, { status: 304, headers: rest });
  }
  const body = packed ?? file.plain;
  return new Response(body, { status: 200, headers: { ...fields, 'content-length': String(body.length) } });
}

function plain(status: number, text: string, fields: Readonly<Record<string, string>> = {}): Response {
  return new Response(text, {
    status,
    headers: { ...headers, 'cache-control': 'no-store', 'content-type': 'text/plain; charset=utf-8', ...fields },
  });
}
