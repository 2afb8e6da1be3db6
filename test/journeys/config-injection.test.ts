// Incident 22: text in the configuration stays text: what would mean something in a header, a log line, a cipher list or
// a metric is refused with its place, or comes out as the harmless text that it is.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startGateway, StartFailure } from '../support/gateway.ts';
import { curl } from '../support/curl.ts';
import { openSetup } from '../support/mtls-setup.ts';

const refused: readonly {
  readonly what: string;
  readonly tls?: string;
  readonly route?: string;
  readonly says: RegExp;
}[] = [
  {
    what: 'a cipher list with operators',
    tls: 'cipherSuites: ["DEFAULT:@SECLEVEL=0"]',
    says: /not the name of one algorithm/,
  },
  { what: 'a curve list', tls: 'curves: ["P-256:X25519"]', says: /not the name of one algorithm/ },
  {
    what: 'a rewrite that ends the request line',
    route: 'rewrite: "/x HTTP/1.1\\r\\nX-Admin: 1"',
    says: /a control character/,
  },
  {
    what: 'a server name with a line break',
    route: 'security: {tls: {serverName: "a\\r\\nb"}}',
    says: /hostname|host name|character/,
  },
  {
    what: 'a custom field name with a line break',
    route: 'security: {forwardClientCert: {custom: [{name: "X-A\\r\\nX-B", value: subject}]}}',
    says: /not the name of a field/,
  },
  {
    what: 'a route name with a line break',
    route: 'x-note: ""\n    - {name: "a\\nb", path: /, target: "http://a"}',
    says: /control characters/,
  },
  { what: 'a host with a line break', route: 'hosts: ["a.test\\r\\nX: y"]', says: /hostname|host name|character/ },
];

const yaml = (tls: string, route: string): string => `gateway:
  tls:
    ${tls === '' ? '{}' : tls}
  routes:
    - name: api
      path: /
      target: http://127.0.0.1:1
      ${route}
`;

describe('the configuration', () => {
  for (const { what, tls = '', route = '', says } of refused) {
    it(`does not take ${what}`, async () => {
      await assert.rejects(startGateway({ yaml: yaml(tls, route) }), (error) => {
        if (!(error instanceof StartFailure)) throw error;
        assert.match(error.message, /gateway\.yml:\d+:\d+/);
        assert.match(error.message, says);
        return true;
      });
    });
  }

  it('keeps names and messages what they are in answers, logs and metrics', async () => {
    const name = 'a"} 1 {b="\\\\';
    await using setup = await openSetup({
      clientAuth: '',
      gateway: '  accessLog: {enabled: true, path: access.log}',
      target: 'http://127.0.0.1:1',
      route: `      maintenance: {enabled: true, statusCode: 503, message: "a\\r\\nX-Injected: 1\\r\\n\\r\\n<b>"}
    - name: "${name.replaceAll('"', '\\"')}"
      path: /odd
      target: http://127.0.0.1:1
      maintenance: {enabled: true}`,
    });
    const { gateway, pki } = setup;
    const call = async (path: string) =>
      curl(`https://localhost:${gateway.ports.webSecure}${path}`, { ca: pki.servers.file });
    const answer = await call('/');
    assert.equal(answer.status, 503);
    assert.equal(answer.headers['x-injected'], undefined);
    assert.equal((await call('/odd')).status, 503);
    const page = (await gateway.admin('/metrics')).body;
    assert.doesNotMatch(page, /^countersign_workers 99/m);
    assert.equal(await setup.metric('countersign_workers'), 1);
  });
});
