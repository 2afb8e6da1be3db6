import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import type { CustomIdentityValue } from '../config/gateway-config.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type LeafOptions, mintCa } from '../certs/test-ca.ts';
import { customFields } from './custom-fields.ts';

const ca = await mintCa({ subject: '/O=Test/CN=CA' });

async function fieldOf(value: CustomIdentityValue, options: Partial<LeafOptions> = {}) {
  const { der } = await ca.issue({ kind: 'client', cn: 'alice', ...options });
  return { der, text: customFields(readFacts(der), [{ name: 'X-It', value }])[0]?.[1] };
}

test('pem is URL-encoded PEM, der plain base64', async () => {
  const pem = await fieldOf('pem');
  assert.equal(decodeURIComponent(pem.text ?? ''), new X509Certificate(pem.der).toString());
  assert.match(pem.text ?? '', /^-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%]+-----END%20CERTIFICATE-----%0A$/);
  const der = await fieldOf('der');
  assert.deepEqual(Buffer.from(der.text ?? '', 'base64'), der.der);
  assert.match(der.text ?? '', /^[A-Za-z0-9+/]+=*$/);
});

test('Names are RFC 4514 text, and a space at the end survives the way through a header', async () => {
  assert.equal((await fieldOf('subject')).text, 'CN=alice');
  assert.equal((await fieldOf('subject', { subject: '/O=Zo\u00eb, Inc./CN=a' })).text, 'CN=a,O=Zo\\C3\\AB\\, Inc.');
  assert.equal((await fieldOf('subject', { subject: '/CN=a ' })).text, 'CN=a\\20');
  assert.equal((await fieldOf('subject', { subject: '/CN=a\\\\ ' })).text, 'CN=a\\\\\\20');
  assert.equal((await fieldOf('subject', { subject: '', sans: ['a.test'] })).text, undefined);
  assert.equal((await fieldOf('issuer')).text, 'CN=CA,O=Test');
});

test('The serial number is upper-case hexadecimal, the fingerprint lower-case SHA-256', async () => {
  assert.equal((await fieldOf('serial', { serial: '00ab0c' })).text, 'AB0C');
  const { text, der } = await fieldOf('fingerprint');
  assert.equal(text, new X509Certificate(der).fingerprint256.replaceAll(':', '').toLowerCase());
});

/** What docs/forwarded-identity.md tells a backend to do. */
function parseSans(text: string): { type: string; oid?: string; value: string }[] {
  return text.split(',').map((item) => {
    const [type = '', ...rest] = item.split(':');
    const [oid, ...value] = type === 'OTHER_NAME' ? rest : [undefined, ...rest];
    return { type, value: decodeURIComponent(value.join(':')), ...(oid === undefined ? {} : { oid }) };
  });
}

test('SANs are a list that no name can break out of', async () => {
  const sans = [
    { type: 'URI', value: 'spiffe://a/b,DNS:admin.test' },
    { type: 'URI', value: 'spiffe://a/%2C;"x"\\ y' },
    { type: 'DNS', value: '*.a.test' },
    { type: 'IP', value: '2001:db8::1' },
    { type: 'EMAIL', value: 'a@b.test' },
    { type: 'OTHER_NAME', value: 'Zo\u00eb:\u202e,DNS:x', oid: '1.3.6.1.4.1.311.20.2.3' },
  ] as const;
  const { text = '' } = await fieldOf('sans', { sans });
  assert.match(text, /^[\x21-\x7e]+$/);
  assert.deepEqual(parseSans(text), sans);
  assert.ok(text.startsWith('URI:spiffe://a/b%2CDNS:admin.test,URI:'), text);
  assert.equal((await fieldOf('sans')).text, undefined);
});

test('Several fields keep the order and spelling of the configuration', async () => {
  const { der } = await ca.issue({ kind: 'client', cn: 'alice' });
  const wanted = [
    { name: 'SSL_CLIENT_S_DN', value: 'subject' },
    { name: 'x-who', value: 'fingerprint' },
  ] as const;
  assert.deepEqual(
    customFields(readFacts(der), wanted).map(([name]) => name),
    ['SSL_CLIENT_S_DN', 'x-who'],
  );
});
