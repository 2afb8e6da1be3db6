// OCSP responders for tests: the real `openssl ocsp` over an index of its own, and one written by hand over real sockets
// for what openssl cannot be brought to say. Both belong to the test and end with it.
import { linkSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from '../../src/base/node-http.ts';
import { encodeDer, encodeObjectId } from '../../src/asn1/der-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import { encodeOcspRequest, makeCertId, type OcspCertId } from '../../src/ocsp/request.ts';
import { readOcspResponse } from '../../src/ocsp/reader.ts';
import { type ResponseDraft, type SingleDraft, writeOcspResponse } from '../../src/ocsp/writer.ts';
import type { Issued, LeafOptions, MintOptions, TestCa } from '../../src/certs/test-ca.ts';
import { findFreePort } from './free-port.ts';
import { startProcess } from './owned-process.ts';
import { requireCommand } from './peers.ts';
import type { TempDir } from './temp.ts';
import { Feed, SAFETY_NET_MS } from './wait-for.ts';

const ocspSigning = '1.3.6.1.5.5.7.3.9';

type Extensions = NonNullable<MintOptions['extensions']>;

/** For `extensions` of a responder's certificate: id-kp-OCSPSigning. */
export const responderUsage: Extensions = [{ oid: '2.5.29.37', value: encodeDer(0x30, encodeObjectId(ocspSigning)) }];

/** authorityInfoAccess that names OCSP responders. */
export function ocspAt(...urls: string[]): Extensions {
  const places = urls.map((url) =>
    encodeDer(0x30, encodeObjectId('1.3.6.1.5.5.7.48.1'), encodeDer(0x86, Buffer.from(url))),
  );
  return [{ oid: '1.3.6.1.5.5.7.1.1', value: encodeDer(0x30, ...places) }];
}

/** TLS feature status_request: "must staple" (RFC 7633). */
export const mustStaple: Extensions = [
  { oid: '1.3.6.1.5.5.7.1.24', value: encodeDer(0x30, encodeDer(0x02, Buffer.from([5]))) },
];

/** A certificate that may answer for the CA. */
export async function issueResponder(ca: TestCa, options: Partial<LeafOptions> = {}): Promise<Issued> {
  return ca.issue({ kind: 'none', cn: 'responder', extensions: responderUsage, ...options });
}

export type OpensslResponder = {
  readonly url: string;
  readonly port: number;
  /** When it resolves, it says so of the certificate; one that was never named is unknown. */
  set(of: Issued, status: 'good' | 'revoked'): Promise<void>;
  stop(): Promise<unknown>;
  [Symbol.asyncDispose](): Promise<void>;
};

export type OpensslOptions = {
  readonly dir: TempDir;
  readonly ca: TestCa;
  /** Who signs; default: a fresh delegate of the CA. */
  readonly signer?: Issued;
  /** Minutes to nextUpdate; 0: none. Default 5. */
  readonly validMinutes?: number;
  readonly port?: number;
};

/** Starts `openssl ocsp`, which serves one request at a time. */
export async function startOcspResponder(options: OpensslOptions): Promise<OpensslResponder> {
  const { dir, ca, validMinutes = 5 } = options;
  const signer = options.signer ?? (await issueResponder(ca));
  const name = `ocsp-${readFacts(signer.der).serial}`;
  const entries = new Map<string, string>();
  let versions = 0;
  const index = dir.write(`${name}.index`, '');
  // openssl knows an index by its inode and the second it was written in: a second name keeps every inode in use, so that
  // none comes back for a later index of the same second.
  const keep = (): void => linkSync(index, `${index}.${(versions += 1)}`);
  keep();
  const args = [
    'ocsp',
    '-index',
    index,
    '-port',
    String(options.port ?? 0),
    '-CA',
    dir.write(`${name}.ca`, ca.certPem),
  ];
  args.push('-rsigner', dir.write(`${name}.crt`, signer.certPem), '-rkey', dir.write(`${name}.key`, signer.keyPem));
  if (validMinutes > 0) args.push('-nmin', String(validMinutes));
  const child = await startProcess(requireCommand('openssl'), args, { name: 'openssl ocsp' });
  const accept = /ACCEPT .*:(\d+)/;
  const line = await child.lines.waitFor(({ text }) => accept.test(text), { what: 'openssl ocsp to listen' });
  const port = Number(accept.exec(line.text)?.[1]);
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    set: async (of, status) => {
      const { serial } = readFacts(of.der);
      const mark = status === 'revoked' ? 'R\t301231235959Z\t200101000000Z,keyCompromise' : 'V\t301231235959Z\t';
      entries.set(serial, `${mark}\t${serial.toUpperCase()}\tunknown\t/CN=${serial}\n`);
      dir.replace(`${name}.index`, [...entries.values()].join(''));
      keep();
      const question = encodeOcspRequest(makeCertId(readFacts(of.der), readFacts(ca.der)));
      // It looks at the index between two requests, so the first answer may still be of the old one.
      for (let asked = 0; asked < 5; asked += 1) if ((await askStatus(port, question)) === status) return;
      throw new Error(`openssl ocsp does not say ${status} of ${serial}`);
    },
    stop: () => child.stop('SIGKILL'),
    [Symbol.asyncDispose]: async () => void (await child.stop('SIGKILL')),
  };
}

/** What the responder says of the one certificate that is asked about. */
async function askStatus(port: number, question: Buffer): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    body: new Uint8Array(question),
    signal: AbortSignal.timeout(SAFETY_NET_MS),
  });
  const read = readOcspResponse(Buffer.from(await answer.arrayBuffer()));
  return read.kind === 'basic' ? read.responses[0]?.status : read.status;
}

export type HandResponder = {
  readonly url: string;
  readonly port: number;
  /** Bodies of the requests so far. */
  readonly requests: Feed<Buffer>;
  /** Every TCP connection: must stay empty where nobody may ask. */
  readonly connections: Feed<string>;
  answer: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void;
  [Symbol.asyncDispose](): Promise<void>;
};

/** A responder that does what `answer` says; it may be replaced at any time. */
export async function openHandResponder(answer: HandResponder['answer'], host = '127.0.0.1'): Promise<HandResponder> {
  const requests = new Feed<Buffer>('OCSP requests');
  const connections = new Feed<string>('connections to the OCSP responder');
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('error', () => {});
    response.on('error', () => {});
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => {
      const body = Buffer.concat(pieces);
      responder.answer(request, response, body);
      requests.push(body);
    });
  });
  server.on('connection', ({ remoteAddress }) => connections.push(remoteAddress ?? ''));
  const free = await findFreePort();
  await new Promise<void>((resolve) => server.listen(free, host, resolve));
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  const responder: HandResponder = {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    requests,
    connections,
    answer,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return responder;
}

/** An answer of 200 with these bytes. */
export function send(body: Buffer): HandResponder['answer'] {
  return (_request, response) => {
    response.writeHead(200, { 'content-type': 'application/ocsp-response' });
    response.end(body);
  };
}

export type Statement = Partial<SingleDraft> & { readonly draft?: Partial<ResponseDraft> };

/** Says something of `of`, signed by `signer`: valid from a minute ago for an hour, unless it says otherwise. */
export function respondAbout(of: Issued, ca: TestCa, signer: Issued, { draft, ...single }: Statement = {}): Buffer {
  const id: OcspCertId = makeCertId(readFacts(of.der), readFacts(ca.der));
  const thisUpdate = Math.floor(Date.now() / 1000) * 1000 - 60_000;
  return writeOcspResponse({
    signer,
    certificates: [signer.der],
    producedAt: thisUpdate,
    responses: [{ id, thisUpdate, nextUpdate: thisUpdate + 3_600_000, ...single }],
    ...draft,
  });
}
