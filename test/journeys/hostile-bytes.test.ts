// Two hundred byte strings that no honest client sends, to both ports, before, during and after the handshake. The workers
// live on, no defect shows, no smuggled request arrives, and a good client passes after every batch.
import assert from 'node:assert/strict';
import { connect as connectTcp, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { captureClientHello, hostileStrings, type HostileString, smuggledPath } from '../support/hostile.ts';
import { openSetup, type Setup } from '../support/mtls-setup.ts';
import { sClient } from '../support/openssl.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';

const count = 200;
const batch = 25;
/** A server that keeps a dead connection longer than this is counted as hanging. */

/** How a string is brought: raw to a port, inside a TLS connection of alice's, or raw behind her handshake. */
type Way = 'to the TLS port' | 'to the plain port' | 'inside TLS' | 'behind the handshake';
const ways: readonly Way[] = ['to the TLS port', 'to the plain port', 'inside TLS', 'behind the handshake'];

/** Sends a string, ends our side, and resolves when the server has closed; rejects where it does not. */
async function bring(setup: Setup, { name, bytes, piece }: HostileString, way: Way): Promise<void> {
  const { gateway, pki } = setup;
  const raw = connectTcp(way === 'to the plain port' ? gateway.ports.web : gateway.ports.webSecure, '127.0.0.1');
  let through: Socket = raw;
  const ready = new Promise<void>((resolve) => {
    raw.on('close', () => resolve());
    if (way === 'to the TLS port' || way === 'to the plain port') {
      raw.on('connect', () => resolve());
      return;
    }
    const alice = { cert: pki.alice.chainPem, key: pki.alice.keyPem };
    through = connectTls({ socket: raw, servername: 'localhost', ca: pki.servers.certPem, ...alice });
    through.on('secureConnect', () => resolve());
  });
  const closed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`${name} ${way}: still open`));
      raw.destroy();
    }, SAFETY_NET_MS);
    raw.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
  for (const socket of new Set([raw, through])) {
    // Resets are what an attacker gets; they are no news.
    socket.on('error', () => raw.destroy());
    socket.resume();
  }
  await ready;
  const into = way === 'behind the handshake' ? raw : through;
  for (let at = 0; at < bytes.length && into.writable; at += piece || bytes.length) {
    into.write(bytes.subarray(at, at + (piece || bytes.length)));
    if (piece > 0) await new Promise((resolve) => setImmediate(resolve));
  }
  if (into.writable) into.end();
  await closed;
}

describe('a gateway with two workers', () => {
  it(`survives ${count} hostile byte strings, brought in four ways`, async (t) => {
    const seed = Number(process.env['HOSTILE_SEED'] ?? 20_260_101);
    t.diagnostic(`HOSTILE_SEED=${seed}`);
    await using setup = await openSetup({ workers: 2 });
    const { gateway, pki, nginx } = setup;
    const strings = hostileStrings(seed, count, await captureClientHello('localhost'));
    const good = { port: gateway.ports.webSecure, ca: pki.servers.file, cert: pki.alice.cert, key: pki.alice.key };
    for (let at = 0; at < strings.length; at += batch) {
      for (const way of ways) {
        await Promise.all(strings.slice(at, at + batch).map(async (string) => bring(setup, string, way)));
      }
      const answer = await sClient(good);
      assert.equal(answer.status, 200, answer.output);
    }
    const bad = gateway.log.items.filter(
      (line) => line['level'] === 'error' || line.msg.includes('internal error') || line.msg.startsWith('worker ended'),
    );
    assert.deepEqual(bad, []);
    assert.equal(await setup.metric('countersign_worker_restarts_total'), 0);
    assert.equal(await setup.metric('countersign_workers'), 2);
    assert.deepEqual(
      nginx.access().filter((entry) => entry.uri.includes(smuggledPath)),
      [],
    );
    assert.equal(await setup.metric('countersign_connections_active'), 0);
    // They did get as far as they should: to the TLS layer, and to HTTP behind it.
    assert.ok((await setup.metric('countersign_tls_handshakes_total', 'result="not_tls"')) > count / 2);
    assert.ok((await setup.metric('countersign_requests_total', 'route="",status="4xx"')) > count / 5);
  });
});
