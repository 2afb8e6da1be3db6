// `allowedSANs` as an operator writes it, against real certificates of each kind: who is let in, who is not, and why not
// (incidents 7, 8, 9, 10 and 11).
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { encodeDer } from '../../src/asn1/der-writer.ts';
import type { San } from '../../src/certs/facts.ts';
import type { Issued, LeafOptions } from '../../src/certs/test-ca.ts';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { openPki, type Pki } from '../support/pki.ts';

type Row = {
  /** Name of the policy and first label of its host. */
  readonly name: string;
  readonly rules: string;
  readonly admitted: readonly (readonly (string | San)[])[];
  readonly refused: readonly (readonly (string | San)[])[];
};

const upn = '1.3.6.1.4.1.311.20.2.3';
const other = (value: string): San => ({ type: 'OTHER_NAME', value });
const dns = (value: string): San => ({ type: 'DNS', value });

const rows: readonly Row[] = [
  {
    name: 'dns-exact',
    rules: '[{type: DNS, exact: api.example.com}]',
    admitted: [['api.example.com'], ['API.Example.com'], ['*.example.com'], ['other.test', 'api.example.com']],
    refused: [
      [],
      ['URI:api.example.com'],
      ['EMAIL:api.example.com'],
      [other('api.example.com')],
      ['x.api.example.com'],
      ['*.api.example.com'],
      ['*.com'],
      ['*'],
      ['a*.example.com'],
      ['*.*.com'],
      [dns('api.example.com.')],
      [dns('evil.test, DNS:api.example.com')],
      [dns('api.example.com/')],
    ],
  },
  {
    name: 'dns-wildcard',
    rules: '[{type: DNS, exact: "*.internal.corp"}]',
    admitted: [['*.internal.corp'], ['*.Internal.Corp']],
    refused: [['a.internal.corp'], ['internal.corp'], ['*.corp'], ['*.a.internal.corp']],
  },
  {
    name: 'dns-suffix',
    rules: '[{type: DNS, suffix: .internal.corp}]',
    admitted: [['a.internal.corp'], ['a.b.internal.corp'], ['*.internal.corp']],
    refused: [['internal.corp'], ['a.internal.corp.evil.test'], ['xinternal.corp'], ['URI:https://a.internal.corp']],
  },
  {
    name: 'dns-regex',
    rules: "[{type: DNS, regex: 'web-[0-9]+\\.example\\.com'}]",
    admitted: [['web-1.example.com'], ['WEB-12.example.com']],
    refused: [['web-.example.com'], ['xweb-1.example.com'], ['web-1.example.com.evil.test'], ['web-1xexample.com']],
  },
  {
    name: 'uri-prefix',
    rules: '[{type: URI, prefix: "spiffe://example.org/ns/prod/"}]',
    admitted: [['spiffe://example.org/ns/prod/api'], ['https://x.test/', 'spiffe://example.org/ns/prod/api']],
    refused: [
      ['spiffe://example.org/ns/production'],
      ['SPIFFE://example.org/ns/prod/api'],
      ['DNS:spiffe://example.org/ns/prod/api'],
    ],
  },
  {
    name: 'uri-contains',
    rules: '[{type: URI, contains: /Prod/, ignoreCase: true}]',
    admitted: [['https://x.test/prod/y'], ['https://x.test/PROD/y']],
    refused: [['https://x.test/prod']],
  },
  {
    name: 'email',
    rules: '[{type: EMAIL, exact: alice@example.com}, {type: EMAIL, suffix: "@ops.example.com", ignoreCase: true}]',
    admitted: [['alice@example.com'], ['Bob@OPS.example.com']],
    refused: [
      ['Alice@example.com'],
      ['bob@xops.example.com.test'],
      ['URI:alice@example.com'],
      ['DNS:alice@example.com'],
    ],
  },
  {
    name: 'ip',
    rules: '[{type: IP, exact: 10.0.0.1}, {type: IP, exact: "2001:DB8:0::1"}]',
    admitted: [['10.0.0.1'], ['2001:db8::1']],
    refused: [['10.0.0.10'], ['2001:db8::2'], ['DNS:10.0.0.1'], ['::ffff:10.0.0.1']],
  },
  {
    name: 'other-name',
    rules: `[{type: OTHER_NAME, oid: ${upn}, suffix: "@corp.example.com"}]`,
    admitted: [[other('alice@corp.example.com')]],
    refused: [[other('alice@corp.example.org')], ['alice@corp.example.com'], [other('alice@corp.example.com.evil')]],
  },
  {
    name: 'other-oid',
    rules: '[{type: OTHER_NAME, oid: 1.3.6.1.4.1.99999.1, exact: alice}]',
    admitted: [],
    refused: [[other('alice')]],
  },
];

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;
let files = 0;

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx());
  await pki.servers.issueFiles('names', { kind: 'server', sans: ['*.rule.test'] });
  const policies = [...rows, { name: 'any', rules: '' }].map(({ name, rules }) => {
    const allowed = rules === '' ? '' : `, allowedSANs: ${rules}`;
    return `      - {name: ${name}, hosts: [${name}.rule.test], clientAuth: {clientCA: clients-ca.crt, onFailure: explain${allowed}}}`;
  });
  gateway = stack.use(
    await startGateway({
      dir: pki.dir,
      yaml: `version: 2
gateway:
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    policies:
${policies.join('\n')}
  routes:
    - {name: all, path: /, hosts: ["*.rule.test"], target: "http://127.0.0.1:${nginx.port}"}
`,
    }),
  );
});

type Ending = { readonly code: string; readonly response: string };

/** Shows a certificate to the policy; the code in which it ended, `ok` where the backend answered. */
async function show(policy: string, who: Issued, sent: readonly Issued[] = []): Promise<Ending> {
  files += 1;
  const { status, response, output } = await sClient({
    port: gateway.ports.webSecure,
    servername: `${policy}.rule.test`,
    cert: pki.dir.write(`${files}.crt`, who.certPem),
    key: pki.dir.write(`${files}.key`, who.keyPem),
    ...(sent.length > 0 && { chain: pki.dir.write(`${files}-chain.crt`, sent.map(({ certPem }) => certPem).join('')) }),
    args: ['-cipher', 'DEFAULT@SECLEVEL=0'],
  });
  if (status === 200) return { code: 'ok', response };
  assert.equal(status, 403, output);
  return { code: /"code":"(\w+)"/.exec(response)?.[1] ?? '', response };
}

/** The common name says what every rule would like to hear: it must not matter. */
const client = async (sans: readonly (string | San)[], more: Partial<LeafOptions> = {}): Promise<Issued> =>
  pki.clients.issue({ kind: 'client', cn: 'api.example.com', sans, ...more });

for (const { name, rules, admitted, refused } of rows) {
  describe(`allowedSANs: ${rules}`, () => {
    it('admits who carries such a name', async () => {
      for (const sans of admitted)
        assert.equal((await show(name, await client(sans))).code, 'ok', JSON.stringify(sans));
    });

    it('refuses everybody else, and tells the client no more than that', async () => {
      for (const sans of refused) {
        const { code, response } = await show(name, await client(sans));
        assert.equal(code, 'name_mismatch', JSON.stringify(sans));
        assert.doesNotMatch(response, /allowed|internal\.corp|spiffe:/);
      }
    });
  });
}

describe('the log', () => {
  it('says which names were presented, which are allowed, and that a common name does not count by itself', async () => {
    const from = gateway.log.length;
    await show('dns-exact', await client(['other.test']));
    const refusals = gateway.log.items.filter(({ code }) => code === 'name_mismatch');
    // Repeated failures of one address are counted, not repeated: the first one of this file may be an earlier test's.
    const line = refusals[0] ?? (await gateway.waitForLog(({ code }) => code === 'name_mismatch', { from }));
    assert.match(String(line['detail']), /^it carries .*; allowed: DNS exact "api\.example\.com"/);
    assert.match(String(line['detail']), /a common name does not count by itself/);
  });
});

describe('a name that lies about its end', () => {
  const tricks: San[] = [
    { type: 'DNS', value: 'api.example.com\0.evil.test' },
    { type: 'DNS', value: 'api.example.com\r\nX: y' },
    { type: 'DNS', value: 'b\u00fccher.test' },
    { type: 'URI', value: 'spiffe://example.org/ns/prod/\0' },
    { type: 'URI', value: 'https://x.test/prod/\u001b[31m' },
    { type: 'EMAIL', value: 'alice@example.com\0@evil.test' },
    { type: 'EMAIL', value: 'alice@example.com\n' },
    { type: 'OTHER_NAME', value: 'alice@corp.example.com\0' },
    { type: 'OTHER_NAME', value: 'alice\u007f@corp.example.com' },
    { type: 'DNS', value: '' },
    { type: 'URI', value: `spiffe://example.org/ns/prod/${'x'.repeat(2048)}` },
  ];
  it('makes the whole certificate malformed, whatever its other names say, and leaves no trace in the log', async () => {
    for (const trick of tricks) {
      const good = ['api.example.com', 'spiffe://example.org/ns/prod/a', 'alice@example.com'];
      for (const policy of ['any', 'dns-exact', 'uri-prefix', 'email']) {
        const { code } = await show(policy, await client([...good, trick]));
        assert.equal(code, 'malformed_cert', JSON.stringify(trick));
      }
    }
    const line = await gateway.waitForLog(({ code }) => code === 'malformed_cert');
    assert.match(JSON.stringify(line), /^[\x20-\x7e…]*$/);
  });
});

// Node has no name for a violated name constraint: such a certificate is `malformed_cert` here.
describe('what a CA may not do, OpenSSL and we refuse together', () => {
  const rowsOf = async (): Promise<
    readonly (readonly [string, Issued, readonly Issued[], codes: readonly string[]])[]
  > => {
    const { clients } = pki;
    const leaf = { kind: 'client', cn: 'x' } as const;
    const notCa = { oid: '2.5.29.19', critical: true, value: encodeDer(0x30) };
    const leafAsCa = await clients.issueCa({ cn: 'leaf as CA', extensions: [notCa] });
    const short = await clients.issueCa({ cn: 'path length 0', pathLength: 0 });
    const below = await short.issueCa({ cn: 'one too many' });
    const serversOnly = { oid: '2.5.29.37', value: encodeDer(0x30, Buffer.from('06082b06010505070301', 'hex')) };
    const limited = await clients.issueCa({ cn: 'for servers', extensions: [serversOnly] });
    // permittedSubtrees: dNSName a.test
    const base = encodeDer(0x30, encodeDer(0x82, Buffer.from('a.test')));
    const constraints = encodeDer(0x30, encodeDer(0xa0, base));
    const constrained = await clients.issueCa({
      cn: 'constrained',
      extensions: [{ oid: '2.5.29.30', critical: true, value: constraints }],
    });
    return [
      ['a leaf that issues', await leafAsCa.issue(leaf), [leafAsCa], ['untrusted_issuer']],
      ['a CA below a path length of 0', await below.issue(leaf), [below, short], ['chain_too_deep']],
      ['a CA for servers', await limited.issue(leaf), [limited], ['wrong_purpose']],
      [
        'a name outside of the constraints',
        await constrained.issue({ ...leaf, sans: ['b.test'] }),
        [constrained],
        ['name_mismatch'],
      ],
      [
        'a name within the constraints',
        await constrained.issue({ ...leaf, sans: ['x.a.test'] }),
        [constrained],
        ['ok'],
      ],
      ['a certificate for servers', await clients.issue({ ...leaf, kind: 'server' }), [], ['wrong_purpose']],
      ['a signature with SHA-1', await clients.issue({ ...leaf, hash: 'sha1' }), [], ['weak_key']],
      ['RSA of 1,024 bits', await clients.issue({ ...leaf, key: 'rsa-1024' }), [], ['weak_key']],
    ];
  };
  it('and each for its own reason', async () => {
    for (const [what, who, sent, codes] of await rowsOf()) {
      const { code } = await show('any', who, sent);
      assert.ok(codes.includes(code), `${what}: ${code}`);
    }
  });
});
