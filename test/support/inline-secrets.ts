// Private keys in every form in which people put them into a variable or a file of configuration, and the one question that is
// asked of whatever a program says then: is a piece of the key in it?
import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';

/** Every key of the configuration that takes a file, PEM text or base64 (`S`), as flow YAML under `gateway:` with the value in it. */
export const materialKeys: Readonly<Record<string, (value: string) => string>> = {
  'certificates.cert': (s) => tls(`certificates: [{cert: ${s}, key: edge.key}]`),
  'certificates.key': (s) => tls(`certificates: [{cert: edge.crt, key: ${s}}]`),
  'keys.key': (s) => tls(`keys: [{cert: edge.crt, key: ${s}}]`),
  'default.cert': (s) => tls(`default: {cert: ${s}, key: edge.key}`),
  'default.key': (s) => tls(`default: {cert: edge.crt, key: ${s}}`),
  'clientAuth.clientCA': (s) => tls(`${own}, clientAuth: {clientCA: ${s}}`),
  'clientAuth.clientCA[]': (s) => tls(`${own}, clientAuth: {clientCA: [clients-ca.crt, ${s}]}`),
  'spiffe.bundles': (s) =>
    tls(`${own}, clientAuth: {spiffe: {trustDomains: [a.test], bundles: {a.test: ${s}}}, required: true}`),
  'clientAuth.crl.sources': (s) => tls(`${own}, clientAuth: {clientCA: clients-ca.crt, crl: {sources: [${s}]}}`),
  'policies.certificates.key': (s) =>
    tls(`${own}, policies: [{name: p, hosts: [p.test], certificates: [{cert: edge.crt, key: ${s}}]}]`),
  'policies.clientAuth.clientCA': (s) =>
    tls(`${own}, policies: [{name: p, hosts: [p.test], clientAuth: {clientCA: ${s}}}]`),
  'sessionResumption.keys': (s) => tls(`${own}, sessionResumption: {keys: ${s}}`),
  'tls.certsDir': (s) => tls(`certsDir: ${s}`),
  'route.tls.certificate.key': (s) => route(`tls: {certificate: {cert: edge.crt, key: ${s}}}`),
  'route.security.tls.rootCAs': (s) => route(`security: {tls: {rootCAs: ${s}}}`),
  'route.security.tls.clientCert': (s) => route(`security: {tls: {clientCert: ${s}, clientKey: gateway.key}}`),
  'route.security.tls.clientKey': (s) => route(`security: {tls: {clientCert: gateway.crt, clientKey: ${s}}}`),
  'route.security.tls.crl': (s) => route(`security: {tls: {rootCAs: internal-ca.crt, crl: {sources: ${s}}}}`),
};

const own = 'certificates: [{cert: edge.crt, key: edge.key}]';
const routeHead = 'name: all, path: /, hosts: [localhost], target: "https://localhost:1"';
const tls = (inner: string): string => `  tls: {${inner}}\n  routes: [{${routeHead}}]\n`;
const route = (inner: string): string => `  tls: {${own}}\n  routes: [{${routeHead}, ${inner}}]\n`;

export type InlineSecret = {
  /** As it stands in a variable. */
  readonly text: string;
  /** None of these, nor any 12 characters of them, may ever be shown. */
  readonly forms: readonly string[];
};

const pkcs8 = (key: KeyObject): Buffer => key.export({ format: 'der', type: 'pkcs8' });
const base64 = (text: string | Buffer): string => Buffer.from(text).toString('base64');

function wrap(der: Buffer, label: string): string {
  const lines = base64(der).match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Fresh keys in all their forms. */
export function mintInlineSecrets(): Readonly<Record<string, InlineSecret>> {
  const ed = generateKeyPairSync('ed25519').privateKey;
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const [edDer, ecDer] = [pkcs8(ed), ec.export({ format: 'der', type: 'sec1' })];
  const edPem = wrap(edDer, 'PRIVATE KEY');
  const ecPem = wrap(ecDer, 'EC PRIVATE KEY');
  const lockedPem = ec.export({ format: 'pem', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  const lockedDer = ec.export({ format: 'der', type: 'pkcs8', cipher: 'aes-256-cbc', passphrase: 'x' });
  const [random, ticket] = [randomBytes(48), randomBytes(32)];
  const edForms = [base64(edDer), edDer.toString('hex'), base64(edPem), base64(base64(edPem)), base64(base64(edDer))];
  const ecForms = [base64(ecDer), ecDer.toString('hex'), base64(ecPem), base64(pkcs8(ec))];
  assert.ok(createPrivateKey(edPem).asymmetricKeyType === 'ed25519');
  return {
    'PEM (PKCS #8)': { text: edPem, forms: edForms },
    'PEM (SEC 1)': { text: ecPem, forms: ecForms },
    'PEM, encrypted': { text: lockedPem, forms: [base64(lockedDer), lockedPem.split('\n')[1] ?? ''] },
    'PEM without its end': { text: edPem.slice(0, -30), forms: edForms },
    'PEM with \\n for line ends': { text: ecPem.replaceAll('\n', '\\n'), forms: ecForms },
    'base64 of PEM': { text: base64(edPem), forms: edForms },
    'base64 of DER (PKCS #8)': { text: base64(edDer), forms: edForms },
    'base64 of DER (SEC 1)': { text: base64(ecDer), forms: ecForms },
    'base64 of DER, encrypted': { text: base64(lockedDer), forms: [base64(lockedDer)] },
    'base64 of DER, cut': { text: base64(ecDer).slice(0, 100), forms: ecForms },
    'base64 of base64 of PEM': { text: base64(base64(edPem)), forms: edForms },
    'base64 of base64 of DER': { text: base64(base64(edDer)), forms: edForms },
    hexadecimal: { text: edDer.toString('hex'), forms: edForms },
    'random bytes in base64': { text: base64(random), forms: [base64(random)] },
    'random bytes in base64url': { text: random.toString('base64url'), forms: [random.toString('base64url')] },
    'random bytes in hexadecimal': { text: ticket.toString('hex'), forms: [ticket.toString('hex')] },
    'a path that holds base64': { text: `certs/${base64(random)}/x.key`, forms: [base64(random)] },
  };
}

const window = 12;

/** Fails where `output` holds any 12 characters in a row of a form of the secret; line breaks and escapes do not hide them. */
export function assertSilent(output: string, { forms }: InlineSecret, what: string): void {
  const heard = [output, output.replace(/\\+[nr]|[\s|]+/g, '')];
  for (const form of forms)
    for (let at = 0; at + window <= form.length; at += 1) {
      const piece = form.slice(at, at + window);
      // What every key of its kind begins with, and what 64 equal lines of dashes are, is no secret; random parts are.
      assert.ok(!heard.some((text) => text.includes(piece)), `${what}: ${piece} is shown in\n${output}`);
    }
}
