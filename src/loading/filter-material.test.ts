// What middlewares point to: what cannot be used is told where it is named, once, and no message holds a secret.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { mintCa } from '../certs/test-ca.ts';
import { parseConfig } from '../config/parse-config.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { jwkOf, pemOf } from '../../test/support/tokens.ts';
import { readMaterialFile } from '../certs/material.ts';
import { FilterMaterials } from './filter-material.ts';
import { MaterialLoader } from './material-loader.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

async function load(rule: string, files: Readonly<Record<string, string>> = {}) {
  using dir = openTempDir('material');
  for (const [name, text] of Object.entries(files)) dir.write(name, text);
  const text = `gateway:
  routes:
    - {name: a, path: /a, target: "https://a:1", middlewares: [m]}
    - {name: b, path: /b, target: "https://a:1", middlewares: [m]}
middlewares: [{name: m, ${rule}}]
`;
  const { config, problems } = parseConfig({ file: dir.file('gw.yml'), text, extra: [], env: {}, strict: true });
  assert.ok(config, problems.map(({ message }) => message).join('\n'));
  const loader = new MaterialLoader({ readMaterial: readMaterialFile }, Date.now());
  const expiries: string[] = [];
  const materials = new FilterMaterials(loader, {
    onAnchors: () => void expiries.push('anchors'),
    onClientPair: () => void expiries.push('pair'),
  });
  const found = [];
  for (const { filters } of config.routes) found.push(...(await materials.load(filters)));
  assert.equal(found[0], found[1], 'read once for all routes');
  const told = loader.problems.map(({ severity, code, message }) =>
    `${severity} ${code}: ${message}`.replaceAll(`${dir.path}/`, ''),
  );
  return {
    material: found[0] ?? {},
    told,
    expiries,
    watched: [...loader.paths].map((path) => path.replace(`${dir.path}/`, '')),
  };
}

describe('a file of users', () => {
  const rule = 'type: basicAuth, rule: {usersFile: people}';

  it('is read and watched; plain passwords in it are a warning that names who', async () => {
    const { material, told, watched } = await load(rule, {
      people: 'ann:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=\nbob:hunter2\n',
    });
    assert.match(material.users ?? '', /^ann:/);
    assert.deepEqual(told, ['warning plain_password: people: passwords stand there as plain text (user bob)']);
    assert.deepEqual(watched, ['people']);
  });

  it('that is not there, is empty or holds what cannot be checked is an error', async () => {
    for (const [people, expected] of [
      [undefined, /^error users_unreadable: people does not exist/],
      ['# nobody\n', /^error no_users: people holds no user/],
      ['ann:$apr1$hunter2$hunter2\n', /^error bad_user: people, line 1: user ann: passwords in the form \$apr1\$/],
    ] as const) {
      const { told } = await load(rule, people === undefined ? {} : { people });
      assert.match(told[0] ?? '', expected);
      assert.doesNotMatch(told.join('\n'), /hunter2/);
    }
  });

  it('must not name whom the rule names too', async () => {
    const { told } = await load('type: basicAuth, rule: {usersFile: people, users: ["ann:x"]}', {
      people: 'ann:{SHA}0DPiKuNIrrVmD8IUCuw1hQxNqZc=\n',
    });
    assert.deepEqual(told, ['error duplicate_name: people: user ann stands in users too']);
  });
});

describe('keys of tokens', () => {
  const rule = (keys: string): string => `type: jwtAuth, rule: {${keys}, issuer: a, audience: b}`;
  const set = JSON.stringify({ keys: [jwkOf(rsa.publicKey, { kid: 'a' }), { kty: 'oct', k: 'hunter2' }] });

  it('come from a public key, a certificate or a set', async () => {
    const { certPem } = await mintCa({ subject: '/CN=issuer' });
    for (const [keys, files, told] of [
      ['publicKey: key.pem', { 'key.pem': pemOf(rsa.publicKey) }, []],
      ['publicKey: cert.pem', { 'cert.pem': certPem }, []],
      [
        'jwksFile: set.json',
        { 'set.json': set },
        ['warning unused_key: set.json: key 2 is of another kind than RSA, EC or OKP'],
      ],
      [`jwks: {file: '${JSON.stringify(jwkOf(rsa.publicKey))}'}`, {}, []],
    ] as const) {
      const { material, told: found } = await load(rule(keys), files);
      assert.deepEqual(found, told, keys);
      assert.notEqual(material.keys, undefined, keys);
    }
  });

  it('that verify nothing are an error', async () => {
    for (const [text, expected] of [
      [rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }), /it holds a private key/],
      [pemOf(weak.publicKey), /a key has 1024 bits, fewer than 2048/],
      ['{"keys": []}', /it holds no key that verifies signatures$/],
      ['{"keys": [{"kty": "oct", "k": "hunter2"}]}', /key 1 is of another kind/],
      ['{', /it is no JSON/],
      ['hello', /neither a public key nor a certificate/],
    ] as const) {
      const { told } = await load(rule('jwksFile: keys'), { keys: text });
      assert.equal(told.length, 1);
      assert.match(told[0] ?? '', /^error bad_keys: keys verifies no token: /);
      assert.match(told[0] ?? '', expected);
      assert.doesNotMatch(told[0] ?? '', /hunter2|BEGIN/);
    }
  });

  it('behind a URL are verified by CAs of their own where some are given', async () => {
    const { certPem } = await mintCa({ subject: '/CN=keys' });
    const { material, expiries } = await load(rule('jwks: {url: "https://a.test/", ca: ca.pem}'), {
      'ca.pem': certPem,
    });
    assert.match(material.cas ?? '', /BEGIN CERTIFICATE/);
    assert.deepEqual(expiries, ['anchors']);
    assert.match(
      (await load(rule('jwks: {url: "https://a.test/", ca: ca.pem}'))).told[0] ?? '',
      /^error file_missing: ca\.pem/,
    );
  });
});

it('What an authentication service is shown is checked as what backends are shown', async () => {
  const ca = await mintCa({ subject: '/CN=ours' });
  const { certPem, keyPem } = await ca.issue({ kind: 'client', cn: 'gateway' });
  const rule =
    'type: forwardAuth, rule: {authUrl: "https://a.test/", tls: {rootCAs: ca.pem, clientCert: c.pem, clientKey: k.pem}}';
  const { material, told, expiries } = await load(rule, { 'ca.pem': ca.certPem, 'c.pem': certPem, 'k.pem': keyPem });
  assert.deepEqual([told, expiries], [[], ['anchors', 'pair']]);
  assert.match(material.pair?.keyPem ?? '', /PRIVATE KEY/);
  const { keyPem: other } = await ca.issue({ kind: 'client', cn: 'other' });
  const wrong = await load(rule, { 'ca.pem': ca.certPem, 'c.pem': certPem, 'k.pem': other });
  assert.match(wrong.told[0] ?? '', /^error /);
});
