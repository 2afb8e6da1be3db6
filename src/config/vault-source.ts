// `vault`: a certificate, or CAs, from the PKI engine of OpenBao or HashiCorp Vault.
import type { z } from 'zod';
import { isIpLiteral } from '../base/host.ts';
import { identifierOf } from '../base/identifier.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { quote } from '../yaml/tree.ts';
import { closedMap, durationBetween, oneOf, oneOrMore, secret, text } from './atoms.ts';
import { key } from './key.ts';
import { refTo } from './material-ref.ts';
import { reportEmpty } from './reading.ts';
import { keyTypes, type VaultIssue, type VaultLogin, type VaultSettings } from './source-config.ts';
import { readMaterialText, readSecret, readServerUrl, refuseInStore } from './source-settings.ts';

export const vaultExample =
  'For example vault: {address: https://vault.example.com:8200, role: edge, commonName: a.example.com, auth: {tokenFile: /run/vault/token}}.';
const serviceAccountToken = '/var/run/secrets/kubernetes.io/serviceaccount/token';

const serverKeys = {
  address: key(text, {
    says: 'URL of OpenBao or Vault. Required.',
    unset: 'required',
    page: '`https://HOST:PORT`; `http://` to this machine alone (an agent).',
  }),
  mount: key(text, { says: 'Path of the PKI engine. Default {default}.', default: 'pki' }),
  namespace: key(text, { says: 'Namespace.', unset: 'none' }),
  ca: key(text, {
    says: 'CA certificates that verify the server: path, PEM text, or base64 of PEM or DER. Default: public CAs.',
    unset: 'those of Node',
    restricts: true,
    page: '`S`. Verifies the server itself. Read for each renewal.',
  }),
};

const mountOf = (method: string) => key(text, { says: 'Path of the method. Default {default}.', default: method });

const authShape = closedMap({
  token: key(secret(text), { says: 'A token.', page: 'A token; better `${VARIABLE}` or `tokenFile`.' }),
  tokenFile: key(text, {
    says: 'File with a token, read for each login.',
    page: 'A file with the token, which somebody else may renew.',
  }),
  approle: key(
    closedMap({
      roleId: key(text, { says: 'role_id.', unset: 'required' }),
      secretId: key(secret(text), { says: 'secret_id.' }),
      secretIdFile: key(text, { says: 'File with the secret_id, read for each login.' }),
      mount: mountOf('approle'),
    }),
    { says: 'Login by AppRole.', page: '`{roleId, secretId or secretIdFile, mount: approle}`.' },
  ),
  kubernetes: key(
    closedMap({
      role: key(text, { says: 'Role of the method.', unset: 'required' }),
      tokenFile: key(text, { says: 'Token of the service account. Default {default}.', default: serviceAccountToken }),
      mount: mountOf('kubernetes'),
    }),
    {
      says: 'Login by the service account.',
      page: '`{role, tokenFile, mount: kubernetes}`: by the token of the service account.',
    },
  ),
  cert: key(
    closedMap({
      cert: key(text, { says: 'Certificate to show: path, PEM text, or base64.', unset: 'required' }),
      key: key(text, { says: 'Its private key.', unset: 'required' }),
      name: key(text, { says: 'Role of the method. Default: whichever fits.', unset: 'whichever fits' }),
      mount: mountOf('cert'),
    }),
    {
      says: 'Login by a client certificate.',
      page: '`{cert: S, key: S, name, mount: cert}`: by a client certificate.',
    },
  ),
});

export const vaultShape = closedMap({
  ...serverKeys,
  role: key(text, {
    says: 'Role that signs. Required.',
    unset: 'required',
    page: 'Role of the PKI engine: `sign/ROLE` is asked.',
  }),
  commonName: key(text, {
    says: 'Common name. Default: the first of sans.',
    unset: 'the first of `sans`',
    page: 'Common name; a host name is a SAN too.',
  }),
  sans: key(oneOrMore(text), {
    says: 'Names of the certificate: DNS names, IP addresses, URIs (SPIFFE IDs).',
    unset: '`commonName`',
    page: 'One or a list: DNS names, IP addresses, URIs (SPIFFE IDs).',
  }),
  ttl: key(durationBetween('1m', '1176h'), {
    says: 'Lifetime to ask for, {min} to {max}. Default: that of the role.',
    unset: 'that of the role',
  }),
  keyType: key(oneOf(keyTypes), {
    says: 'Kind of the key, which is made here and never travels. Default {default}.',
    default: 'ec-p256',
    page: 'Kind of the key. It is made here and never travels.',
  }),
  auth: key(authShape, {
    says: 'How the gateway logs in: token, tokenFile, approle, kubernetes or cert. Required.',
    unset: 'required: one of these',
  }),
});

/** For CAs: nobody has to be known for these. */
export const vaultBundleShape = closedMap(serverKeys);

type ServerShape = z.output<typeof vaultBundleShape>;
type Server = Pick<VaultSettings, 'address' | 'mount' | 'namespace' | 'ca'>;

function readServer(shape: ServerShape, at: Cursor, problems: ProblemList): Server | undefined {
  for (const name of ['mount', 'namespace']) reportEmpty(at, name, problems);
  const url = { example: vaultExample, orLocal: true };
  const address = readServerUrl(shape.address, at, 'address', problems, url);
  const ca = readMaterialText(shape.ca, at, 'ca', problems);
  const mount = readPath(shape.mount, at, problems);
  if (address === undefined || mount === undefined || (ca === undefined && at.has('ca'))) return undefined;
  return { address, mount, namespace: shape.namespace, ca };
}

/** Without slashes at its ends. */
function readPath(written: string, around: Cursor, problems: ProblemList): string | undefined {
  const path = written.replace(/^\/+|\/+$/g, '');
  if (/^[A-Za-z0-9._-]+(?:\/[A-Za-z0-9._-]+)*$/.test(path) && !path.split('/').includes('..')) return path;
  problems.error(
    'bad_value',
    around.down('mount').place,
    'mount is no path of an engine',
    'For example pki, or pki/edge.',
  );
  return undefined;
}

/** CAs of the mount. Undefined where it cannot be read (reported). */
export function readVaultBundle(
  shape: ServerShape | undefined,
  at: Cursor,
  problems: ProblemList,
): VaultSettings | undefined {
  if (shape === undefined || refuseInStore('vault', at, problems)) return undefined;
  const server = readServer(shape, at, problems);
  return server && { kind: 'vault', ...server, issue: undefined };
}

/** A certificate. Likewise. */
export function readVault(
  shape: z.output<typeof vaultShape> | undefined,
  at: Cursor,
  problems: ProblemList,
): VaultSettings | undefined {
  if (shape === undefined || refuseInStore('vault', at, problems)) return undefined;
  for (const name of ['role', 'commonName', 'sans', 'ttl', 'auth']) reportEmpty(at, name, problems);
  const server = readServer(shape, at, problems);
  const { role, ttl: ttlMs, keyType } = shape;
  if (role === undefined || !/^[A-Za-z0-9._-]+$/.test(role)) {
    if (!at.isBroken('role'))
      problems.error('missing_key', at.place, 'vault has no `role`, or one that is no name', vaultExample);
    return undefined;
  }
  const names = readNames(shape, at, problems);
  const auth = readLogin(shape.auth, at, problems);
  if (server === undefined || names === undefined || auth === undefined) return undefined;
  return { kind: 'vault', ...server, issue: { role, ...names, ttlMs, keyType, auth } };
}

type Names = Pick<VaultIssue, 'commonName' | 'dnsNames' | 'addresses' | 'uris'>;

function readNames(
  { commonName: written, sans = [] }: z.output<typeof vaultShape>,
  around: Cursor,
  problems: ProblemList,
): Names | undefined {
  const commonName = written ?? sans[0] ?? '';
  if (commonName === '') {
    if (!around.isBroken('commonName') && !around.isBroken('sans'))
      problems.error('missing_key', around.place, 'vault has neither `commonName` nor `sans`', vaultExample);
    return undefined;
  }
  const names: { [K in 'dnsNames' | 'addresses' | 'uris']: string[] } = { dnsNames: [], addresses: [], uris: [] };
  const at = around.down('sans');
  let isBad = false;
  for (const [i, name] of sans.entries()) {
    const found = identifierOf(name);
    if (found !== undefined) (found.type === 'dns' ? names.dnsNames : names.addresses).push(found.value);
    else if (/^[a-z][a-z0-9+.-]*:\/\/[^\s,]+$/.test(name)) names.uris.push(name);
    else {
      isBad = true;
      const here = at.down(i);
      const shown = here.showable ? `${quote(name)} is` : 'this is';
      problems.error('bad_domain', here.place, `${shown} no host name, address or URI`, 'For example a.example.com.');
    }
  }
  // A common name that is one of a host is a name too: nobody reads common names any more.
  const own = isIpLiteral(commonName) || commonName.includes('.') ? identifierOf(commonName) : undefined;
  if (own?.type === 'dns' && !names.dnsNames.includes(own.value)) names.dnsNames.unshift(own.value);
  if (own?.type === 'ip' && !names.addresses.includes(own.value)) names.addresses.unshift(own.value);
  return isBad ? undefined : { commonName, ...names };
}

const methods = ['token', 'tokenFile', 'approle', 'kubernetes', 'cert'] as const;

function readLogin(
  shape: z.output<typeof authShape> | undefined,
  around: Cursor,
  problems: ProblemList,
): VaultLogin | undefined {
  const at = around.down('auth');
  const [method, other] = methods.filter((name) => at.has(name));
  if (shape === undefined || method === undefined || other !== undefined) {
    if (!around.isBroken('auth') && !around.isEmpty('auth'))
      problems.error(
        other === undefined ? 'missing_key' : 'contradiction',
        other === undefined ? around.place : at.keyPlace(other),
        other === undefined ? 'vault has no `auth`' : `both ${method} and ${other} are given`,
        `Give one of ${methods.join(', ')}.`,
      );
    return undefined;
  }
  if (method === 'token' || method === 'tokenFile') {
    const token = readSecret(shape, at, ['token', 'tokenFile'], problems);
    return token && { method: 'token', token };
  }
  reportEmpty(at, method, problems);
  const here = at.down(method);
  const needed = (name: string, value: string | undefined): string | undefined => {
    if ((value === undefined || value === '') && !here.isBroken(name))
      problems.error('missing_key', here.place, `${method} has no \`${name}\``, vaultExample);
    return value === '' ? undefined : value;
  };
  if (method === 'approle' && shape.approle !== undefined) {
    const { roleId: written, mount } = shape.approle;
    const roleId = needed('roleId', written);
    const secretId = readSecret(shape.approle, here, ['secretId', 'secretIdFile'], problems);
    const path = readPath(mount, here, problems);
    return roleId === undefined || secretId === undefined || path === undefined
      ? undefined
      : { method, mount: path, roleId, secretId };
  }
  if (method === 'kubernetes' && shape.kubernetes !== undefined) {
    const { role: written, tokenFile, mount } = shape.kubernetes;
    const role = needed('role', written);
    const path = readPath(mount, here, problems);
    return role === undefined || path === undefined
      ? undefined
      : { method, mount: path, role, jwt: { path: refTo(tokenFile, here.down('tokenFile')).path } };
  }
  if (method === 'cert' && shape.cert !== undefined) {
    const { name, mount } = shape.cert;
    needed('cert', shape.cert.cert);
    needed('key', shape.cert.key);
    const cert = readMaterialText(shape.cert.cert, here, 'cert', problems);
    const key = readMaterialText(shape.cert.key, here, 'key', problems);
    const path = readPath(mount, here, problems);
    return cert === undefined || key === undefined || path === undefined
      ? undefined
      : { method, mount: path, name, cert, key };
  }
  return undefined;
}
