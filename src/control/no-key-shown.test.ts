// A private key that went through every operation of the API: nothing that came back has it, nor the store, its export and its
// backup, nor the log.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { it } from 'node:test';
import { openApi } from '../../test/support/control-api.ts';
import { mintCa } from '../certs/test-ca.ts';
import { operations } from './operations.ts';

it('no answer, entry of the audit log, file of the store, export or backup has a private key that was uploaded', async (t) => {
  const api = await openApi(t);
  api.clock.turn(Math.max(0, Date.now() - api.clock.now()));
  const { cookie } = await api.enter('admin');
  const ca = await mintCa({ cn: 'known CA' });
  const pair = await ca.issue({ kind: 'client', cn: 'known', sans: ['known.test'] });
  const files = [{ name: 'all.pem', text: pair.chainPem + pair.keyPem }];
  const value = { cert: pair.chainPem, key: pair.keyPem };
  const answers: string[] = [];
  const ask = async (method: string, path: string, body?: unknown, fields: Record<string, string> = {}) => {
    const answer = await api.ask(method, path, { cookie, fields, ...(body !== undefined && { body }) });
    answers.push(answer.text, JSON.stringify([...answer.headers]));
    return answer;
  };
  const change = { kind: 'certificates', id: 'known', operation: 'put', value };
  assert.equal((await ask('POST', '/config:plan', { changes: [change] })).status, 200);
  const applied = await ask('POST', '/config:apply', { parent: 0, changes: [change] }, { 'idempotency-key': 'known' });
  assert.equal(applied.status, 200, applied.text);
  const inspected = await ask('POST', '/certificates:inspect', { use: 'client', files });
  assert.equal((inspected.body as { key: string }).key, 'fits');
  // Where a key has no place it is refused, and not repeated: in every operation that takes a body.
  const bodies = [
    { id: 'k', value, reason: pair.keyPem },
    { id: 'k', value: { address: pair.keyPem, tls: { mode: pair.keyPem } } },
    { id: 'k', files, reason: pair.keyPem },
    { files },
    { value: { ca: pair.keyPem } },
    { value: { type: 'fixedResponse', rule: { body: pair.keyPem } } },
    { changes: [{ ...change, id: 'other', value: { ...value, nothing: pair.keyPem } }], parent: 1 },
    { name: pair.keyPem, password: pair.keyPem, secret: pair.keyPem, role: pair.keyPem, scopes: [pair.keyPem] },
    { method: 'GET', url: 'https://shop.test/', certificate: pair.keyPem, headers: [pair.keyPem] },
  ];
  const state = { 'if-match': (await ask('GET', '/certificates/known')).headers.get('etag') ?? '' };
  for (const op of operations) {
    if (op.id === 'logOut' || op.id === 'logOutEverywhere' || op.id === 'endSessions') continue;
    // A stream ends by itself where it is not to be followed.
    const query = op.answer.type === 'text/event-stream' ? '?follow=false' : '';
    const path = op.path.replace('{version}', '1').replace(/\{\w+\}/g, 'known') + query;
    if (op.body === undefined) await ask(op.method, path, undefined, op.method === 'DELETE' ? {} : state);
    else for (const body of bodies) await ask(op.method, path, body, state);
  }
  await ask('GET', '/export');
  await ask('GET', '/audit?limit=1000');
  await ask('GET', '/changes/1');
  await api.store.backup(api.dir.file('backup.db'));
  const secrets = pair.keyPem.split('\n').slice(1, -2);
  assert.ok(secrets.length > 0 && secrets.every((line) => line.length > 10));
  const kept = readdirSync(api.dir.path)
    .filter((name) => /^(store|backup)\./.test(name))
    .map((name) => readFileSync(api.dir.file(name), 'latin1'));
  assert.ok(kept.length >= 2);
  const der = Buffer.from(secrets.join(''), 'base64').toString('latin1').slice(-40);
  for (const [i, text] of [...answers, ...kept].entries())
    for (const secret of [...secrets, der]) assert.ok(!text.includes(secret), `${i}: ${text.slice(0, 300)}`);
});
