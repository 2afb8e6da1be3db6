// node server.ts: a backend that lets in the gateway alone, and learns from it who calls.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { TLSSocket } from 'node:tls';

const port = Number(process.argv[2] ?? 9443);
const options = {
  cert: readFileSync('certs/server.crt'),
  key: readFileSync('certs/server.key'),
  ca: readFileSync('certs/ca.crt'),
  requestCert: true,
  rejectUnauthorized: true,
};

/** RFC 9440: the certificate that the gateway has verified, as base64 of its DER between colons. */
function readClientCert(field: string | undefined): X509Certificate | undefined {
  const base64 = field === undefined ? undefined : /^:([A-Za-z0-9+/=]+):$/.exec(field)?.[1];
  return base64 === undefined ? undefined : new X509Certificate(Buffer.from(base64, 'base64'));
}

const server = createServer(options, (request, response) => {
  const answer = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  // Fields are worth what their sender is worth: who else has a certificate of this CA is not believed.
  const { subject } = (request.socket as TLSSocket).getPeerCertificate();
  if (subject?.CN !== 'gateway') return answer(403, { error: 'only the gateway may call' });
  const caller = readClientCert(request.headersDistinct['client-cert']?.join());
  if (caller === undefined) return answer(401, { error: 'the caller has no certificate' });
  const spiffe = /(?:^|, )URI:(spiffe:[^,"]+)/.exec(caller.subjectAltName ?? '')?.[1];
  answer(200, { language: 'node', subject: caller.subject, spiffe });
});
server.listen(port, '127.0.0.1', () => console.log(`listening on ${port}`));
