// A missing or broken CA never means "trust everybody" or "ask nobody" (incident 6): the gateway does not start, and says
// which file and why. What happens at a reload stands in reload-broken.test.ts.
import assert from 'node:assert/strict';
import { mkdirSync, unlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { encodePem } from '../../src/asn1/der-writer.ts';
import { StartFailure } from '../support/gateway.ts';
import { openSetup } from '../support/mtls-setup.ts';
import type { Pki } from '../support/pki.ts';

const rows: readonly { name: string; prepare?: (pki: Pki) => void; clientAuth?: string; says: RegExp }[] = [
  { name: 'gone', prepare: ({ clients }) => unlinkSync(clients.file), says: /clients-ca\.crt.*(not exist|not found)/ },
  { name: 'empty', prepare: ({ dir }) => void dir.write('clients-ca.crt', ''), says: /clients-ca\.crt is empty/ },
  {
    name: 'a folder',
    prepare: ({ clients }) => {
      unlinkSync(clients.file);
      mkdirSync(clients.file);
    },
    says: /clients-ca\.crt is a directory/,
  },
  {
    name: 'something else altogether',
    prepare: ({ dir }) => void dir.write('clients-ca.crt', Buffer.from([0, 1, 2, 255, 254])),
    says: /clients-ca\.crt/,
  },
  {
    name: 'good but for one block',
    prepare: ({ dir, clients, servers }) =>
      void dir.write(
        'clients-ca.crt',
        clients.certPem + servers.certPem.replace(/M.{20}/, (text) => 'A'.repeat(text.length)),
      ),
    says: /clients-ca\.crt: certificate block 2/,
  },
  {
    name: 'a private key',
    prepare: ({ dir, clients }) => void dir.write('clients-ca.crt', clients.keyPem),
    says: /clients-ca\.crt/,
  },
  {
    name: 'a certificate that is no CA',
    prepare: ({ dir, alice }) => void dir.write('clients-ca.crt', alice.certPem),
    says: /clients-ca\.crt.*CA/,
  },
  {
    // As Envoy takes it; a revocation list that nobody looks at would let the revoked in.
    name: 'followed by its CRL',
    prepare: ({ dir, clients }) =>
      void dir.write('clients-ca.crt', clients.certPem + encodePem('X509 CRL', clients.issueCrl())),
    says: /clients-ca\.crt holds a CRL \(line \d+\), which is not used/,
  },
  { name: 'not named although certificates are required', clientAuth: '{required: true}', says: /clientCA/ },
  { name: 'named by an empty text', clientAuth: '{clientCA: "", required: true}', says: /clientCA/ },
  { name: 'an empty list', clientAuth: '{clientCA: [], required: true}', says: /clientCA/ },
];

describe('a gateway whose client CA', () => {
  for (const { name, says, ...options } of rows) {
    it(`is ${name} does not start`, async () => {
      await assert.rejects(openSetup(options), (error: unknown) => {
        assert.ok(error instanceof StartFailure, String(error));
        assert.deepEqual(error.exit, { code: 1, signal: null });
        const text = error.log.map((line) => line.msg).join('\n');
        assert.match(text, says);
        assert.match(text, /gateway\.yml:\d+:\d+: error: /);
        assert.ok(!error.log.some((line) => line.msg === 'listening'));
        return true;
      });
    });
  }
});
