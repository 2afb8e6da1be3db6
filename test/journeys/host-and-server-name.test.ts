// Every server name against every Host (incident 3): a request is served only where both belong to one policy, whatever
// spelling either has; a connection without a name is the default policy's, and reaches nothing of the others.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Gateway, startGateway } from '../support/gateway.ts';
import { type Nginx, startNginx } from '../support/nginx.ts';
import { sClient } from '../support/openssl.ts';
import { openPki, type Pki } from '../support/pki.ts';
import { askRaw, type RawAnswer } from '../support/raw-request.ts';

const stack = new AsyncDisposableStack();
after(() => stack.disposeAsync());
let pki: Pki;
let nginx: Nginx;
let gateway: Gateway;

/** The policy of each server name that a client may send; '' for none at all. */
const serverNames: readonly (readonly [string, policy: string])[] = [
  ['a.test', 'a'],
  ['A.Test', 'a'],
  ['a.test.', 'a'],
  ['x.wild.test', 'a'],
  ['deep.er.WILD.test.', 'a'],
  ['b.test', 'b'],
  ['xn--bcher-kva.test', 'b'],
  ['XN--BCHER-KVA.test.', 'b'],
  ['open.test', 'open'],
  ['', 'open'],
  ['nobody.test', 'open'],
  ['wild.test', 'open'],
  ['b.test.a.test', 'open'],
];

/** A head as text, and the policy of its host; '' where it names none, which is refused as a bad request. */
const heads: readonly (readonly [string, policy: string])[] = [
  ['/x HTTP/1.1\r\nHost: a.test', 'a'],
  ['/x HTTP/1.1\r\nHost: A.TEST.', 'a'],
  ['/x HTTP/1.1\r\nHost: a.test:443', 'a'],
  ['/x HTTP/1.1\r\nhost:a.test.:8443', 'a'],
  ['/x HTTP/1.1\r\nHost: y.wild.test', 'a'],
  ['/x HTTP/1.1\r\nHost: very.deep.Wild.test', 'a'],
  ['/x HTTP/1.1\r\nHost: b.test', 'b'],
  ['/x HTTP/1.1\r\nHost: b.TEST.:1', 'b'],
  ['/x HTTP/1.1\r\nHost: xn--bcher-kva.test', 'b'],
  ['/x HTTP/1.1\r\nHost: Xn--Bcher-Kva.Test', 'b'],
  ['/x HTTP/1.1\r\nHost: open.test', 'open'],
  ['/x HTTP/1.1\r\nHost: nobody.test', 'open'],
  ['/x HTTP/1.1\r\nHost: wild.test', 'open'],
  ['/x HTTP/1.1\r\nHost: a.test.b.test.nobody', 'open'],
  ['/x HTTP/1.1\r\nHost: 127.0.0.1', 'open'],
  ['/x HTTP/1.1\r\nHost: [::1]:8443', 'open'],
  ['https://b.test/x HTTP/1.1\r\nHost: b.test', 'b'],
  // What an absolute target names counts, and a Host that says something else is at best ignored.
  ['https://b.test/x HTTP/1.1\r\nHost: a.test', 'b or refused'],
  ['https://a.test/x HTTP/1.1\r\nHost: open.test', 'a or refused'],
  ['https://a.test@b.test/x HTTP/1.1\r\nHost: b.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test\r\nHost: b.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test\r\nHost: a.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test@b.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test, b.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test b.test', ''],
  ['/x HTTP/1.1\r\nHost: a.test/', ''],
  ['/x HTTP/1.1\r\nHost: a.test:b', ''],
  ['/x HTTP/1.1\r\nHost: b\u00fccher.test', ''],
  ['/x HTTP/1.1', ''],
];

const LEG2 = 'security: {tls: {rootCAs: internal-ca.crt, clientCert: gateway.crt, clientKey: gateway.key}}';

before(async () => {
  pki = stack.use(await openPki());
  nginx = stack.use(await startNginx({ tls: pki.backend, clientCa: pki.internal.file }));
  const sans = ['a.test', 'b.test', 'open.test', '*.wild.test', 'xn--bcher-kva.test'];
  await pki.servers.issueFiles('names', { kind: 'server', sans });
  gateway = stack.use(
    await startGateway({
      dir: pki.dir,
      yaml: `version: 2
gateway:
  accessLog: {enabled: false}
  tls:
    certificates: [{cert: names.crt, key: names.key}]
    defaultPolicy: open
    policies:
      - {name: a, hosts: [a.test, "*.wild.test"], clientAuth: {clientCA: clients-ca.crt, required: true}}
      - {name: b, hosts: [b.test, xn--bcher-kva.test], clientAuth: {clientCA: clients-ca.crt, required: true}}
      - {name: open, hosts: [open.test]}
  routes:
    - {name: a, path: /, hosts: [a.test, "*.wild.test"], target: "https://localhost:${nginx.port}/for-a", ${LEG2}}
    - {name: b, path: /, hosts: [b.test, xn--bcher-kva.test], target: "https://localhost:${nginx.port}/for-b", ${LEG2}}
    - {name: open, path: /, target: "https://localhost:${nginx.port}/for-open", ${LEG2}}
`,
    }),
  );
});

/** As a client whose certificate is good for every policy: nothing but the name stands between it and another policy. */
async function ask(serverName: string, head: string): Promise<RawAnswer> {
  return askRaw({
    port: gateway.ports.webSecure,
    servername: serverName === '' ? false : serverName,
    as: pki.alice,
    request: requestOf(head),
  });
}

/** As `ask`, by openssl, which sends any name. */
async function askByOpenssl(servername: string, head: string): Promise<RawAnswer> {
  const { cert, key } = pki.alice;
  return sClient({ port: gateway.ports.webSecure, servername, cert, key, request: requestOf(head) });
}

const requestOf = (head: string): string =>
  Buffer.from(`GET ${head}\r\nConnection: close\r\n\r\n`, 'utf8').toString('latin1');

describe('a connection made for', () => {
  for (const [serverName, own] of serverNames) {
    it(`${serverName === '' ? 'no name' : serverName} (policy ${own}) reaches what belongs to that policy and nothing else`, async () => {
      const check = async ([head, policy]: (typeof heads)[number]): Promise<void> => {
        const { status, response, output } = await ask(serverName, head);
        const served = /request_uri: \/for-(\w+)\//.exec(response)?.[1];
        const shown = `${serverName} × ${JSON.stringify(head)}\n${output}`;
        if (policy === own) assert.deepEqual([status, served], [200, own], shown);
        else if (policy === '') assert.deepEqual([status, served], [400, undefined], shown);
        else if (policy.endsWith(' or refused')) assert.ok(served === undefined || policy.startsWith(`${own} `), shown);
        else assert.deepEqual([status, served], [421, undefined], shown);
      };
      await Promise.all(heads.map(check));
    });
  }

  it('an IP address is as good as no name', async () => {
    for (const name of ['127.0.0.1', '::1']) {
      assert.equal((await askByOpenssl(name, '/x HTTP/1.1\r\nHost: a.test')).status, 421);
      assert.equal((await askByOpenssl(name, '/x HTTP/1.1\r\nHost: open.test')).status, 200);
    }
  });

  it('one policy does not become that of another by asking twice', async () => {
    const both =
      '/x HTTP/1.1\r\nHost: a.test\r\n\r\nGET /x HTTP/1.1\r\nHost: b.test\r\n\r\nGET /x HTTP/1.1\r\nHost: a.test';
    const { response } = await ask('a.test', both);
    assert.match(response, /for-a/);
    assert.match(response, /421/);
    assert.doesNotMatch(response, /for-b/);
    assert.equal(response.split('for-a').length, 2, 'after the 421 nothing more is answered');
  });
});
