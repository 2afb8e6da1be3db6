// What the first bytes of an answer say. A server that has finished the handshake may still refuse in HTTP: nginx in 400
// pages of its own, our gateway in problem documents, others with 421 (RFC 9110 section 15.5.20). Pure.
import { type FaultCode, faultTable } from '../base/fault.ts';
import { FieldNames, Fields } from '../http/field.ts';
import { escapeForLog } from '../base/log-text.ts';
import { classifyNginxRefusal } from '../upstream/nginx-refusal.ts';

export type Answer = {
  /** 'HTTP/1.1 200 OK', 'HTTP/2 (SETTINGS)', or the beginning of whatever it is; escaped. */
  readonly shown: string;
  /** 0 where it is no HTTP/1. */
  readonly status: number;
  readonly refusal: Refusal | undefined;
  /** 403, or a 401 that names no credentials which could be sent instead: perhaps for the lack of a certificate. */
  readonly denied: boolean;
};

export type Refusal = {
  readonly code: FaultCode;
  readonly cause: string;
  /** True where our certificate, or the lack of one, is what it is about. */
  readonly aboutCertificate: boolean;
  readonly raw: string;
  readonly remedy?: string;
  /** The server asks for a certificate only after the request. */
  readonly asksLate?: true;
};

const maxShown = 160;
/** Statuses whose body may tell more. */
const worthReading: ReadonlySet<number> = new Set([400, 403, 421, 495, 496, 497]);
const maxBodyBytes = 4096;

/** True where nothing that follows could change what parseAnswer says. */
export function findAnswerEnd(bytes: Buffer): boolean {
  const text = bytes.toString('latin1');
  if (!'HTTP/1.'.startsWith(text.slice(0, 7))) return bytes.length >= 9 || text.includes('\n');
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) return false;
  const { status, fields } = parseHead(text.slice(0, headEnd));
  if (!worthReading.has(status)) return true;
  const length = Number(fields.find('content-length') ?? Number.NaN);
  const received = bytes.length - headEnd - 4;
  if (/(?:^|,)\s*chunked$/i.test(fields.find('transfer-encoding') ?? '')) return text.endsWith('\r\n0\r\n\r\n');
  return received >= Math.min(Number.isNaN(length) ? maxBodyBytes : length, maxBodyBytes);
}

/** `bytes` is not empty. */
export function parseAnswer(bytes: Buffer): Answer {
  const text = bytes.toString('latin1');
  if (!text.startsWith('HTTP/1.')) return { shown: describeOther(bytes), status: 0, refusal: undefined, denied: false };
  const headEnd = text.indexOf('\r\n\r\n');
  const { line, status, fields } = parseHead(headEnd < 0 ? text : text.slice(0, headEnd));
  const body = headEnd < 0 ? Buffer.alloc(0) : bytes.subarray(headEnd + 4);
  const denied = status === 403 || (status === 401 && fields.find('www-authenticate') === undefined);
  return { shown: escapeForLog(line, maxShown), status, refusal: findRefusal(status, fields, body), denied };
}

function parseHead(head: string): { line: string; status: number; fields: Fields } {
  const [line = '', ...rest] = head.split('\r\n');
  const names = new FieldNames(64);
  const fields = new Fields();
  for (const one of rest.slice(0, 100)) {
    const colon = one.indexOf(':');
    const name = names.find(one.slice(0, Math.max(0, colon)));
    if (name !== undefined) fields.push(name, one.slice(colon + 1).trim());
  }
  return { line, status: Number(/^HTTP\/1\.\d (\d{3})(?: |$)/.exec(line)?.[1] ?? 0), fields };
}

function describeOther(bytes: Buffer): string {
  // An HTTP/2 frame header: length, type 4 (SETTINGS) or 7 (GOAWAY), flags, stream 0 (RFC 9113 section 4.1).
  if (bytes.length >= 9 && bytes.readUInt32BE(5) === 0) {
    if (bytes[3] === 4) return 'HTTP/2 (SETTINGS)';
    if (bytes[3] === 7) return 'HTTP/2 (GOAWAY)';
  }
  const [line = ''] = bytes.toString('latin1', 0, 512).split(/\r?\n/, 1);
  return `no HTTP: "${escapeForLog(line, 80)}"`;
}

function findRefusal(status: number, fields: Fields, body: Buffer): Refusal | undefined {
  const raw = `HTTP ${status}`;
  const own = findProblemCode(fields, body);
  if (own !== undefined) {
    const aboutCertificate = isAboutCertificate(own);
    const word = faultTable[own].title;
    return { code: own, cause: `its problem document says ${own}: ${word}`, aboutCertificate, raw };
  }
  const text = body.toString('latin1', 0, maxBodyBytes);
  const nginx = classifyNginxRefusal(status, fields, body);
  if (nginx === 'no_client_cert' || status === 496) {
    const cause = 'it requires a client certificate and got none ("No required SSL certificate was sent")';
    return { code: 'no_client_cert', cause, aboutCertificate: true, raw };
  }
  if (nginx === 'refused_by_peer' || status === 495) {
    const cause = 'its check of our certificate failed ("The SSL certificate error"); its error log says why';
    return { code: 'refused_by_peer', cause, aboutCertificate: true, raw };
  }
  if (status === 497 || text.includes('The plain HTTP request was sent to HTTPS port')) {
    const cause =
      'behind the TLS of this port stands another TLS port, which got plain HTTP ("The plain HTTP request was sent to HTTPS port")';
    const remedy = 'The proxy that ends TLS here must speak https:// to the server behind it.';
    return { code: 'not_tls', cause, aboutCertificate: false, raw, remedy };
  }
  if (status === 403 && text.includes('Cannot perform Post-Handshake Authentication')) {
    const cause =
      'it asks for a certificate only after the request, for this path (TLS 1.3 post-handshake authentication)';
    const remedy = 'Most clients do not offer that: have the server ask in the handshake, or try --max 1.2.';
    return { code: 'no_client_cert', cause, aboutCertificate: true, raw, remedy, asksLate: true };
  }
  if (/(?:ALPN|application protocol)[^<]{0,80}expected [`"']?h2\b/i.test(text)) {
    const cause = 'it speaks HTTP/2 only, and says so in HTTP/1';
    return { code: 'protocol_mismatch', cause, aboutCertificate: false, raw, remedy: 'Offer it: --alpn h2.' };
  }
  if (status !== 421) return undefined;
  const cause =
    'the server does not serve this host name on a connection with this server name (421 Misdirected Request)';
  const remedy = 'Give the name that the host is served under: --servername NAME.';
  return { code: 'host_mismatch', cause, aboutCertificate: false, raw, remedy };
}

/** The code of our own problem documents (RFC 9457), where it is one about the connection. */
function findProblemCode(fields: Fields, body: Buffer): FaultCode | undefined {
  if (!(fields.find('content-type') ?? '').startsWith('application/problem+json')) return undefined;
  const code = /"type":"urn:countersign:fault:([a-z_]{1,40})"/.exec(body.toString('latin1', 0, maxBodyBytes))?.[1];
  if (code === undefined || !Object.hasOwn(faultTable, code)) return undefined;
  const known = code as FaultCode;
  return isAboutCertificate(known) || known === 'host_mismatch' ? known : undefined;
}

function isAboutCertificate(code: FaultCode): boolean {
  return faultTable[code].aboutCertificate === true;
}
