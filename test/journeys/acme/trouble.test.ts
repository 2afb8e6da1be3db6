// What a gateway makes of an ACME server in trouble: the certificate in use stays, the log says why there is no other, and it is asked again.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { AcmeClient } from '../../../src/acme/client.ts';
import { readAccountKey } from '../../../src/acme/jws.ts';
import { systemClock } from '../../../src/base/clock.ts';
import { askBy } from '../../../src/base/exchange.ts';
import { acmeError, type AcmeFront, suggestRenewal } from '../../support/acme-front.ts';
import {
  type AcmeStage,
  isOfPebble,
  openAcmeStage,
  shownCertificate,
  waitForCertificate,
} from '../../support/acme-stage.ts';
import { findFreePort } from '../../support/free-port.ts';
import type { Gateway, LogLine } from '../../support/gateway.ts';
import { startLoad } from '../../support/load.ts';

const placing = '/order-plz';

/** The first line that says that the source failed with this code. */
async function failure(gateway: Gateway, code: string): Promise<LogLine> {
  return gateway.waitForLog(
    ({ msg, code: found }) => msg.startsWith('a source of certificates delivers nothing') && found === code,
    { what: code },
  );
}

/** By the server's word: certificates are to be renewed now, or in another century. */
function renewNow(front: AcmeFront, isDue: () => boolean): void {
  const now = { start: '2026-01-01T00:00:00Z', end: '2026-01-02T00:00:00Z' };
  const later = { start: '2099-01-01T00:00:00Z', end: '2099-01-02T00:00:00Z' };
  suggestRenewal(front, () => (isDue() ? now : later));
}

const ordersAt = (front: AcmeFront): number => front.requests.items.filter(({ path }) => path === placing).length;

/** Of the certificate that is served, once pebble issued it. */
async function serialOf({ gateway }: AcmeStage): Promise<string> {
  const { serialNumber } = await waitForCertificate(gateway.ports.webSecure, 'a.test', isOfPebble, 'a certificate');
  return serialNumber;
}

describe('a gateway and its ACME server', () => {
  it('renews when the server says so, under load, and loses nobody', async () => {
    await using stage = await openAcmeStage({ hasFront: true, workers: 2 });
    const { gateway, pki } = stage;
    const front = stage.front();
    renewNow(front, () => ordersAt(front) < 2);
    const first = await serialOf(stage);
    await using load = startLoad({
      port: gateway.ports.webSecure,
      servername: 'a.test',
      ca: await stage.pebble().root(),
      cert: pki.alice.chainPem,
      key: pki.alice.keyPem,
      connections: 4,
      reconnect: true,
    });
    const isNext = ({ serialNumber }: { serialNumber: string }): boolean => serialNumber !== first;
    assert.ok(isOfPebble(await waitForCertificate(gateway.ports.webSecure, 'a.test', isNext, 'the next one')));
    await load.waitForOk(20);
    const { failed, reasons } = await load.stop();
    assert.deepEqual([failed, [...reasons]], [0, []]);
    const [, again] = front.requests.items.filter(({ path }) => path === placing);
    assert.match(again?.payload ?? '', /"replaces":"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"/);
  });

  it('keeps what it has where the server limits it, and waits as long as it is told', async () => {
    await using stage = await openAcmeStage({ hasFront: true });
    const { gateway } = stage;
    const front = stage.front();
    renewNow(front, () => true);
    const ordinary = front.intercept;
    front.intercept = (asked) =>
      asked.path === placing && ordersAt(front) > 1
        ? acmeError('rateLimited', 429, 'too many certificates', { 'retry-after': '7200' })
        : ordinary?.(asked);
    const first = await serialOf(stage);
    const limited = await failure(gateway, 'acme_rate_limited');
    assert.match(String(limited['why']), /^edge \(acme\): localhost:\d+: rateLimited: too many certificates$/);
    assert.ok(Number(limited['retryInMs']) >= 6_000_000, `${String(limited['retryInMs'])} ms`);
    assert.equal(await serialOf(stage), first);
  });

  it('goes on with what it began where the server is killed in the middle and comes back without its memory', async () => {
    await using stage = await openAcmeStage({ hasFront: true });
    const { gateway, pki } = stage;
    const front = stage.front();
    // The order never comes to an end.
    front.rewrite = ({ path }, body) =>
      path.startsWith('/my-order/') ? body.replace('"status": "valid"', '"status": "processing"') : undefined;
    await front.requests.waitFor(({ path }) => path.startsWith('/finalize-order/'), {
      what: 'the order',
    });
    const folder = join(pki.dir.path, 'acme');
    assert.ok(
      readdirSync(folder).some((name) => name.startsWith('order-')),
      'the order is kept while it is open',
    );
    await stage.pebble().stop('SIGKILL');
    front.rewrite = undefined;
    await failure(gateway, 'acme_unreachable');
    await stage.startPebble();
    assert.match(await serialOf(stage), /^[0-9A-F]+$/);
  });

  it('registers no other account where its own was deactivated, and says what to do', async () => {
    await using stage = await openAcmeStage({ hasFront: true });
    const { pki, authority } = stage;
    const front = stage.front();
    let isDue = false;
    renewNow(front, () => isDue);
    const first = await serialOf(stage);
    const folder = join(pki.dir.path, 'acme');
    const file = readdirSync(folder).find((name) => name.startsWith('account-')) ?? '';
    const { kid, keyPem } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { kid: string; keyPem: string };
    const server = { directory: front.directory, ca: authority.certPem };
    const account = readAccountKey(keyPem);
    const client = new AcmeClient({ server, account, kid, ask: askBy(systemClock), clock: systemClock });
    await client.post(new URL(kid), { status: 'deactivated' });
    isDue = true;
    const registered = (): number => front.requests.items.filter(({ path }) => path === '/sign-me-up').length;
    assert.equal(registered(), 1);
    const other = await stage.another();
    const line = await failure(other, 'acme_unauthorized');
    assert.match(String(line['hint']), /deactivated; another one is registered when its file in .*acme is gone/);
    assert.equal((await shownCertificate(other.ports.webSecure, 'a.test')).serialNumber, first);
    assert.equal(registered(), 1);
  });

  it('says where the server looked in vain', async () => {
    await using stage = await openAcmeStage({ startsPebble: false });
    const elsewhere = await findFreePort();
    await stage.startPebble({ tlsPort: elsewhere });
    const line = await failure(stage.gateway, 'acme_authorization_invalid');
    assert.match(
      String(line['why']),
      /the authorization for a\.test is invalid: unauthorized: Failed to connect to 127\.0\.0\.1:/,
    );
    assert.match(String(line['hint']), /port 443/);
    const shown = await shownCertificate(stage.gateway.ports.webSecure, 'a.test');
    assert.equal(shown.subject.CN, 'Countersign stand-in', 'a certificate that is nobody’s stands in');
  });

  it('orders once for two gateways that share the folder, wherever the CA looks', async () => {
    await using stage = await openAcmeStage({ hasFront: true, startsPebble: false, acme: 'challenge: http-01' });
    const other = await stage.another();
    // Which of both orders is open; the CA comes to the second.
    await stage.startPebble({ httpPort: other.ports.web });
    const serials = await Promise.all(
      [stage.gateway, other].map(
        async ({ ports }) =>
          (await waitForCertificate(ports.webSecure, 'a.test', isOfPebble, 'a certificate')).serialNumber,
      ),
    );
    assert.equal(serials[0], serials[1]);
    assert.equal(ordersAt(stage.front()), 1);
  });
});
