import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Problem } from '../yaml/problem.ts';
import { parseConfig } from './parse-config.ts';
import { listSealed, type StoredDocument } from './stored-objects.ts';

const digest = 'a'.repeat(64);

function parse(text: string, objects: readonly StoredDocument[], env = {}): ReturnType<typeof parseConfig> {
  const stored = { name: 'store revision 3', objects };
  return parseConfig({ file: '/etc/gateway.yml', text, extra: [], env, strict: true, stored });
}

const errors = (problems: readonly Problem[]): string[] =>
  problems.filter(({ severity }) => severity === 'error').map(({ place, message }) => `${place.file}: ${message}`);
const route = { kind: 'routes', id: 'a', body: { path: '/a', target: 'http://127.0.0.1:1' } };

describe('objects of a store', () => {
  it('come after those of the file, into lists that are there, that are not, and that are written without a value', () => {
    const items = 'gateway:\n  routes: [{name: b, path: /b, target: "http://127.0.0.1:1"}]\n';
    for (const [text, names] of [
      [items, ['b', 'a']],
      ['gateway:\n  routes:\n', ['a']],
      ['', ['a']],
    ] as const) {
      const { config, problems } = parse(text, [route]);
      assert.deepEqual(errors(problems), [], text);
      assert.deepEqual(
        config?.routes.map(({ name }) => name),
        names,
      );
    }
  });

  it('do not come into a list that shares its anchor with theirs', () => {
    const text = 'gateway:\n  routes: &r [{name: b, path: /b, target: "http://127.0.0.1:1"}]\nroutes: *r\n';
    const { problems } = parse(text, [route]);
    // The file itself says b twice; a is there once.
    assert.deepEqual(errors(problems), ['/etc/gateway.yml: two routes are called "b"']);
  });

  it('are an error where something else than their list stands in the file', () => {
    const { config, problems } = parse('gateway: {routes: none}\n', [route]);
    assert.equal(config, undefined);
    assert.match(errors(problems).join('\n'), /routes: expected a list/);
  });

  it('refer to a sealed key beside a certificate, and nowhere else', () => {
    const sealed = { sealed: digest };
    const pair = { cert: 'x', key: sealed };
    const body = {
      ...pair,
      other: sealed,
      list: [pair],
      alone: { key: sealed },
      odd: { cert: 'x', key: { sealed: 'x' } },
    };
    const found = listSealed({ kind: 'certificates', id: 'a b', body });
    assert.deepEqual(
      [...found],
      [
        ['certificates/a%20b/key', digest],
        ['certificates/a%20b/list/0/key', digest],
      ],
    );
    const { problems } = parse('', [{ ...route, body: { ...route.body, path: sealed } }]);
    assert.match(errors(problems).join('\n'), /^store revision 3, route a: path: expected text, found a map/);
  });

  it('together are held to the limit of all files together', () => {
    const large = 'x'.repeat(9 * 1024 * 1024);
    const objects = [1, 2, 3, 4].map((i) => ({ kind: 'caBundles', id: `b${i}`, body: { ca: large } }));
    assert.match(
      errors(parse('', objects).problems).join('\n'),
      /^store revision 3: the objects have \d+ bytes, over the limit/,
    );
  });
});
