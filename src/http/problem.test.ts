import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Fault } from '../base/fault.ts';
import { renderProblem } from './problem.ts';

const titleOf = (fault: Fault): string =>
  (JSON.parse(renderProblem(fault, 'id', undefined).body) as { title: string }).title;

test('a title says whose certificate it is about, and nothing of the detail', () => {
  const detail = 'secret.internal:8443';
  assert.equal(titleOf(new Fault('expired', 'backend', { detail })), 'certificate of the backend expired');
  assert.equal(titleOf(new Fault('expired', 'client', { detail })), 'certificate expired');
  assert.equal(titleOf(new Fault('no_route', 'client', { detail })), 'no route');
});

test('who prefers text gets the same words as text', () => {
  const { contentType, body } = renderProblem(new Fault('expired', 'backend'), 'id', 'text/plain');
  assert.equal(contentType, 'text/plain; charset=utf-8');
  assert.equal(body, '502 certificate of the backend expired (expired)\nrequest id\n');
});
