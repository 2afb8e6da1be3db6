import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { callersOf, readCondition } from './condition.ts';
import { readMaps } from './maps.ts';
import { parseNginx } from './parse.ts';

/** What `if CONDITION { return 403; }` leaves, with the maps before it. */
async function callers(condition: string, maps = ''): Promise<unknown> {
  const { directives } = await parseNginx(
    'nginx.conf',
    `${maps} if (${condition}) { return 403; }`,
    async () => undefined,
  );
  const found = directives.find(({ name }) => name === 'if');
  const read = found && readCondition(found);
  return read && callersOf(read, readMaps(directives));
}

const everybody = { required: true };

describe('whom a condition does not refuse', () => {
  for (const [condition, expected] of [
    ['$ssl_client_verify != SUCCESS', everybody],
    ['$ssl_client_verify != "SUCCESS"', everybody],
    ['$ssl_client_verify = NONE', everybody],
    ['$ssl_client_verify !~ ^SUCCESS$', everybody],
    ['$ssl_client_s_dn = ""', everybody],
    ['$ssl_client_s_dn != "CN=a"', { required: true, allow: [{ subject: { exact: 'CN=a' } }] }],
    ['$ssl_client_s_dn !~ "O=Acme$"', { required: true, allow: [{ subject: { suffix: 'O=Acme' } }] }],
    // The reverse: it would let in whom it refuses.
    ['$ssl_client_verify = SUCCESS', undefined],
    ['$ssl_client_verify != NONE', undefined],
    ['$ssl_client_s_dn ~ "O=Acme$"', undefined],
    ['$ssl_client_s_dn = "CN=a"', undefined],
    ['$ssl_client_i_dn != "CN=a"', undefined],
    ['$http_x_verify != SUCCESS', undefined],
    ['$ssl_client_fingerprint != "aa"', undefined],
  ] as const) {
    it(`of if (${condition})`, async () => assert.deepEqual(await callers(condition), expected));
  }

  const map = (lines: string): string => `map $ssl_client_s_dn $ok { ${lines} }`;
  for (const [what, lines, condition, expected] of [
    ['a list of names', 'default 0; "CN=a" 1;', '$ok = 0', [{ exact: 'CN=a', ignoreCase: true }]],
    [
      'bare',
      '"CN=a" 0; "CN=b" 0; default 1;',
      '$ok',
      [
        { exact: 'CN=a', ignoreCase: true },
        { exact: 'CN=b', ignoreCase: true },
      ],
    ],
    ['without a default', '"~^CN=a$" yes;', '$ok != yes', [{ exact: 'CN=a' }]],
    [
      'names that are refused beside',
      'default 0; "CN=a" 1; "CN=b" 0;',
      '$ok = 0',
      [{ exact: 'CN=a', ignoreCase: true }],
    ],
    ['a default that is let in', 'default 1; "CN=a" 0;', '$ok = 0', undefined],
    [
      'a name that is refused, an expression that lets it in',
      'default 0; "CN=a,O=x" 0; "~O=x" 1;',
      '$ok = 0',
      undefined,
    ],
    ['the empty subject, which is nobody’s', 'default 0; "" 1;', '$ok = 0', undefined],
    ['hostnames', 'hostnames; default 0; "CN=a" 1;', '$ok = 0', undefined],
  ] as const) {
    it(`of a map: ${what}`, async () => {
      const allow = expected?.map((subject) => ({ subject }));
      assert.deepEqual(await callers(condition, map(lines)), allow && { required: true, allow });
    });
  }
});
