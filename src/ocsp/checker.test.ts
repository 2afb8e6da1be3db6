import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer } from '../base/node-http.ts';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { makeCertId } from './request.ts';
import { writeOcspResponse } from './writer.ts';
import { mintCa, type TestCa } from '../certs/test-ca.ts';
import type { OcspSettings } from '../trust/revocation.ts';
import { OcspChecker, type OcspFinding, type OcspSubject } from './checker.ts';

/** The wall clock of the machine, and a monotonic one that the test turns. */
class TurnedClock {
  at = 1_000;
  readonly now = (): number => Date.now();
  readonly monotonic = (): number => this.at;
  readonly after = (delayMs: number, act: () => void): (() => void) => systemClock.after(delayMs, act);
}

let ca: TestCa;
/** Questions that wait for their answer, oldest first. */
const held: ServerResponse[] = [];
let arrived: () => void = () => {};
const server = createServer((request, response) => {
  request.resume();
  held.push(response);
  arrived();
});
let settings: OcspSettings;

before(async () => {
  ca = await mintCa({ cn: 'OCSP CA' });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  settings = {
    mode: 'hard',
    responder: `http://127.0.0.1:${port}/`,
    allowedHosts: [],
    timeoutMs: 10_000,
    refreshMs: 60_000,
  };
});
after(() => {
  server.closeAllConnections();
  server.close();
});

async function subject(): Promise<OcspSubject> {
  const { der } = await ca.issue({ kind: 'client', cn: 'x' });
  return { leaf: readFacts(der), issuer: readFacts(ca.der) };
}

/** Resolves when `count` questions wait. */
async function waiting(count: number): Promise<void> {
  while (held.length < count) await new Promise<void>((resolve) => (arrived = resolve));
}

function answerGood({ leaf, issuer }: OcspSubject): void {
  const thisUpdate = Math.floor(Date.now() / 1000) * 1000 - 1000;
  const responses = [{ id: makeCertId(leaf, issuer), thisUpdate, nextUpdate: thisUpdate + 3_600_000 }];
  held.shift()?.end(writeOcspResponse({ signer: ca, responses, producedAt: thisUpdate }));
}

async function ask(checker: OcspChecker, about: OcspSubject): Promise<OcspFinding> {
  return new Promise((resolve) => checker.ask(about, settings, 'p', resolve));
}

describe('the checker', () => {
  it('asks so many at once and lets so many wait; more are told that there is no place', async () => {
    const checker = new OcspChecker({ clock: systemClock, limits: { maxFetches: 1, maxWaiting: 1 } });
    const [a, b, c] = [await subject(), await subject(), await subject()];
    const first = ask(checker, a);
    const second = ask(checker, b);
    assert.equal((await ask(checker, c)).failure?.problem, 'busy');
    await waiting(1);
    answerGood(a);
    assert.equal((await first).known?.answer.status, 'good');
    await waiting(1);
    answerGood(b);
    assert.equal((await second).known?.answer.status, 'good');
  });

  it('asks once for everybody who wants to know, and tells nobody who went away', async () => {
    const checker = new OcspChecker({ clock: systemClock });
    const a = await subject();
    const findings: OcspFinding[] = [];
    const cancel = checker.ask(a, settings, 'p', () => assert.fail('it went away'));
    const wanted = ask(checker, a);
    checker.ask(a, settings, 'p', (finding) => void findings.push(finding));
    cancel();
    await waiting(1);
    answerGood(a);
    await wanted;
    assert.equal(findings.length, 1);
    assert.equal(held.length, 0);
    assert.equal(checker.find(a, settings)?.known?.answer.status, 'good');
  });

  it('relies on an answer for `refresh`, renews it after three quarters of that, and keeps a failure for a moment', async () => {
    const clock = new TurnedClock();
    const checker = new OcspChecker({ clock });
    const a = await subject();
    assert.equal(checker.find(a, settings), undefined);
    assert.equal(checker.renewAt(a, settings), 0);
    const first = ask(checker, a);
    await waiting(1);
    answerGood(a);
    await first;
    assert.equal(checker.renewAt(a, settings), 1_000 + 45_000);
    clock.at += 59_999;
    assert.notEqual(checker.find(a, settings), undefined);
    clock.at += 1;
    assert.equal(checker.find(a, settings), undefined);
    const failing = ask(checker, a);
    await waiting(1);
    held.shift()?.writeHead(500).end();
    assert.equal((await failing).failure?.problem, 'http_status');
    // The old answer is there still, for connections that are open; a handshake may not go by it.
    assert.equal(checker.peek(a, settings).known?.answer.status, 'good');
    assert.deepEqual(checker.find(a, settings)?.known, undefined);
    assert.equal(checker.renewAt(a, settings), clock.at + 3_000);
    clock.at += 3_000;
    assert.equal(checker.find(a, settings), undefined);
  });

  it('keeps what one policy cannot find out apart from what another can', async () => {
    const checker = new OcspChecker({ clock: systemClock });
    const a = await subject();
    const nowhere: OcspSettings = { ...settings, responder: undefined };
    const finding = await new Promise<OcspFinding>((resolve) => checker.ask(a, nowhere, 'p', resolve));
    assert.equal(finding.failure?.problem, 'no_responder');
    assert.equal(checker.find(a, settings), undefined);
    assert.equal(checker.find(a, nowhere)?.failure?.problem, 'no_responder');
  });
});
