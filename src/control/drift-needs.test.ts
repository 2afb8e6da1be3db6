// Drift as an alert: whoever is told knows which gateway it is about, and what concerns the store is one alert of all gateways.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ownAlertCodes } from '../config/alert-kinds.ts';
import type { Drift } from '../gateway/drift.ts';
import { driftNeed } from './drift-needs.ts';

const drift: Drift = {
  kind: 'unauthorised',
  gateway: 'edge-2',
  key: 'files',
  code: 'file_changed',
  sentence: 'gateway.yml was changed',
  help: 'Approve it.',
  since: 1,
};
const row: Drift = { ...drift, key: 'store object 7', code: 'row_changed', sentence: 'the store was changed' };

it('names the gateway that it is about, whoever says it', () => {
  const { id, sentence, object } = driftNeed(drift);
  assert.equal(id, 'drift:unauthorised:edge-2:files');
  assert.equal(sentence, 'Gateway edge-2: gateway.yml was changed');
  assert.deepEqual(object, { kind: 'gateways', id: 'edge-2' });
});

it('is one alert for all where it is a row of the store that they share', () => {
  const [two, three] = [row, { ...row, gateway: 'edge-3' }].map(driftNeed);
  assert.deepEqual(two, three);
  assert.equal(two?.id, 'drift:unauthorised:store object 7');
});

it('has codes that a receiver can ask for', () => {
  const codes = [
    'behind',
    'file_changed',
    'file_refused',
    'row_changed',
    'let_in',
    'wrong_certificate',
    'not_listening',
  ];
  assert.deepEqual(
    codes.filter((code) => !ownAlertCodes.includes(code)),
    [],
  );
});
