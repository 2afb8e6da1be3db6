// Sessions by certificate as the API keeps them: bounded, over with the certificate, and over after an hour without a request.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HandClock } from '../../test/conformance/http1-harness.ts';
import { maxSessionsPerUser } from '../store/limits.ts';
import { openApi } from '../../test/support/control-api.ts';
import { findCaller } from './caller.ts';
import { CertificateSessions } from './certificate-sessions.ts';
import { digestOfSecret } from './random-secret.ts';

const hour = 60 * 60_000;
const audit = { note: async () => ({}) as never };
const certificate = (notAfter: number) =>
  ({ role: 'viewer', sha256: 'a'.repeat(64), subject: 'CN=olga', serial: '1', notAfter }) as const;

describe('sessions by certificate', () => {
  it('are as many for one certificate as for one user, and the one not used for longest goes', async () => {
    const clock = new HandClock();
    const sessions = new CertificateSessions(clock, audit);
    const shown = certificate(clock.now() + 99 * hour);
    const digests = Array.from({ length: maxSessionsPerUser + 1 }, (_, i) => digestOfSecret(String(i)));
    for (const digest of digests.slice(0, -1)) await sessions.begin(digest, shown, hour);
    const [first, second, last] = [digests[0], digests[1], digests.at(-1)];
    assert.ok(first !== undefined && second !== undefined && last !== undefined);
    sessions.touch(first);
    await sessions.begin(last, shown, hour);
    assert.equal(await sessions.find(second, shown), undefined);
    assert.ok((await sessions.find(first, shown)) !== undefined);
    assert.equal(sessions.list(`certificate:${shown.sha256}`).length, maxSessionsPerUser);
  });

  it('end with the certificate, if that is sooner', async () => {
    const clock = new HandClock();
    const sessions = new CertificateSessions(clock, audit);
    const shown = certificate(clock.now() + 5_000);
    const { digest, expiresAt } = await sessions.begin(digestOfSecret('x'), shown, hour);
    assert.equal(expiresAt, shown.notAfter);
    clock.turn(5_000);
    await assert.rejects(sessions.find(digest, shown), /has ended/);
    assert.equal(await sessions.find(digest, shown), undefined);
  });

  it('are over after an hour without a request', async (t) => {
    const { store, clock } = await openApi(t);
    const sessions = new CertificateSessions(clock, store.audit);
    const shown = certificate(clock.now() + 99 * hour);
    await sessions.begin(digestOfSecret('secret'), shown, 12 * hour);
    const fields = { authorization: undefined, cookie: '__Host-countersign=secret', certificate: shown };
    const find = async () => findCaller(fields, store, sessions, clock);
    clock.turn(hour);
    assert.equal((await find()).kind, 'person');
    clock.turn(hour + 1);
    await assert.rejects(find(), /not used for an hour/);
  });
});
