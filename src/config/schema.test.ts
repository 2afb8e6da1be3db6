import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { configSchema } from './schema.ts';

type Schema = {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly deprecated?: boolean;
  readonly additionalProperties?: unknown;
  readonly pattern?: string;
  readonly not?: unknown;
};

function find(...path: readonly string[]): Schema | undefined {
  let schema: Schema | undefined = configSchema();
  for (const key of path) schema = key === '[]' ? schema?.items : schema?.properties?.[key];
  return schema;
}

/** Every key of the schema with the key above it. */
function* keysOf(schema: Schema, path: string): Generator<string> {
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    yield `${path}${key}`;
    yield* keysOf(value, `${path}${key}.`);
  }
  for (const part of [...(schema.items === undefined ? [] : [schema.items]), ...(schema.anyOf ?? [])])
    yield* keysOf(part, path);
}

test('the schema tells editors the type and the meaning of keys', () => {
  assert.equal(find('gateway', 'tls', 'clientAuth', 'required')?.type, 'boolean');
  assert.match(find('gateway', 'tls', 'clientAuth', 'required')?.description ?? '', /without a certificate is refused/);
  assert.equal(find('gateway', 'routes', '[]', 'priority')?.type, 'integer');
  assert.equal(find('gateway', 'routes', '[]', 'timeouts', 'connect')?.type, 'string');
  assert.ok(new RegExp(find('gateway', 'routes', '[]', 'timeouts', 'connect')?.pattern ?? '').test('1m30s'));
  assert.equal(find('gateway', 'tls', 'clientAuth', 'clientCA')?.anyOf?.length, 2);
});

test('the schema lets editors mark unknown and unsupported keys', () => {
  assert.equal(find('gateway', 'tls')?.additionalProperties, false);
  assert.equal(find('gateway', 'redis')?.deprecated, true);
  const clientAuth = ['gateway', 'tls', 'clientAuth'];
  assert.equal(find(...clientAuth, 'allowedSANs', '[]')?.additionalProperties, false);
  assert.notEqual(find(...clientAuth, 'spiffe', 'bundles')?.additionalProperties, false, 'its keys are trust domains');
  assert.match(find('gateway', 'routes', '[]', 'blockCommonExploits')?.description ?? '', /refused/);
});

test('the schema lets editors take clientAuth as a block or as off, and nothing else', () => {
  for (const path of [
    ['gateway', 'tls', 'clientAuth'],
    ['gateway', 'tls', 'policies', '[]', 'clientAuth'],
  ]) {
    const clientAuth = find(...path);
    assert.deepEqual(clientAuth?.type, ['object', 'string', 'boolean']);
    assert.match('off', new RegExp(clientAuth?.pattern ?? 'never'));
    assert.doesNotMatch('on', new RegExp(clientAuth?.pattern ?? 'on'));
    assert.deepEqual(clientAuth?.not, { const: true });
  }
});

test('the schema is plain JSON', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(configSchema())), configSchema());
});

test('docs/configuration.md names every key', () => {
  const docs = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  const words = new Set(docs.match(/[A-Za-z0-9]+/g));
  const missing = [...keysOf(configSchema(), '')].filter((path) => !words.has(path.split('.').at(-1) ?? ''));
  assert.deepEqual(missing, []);
});
