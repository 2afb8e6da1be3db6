import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FieldNames, Fields } from '../http/field.ts';
import { StripList } from './strip-list.ts';

const names = new FieldNames();

function fields(...pairs: [string, string][]): Fields {
  const out = new Fields();
  for (const [name, value] of pairs) {
    const interned = names.find(name);
    assert.ok(interned);
    out.push(interned, value);
  }
  return out;
}

/** Those of the names that pass. */
function passing(list: StripList, given: readonly string[], trusted = false): string[] {
  return list.strip(fields(...given.map((name): [string, string] => [name, 'x'])), trusted).names.map(({ raw }) => raw);
}

const forgeries = [
  'X-Forwarded-Client-Cert',
  'x_forwarded_client_cert',
  'X-Forwarded_Client-CERT',
  'X.Forwarded.Client.Cert',
  'X+Forwarded+Client~Cert',
  'Client-Cert',
  'Client.Cert',
  'Client_Cert_Chain',
  'X-Client-Cert',
  'X-Client-Cert-Subject',
  'X-Client-Certificate',
  'X-SSL-Client-Verify',
  'SSL.Client.Verify',
  'X_SSL_CLIENT_S_DN',
  'X-SSL-Cert',
  'X-SSL',
  'X-SSL-CN',
  'X-SSL-Client',
  'X-SSL-Subject',
  'X_SSL_ISSUER',
  'X-ClientCert',
  'SSLClientCertSubject',
  'WL-Proxy-Client-Cert',
  'wl_proxy_ssl',
  '$WSCC',
  '_wsru',
  'Cf-Client-Cert-Sha256',
  'X-TLS-Client-Subject',
  'X-Forwarded-Tls-Client-Cert',
  'X-Forwarded-Tls-Client-Cert-Info',
  'SSL-Client-Cert',
  'ssl_client_s_dn',
  'X-ARR-ClientCert',
  'X-Amzn-Mtls-Clientcert-Leaf',
  'L5d-Client-Id',
  'X-Remote-User',
  'X-Remote-Group',
  'X-Remote-Extra-Scopes',
  'X-Remote-Extra-acme.com%2Fproject',
  'Impersonate-User',
  'Impersonate-Extra-x',
  'Remote-User',
  'REMOTE|GROUPS',
  'X-Forwarded-User',
  'X-Forwarded-Email',
  'X-Forwarded-Groups',
  'X-Forwarded-Preferred-Username',
  'X-Auth-Request-User',
  'X-WEBAUTH-USER',
  'X-Consumer-Username',
  'X-ProxiedEntitiesChain',
  'X-Real-IP',
  'X-Forwarded-For',
  'x_forwarded_proto',
  'X-Forwarded-Host',
  'X!Forwarded#Port',
  'Forwarded',
  'X-Request-ID',
  'Proxy',
  'X-Original-URL',
  'X-Rewrite-URL',
  'X-HTTP-Method-Override',
  'X`HTTP`Method',
  'Script_Name',
];

for (const name of forgeries) {
  test(`A client's ${name} does not pass`, () => {
    const stripped = new StripList().strip(fields(['Accept', '*/*'], [name, 'forged'], [name, 'again'], ['Via', 'x']));
    assert.deepEqual(
      stripped.names.map((one) => one.raw),
      ['Accept', 'Via'],
    );
    assert.deepEqual(stripped.values, ['*/*', 'x']);
  });
}

test('Fields that only look alike pass, and the same object comes back', () => {
  const given = fields(
    ['Client', 'a'],
    ['X-Client', 'b'],
    ['SSL', 'c'],
    ['Traceparent', 'd'],
    ['Authorization', 'e'],
    ['__proto__', 'f'],
    ['XForwardedFor', 'g'],
    ['X--Forwarded-For', 'h'],
    ['Not-X-Real-IP', 'i'],
    ['X-Forward', 'j'],
    ['X-Remote', 'k'],
    ['Remote', 'l'],
  );
  assert.equal(new StripList().strip(given), given);
  assert.equal(new StripList().strip(given, true), given);
});

describe('Names that the configuration sets', () => {
  test('are stripped in every spelling, even where they end in a star', () => {
    const list = new StripList({ set: ['X-Caller_Subject', 'X-Star*'] });
    const spellings = ['x_caller-SUBJECT', 'X.Caller.Subject', 'X*Caller|Subject', 'x-star_', 'X-Star*'];
    assert.deepEqual(passing(list, [...spellings, 'X-Star-Light']), ['X-Star-Light']);
    assert.deepEqual(passing(new StripList(), spellings), spellings);
  });

  test('are stripped though a trusted proxy may send all of their family', () => {
    const list = new StripList({ set: ['X-Own-Subject'], trusted: ['X-Own-*', 'X-Forwarded-*'] });
    const given = ['X-Own-Subject', 'X-Own-Other', 'X-Forwarded-For', 'X-Forwarded-Client-Cert', 'X-Forwarded-Prefix'];
    assert.deepEqual(passing(list, given, true), ['X-Own-Other', 'X-Forwarded-Prefix']);
    assert.deepEqual(passing(list, given, false), []);
  });
});

describe('What trusted proxies may say', () => {
  const list = new StripList({ trusted: ['X-Forwarded-User', 'X-Auth-Request-*', 'X-Own-User', 'X-Remote-Extra-a.b'] });

  test('passes from them in the spelling of the configuration, and from nobody else', () => {
    const said = ['X-Forwarded-User', 'x-forwarded-USER', 'X-Auth-Request-Email', 'X-Own-User', 'X-Remote-Extra-A.B'];
    assert.deepEqual(passing(list, said, true), said);
    assert.deepEqual(passing(list, said), []);
  });

  test('does not pass from them in the spelling of a client behind them', () => {
    const behind = [
      'X.Forwarded.User',
      'X_Auth_Request_Email',
      'X-Auth-Request-Em.ail',
      'X_Own_User',
      'X-Remote-Extra-a-b',
    ];
    assert.deepEqual(passing(list, behind, true), []);
  });

  test('is what is listed only', () => {
    assert.deepEqual(passing(list, ['Remote-User', 'X-Forwarded-Email', 'Client-Cert'], true), []);
  });
});

test('An override that is allowed passes from everybody, in its own spelling', () => {
  const list = new StripList({ allowed: ['X-HTTP-Method-Override'] });
  const given = ['x-http-method-override', 'X_HTTP_Method_Override', 'X-HTTP-Method', 'X-Original-URL'];
  assert.deepEqual(passing(list, given), ['x-http-method-override']);
});

test('However many names a client invents, the answer stays right', () => {
  for (const list of [new StripList(), new StripList({ set: ['X-Caller'] })]) {
    for (let i = 0; i < 6000; i++) assert.equal(list.strip(fields([`X-N${i}`, ''])).length, 1);
    for (let i = 0; i < 20; i++) assert.equal(list.strip(fields([`X-Client-Cert-${i}`, ''])).length, 0);
    assert.equal(
      list.strip(fields(['X.Caller', ''])).length,
      list.takes(names.find('X-Caller') ?? assert.fail()) ? 0 : 1,
    );
  }
});
