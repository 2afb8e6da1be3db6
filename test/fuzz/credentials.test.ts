// Properties of what reads credentials and rules about them: whatever comes, an answer or a refusal, never a surprise.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type ClaimRule, parseClaimsExpression } from '../../src/config/claims-expression.ts';
import { readPasswordForm } from '../../src/config/password-form.ts';
import { readUsersFile } from '../../src/config/users-file.ts';
import { readBasicCredentials } from '../../src/filters/basic-credentials.ts';
import { type Claims, claimValue, fits, MissingClaim } from '../../src/filters/claims.ts';
import { readKeySet } from '../../src/filters/key-set.ts';
import { setParams } from '../../src/filters/query-params.ts';
import { bondOf, whyNotBearer } from '../../src/filters/token-binding.ts';
import { FieldBlock } from '../../src/http/field.ts';

const anything = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom(...'${}:,;()[]!&|\'"`Equals\r\n\0'.split('')) }),
);

const name = fc.constantFrom('a', 'b', 'user.role');
const call = fc.tuple(
  fc.constantFrom('Equals', 'Prefix', 'Contains', 'OneOf'),
  name,
  fc.constantFrom('x', 'y', 'true', '7'),
);
const expression: fc.Arbitrary<string> = fc.letrec<{ all: string; one: string }>((tie) => ({
  one: fc.oneof(
    { weight: 3, arbitrary: call.map(([kind, path, value]) => `${kind}('${path}', '${value}')`) },
    tie('all').map((inner) => `(${inner})`),
    tie('one').map((inner) => `!${inner}`),
  ),
  all: fc.oneof(
    { weight: 2, arbitrary: tie('one') },
    fc
      .tuple(tie('one'), fc.constantFrom('&&', '||'), tie('one'))
      .map(([left, sign, right]) => `${left} ${sign} ${right}`),
  ),
})).all;
const value = fc.constantFrom<unknown>('x', 'y', 'x y', true, 7, ['x', 'y'], [], { role: 'x' }, null, undefined);
const claims: fc.Arbitrary<Claims> = fc.record({
  a: value,
  b: value,
  user: fc.oneof(value, fc.record({ role: value })),
});

describe('credentials', () => {
  it('of Basic hold no control character and no colon in the name, and are what was sent', () => {
    fc.assert(
      fc.property(anything, anything, (user, password) => {
        const field = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
        const read = readBasicCredentials(field);
        if (read === undefined) return;
        assert.ok(read.name !== '' && read.password !== '');
        assert.doesNotMatch(read.name + read.password, /[\u0000-\u001f\u007f]/);
        assert.ok(!read.name.includes(':'));
        assert.equal(`${read.name}:${read.password}`, `${user}:${password}`.normalize('NFC'));
      }),
    );
    fc.assert(fc.property(anything, (text) => void readBasicCredentials(text)));
  });

  it('in files are read or told, and what is told holds no password', () => {
    fc.assert(
      fc.property(anything, (text) => {
        const form = readPasswordForm(text);
        assert.ok('kind' in form || !(text.length > 30 && form.problem.includes(text)));
        readUsersFile(`ann:${text}\n`);
      }),
    );
  });
});

describe('claims', () => {
  it('are looked at by any expression as its signs say, and a claim that is missing passes nothing', () => {
    fc.assert(
      fc.property(expression, claims, (text, given) => {
        const rule = parseClaimsExpression(text);
        if ('problem' in rule) return;
        const expected = evaluate(rule, given);
        if (expected === 'missing') assert.throws(() => fits(given, rule), MissingClaim);
        else assert.equal(fits(given, rule), expected);
      }),
    );
    fc.assert(fc.property(anything, (text) => void parseClaimsExpression(text)));
  });

  it('become values that can stand in a field, or none', () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), anything, fc.array(anything)), (claim) => {
        const found = claimValue({ claim }, ['claim']);
        if (found !== undefined) assert.doesNotThrow(() => new FieldBlock([['X-User', found]]));
      }),
    );
  });

  it('that bind a token to whatever let nobody without a certificate in', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (cnf) => {
        assert.notEqual(whyNotBearer(bondOf({ cnf }), 'ifBound', undefined), undefined);
      }),
    );
  });
});

/** Written a second time, from the words of the documentation. */
function evaluate(rule: ClaimRule, given: Claims): boolean | 'missing' {
  switch (rule.kind) {
    case 'not': {
      const inner = evaluate(rule.rule, given);
      return inner === 'missing' ? inner : !inner;
    }
    case 'all':
    case 'any': {
      for (const one of rule.rules) {
        const inner = evaluate(one, given);
        if (inner === 'missing' || inner === (rule.kind === 'any')) return inner;
      }
      return rule.kind === 'all';
    }
    default: {
      const [first = '', second] = rule.path;
      const outer = given[first];
      const claim = second === undefined ? outer : (outer as Claims | null | undefined)?.[second];
      if (claim === undefined || claim === null) return 'missing';
      if (rule.kind === 'present') return true;
      const list = Array.isArray(claim)
        ? claim
        : rule.kind === 'contains' && typeof claim === 'string'
          ? claim.split(' ')
          : [claim];
      const texts = list.filter((one) => typeof one !== 'object').map(String);
      if (rule.kind === 'prefix') return texts.some((text) => text.startsWith(rule.value));
      return texts.some((text) => (rule.kind === 'oneOf' ? rule.values : [rule.value]).includes(text));
    }
  }
}

it('A set of keys is read or refused with an Error', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anything,
        fc.json(),
        fc.jsonValue().map((keys) => JSON.stringify({ keys })),
      ),
      (text) => {
        try {
          assert.ok(readKeySet(text).keys.length > 0);
        } catch (error) {
          assert.ok(error instanceof Error && !(error instanceof TypeError), String(error));
        }
      },
    ),
  );
});

it('No parameter of a client stays beside one that the gateway sets, as servers read queries', () => {
  const pair = fc
    .tuple(fc.constantFrom('user', '%75ser', 'us%65r', 'user[]', 'other', ''), fc.constantFrom('=x', '', '='))
    .map((parts) => parts.join(''));
  fc.assert(
    fc.property(fc.array(pair), (pairs) => {
      const query = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
      const result = new URLSearchParams(setParams(query, new Map([['user', 'ann']])));
      assert.deepEqual(result.getAll('user'), ['ann']);
      assert.deepEqual(result.getAll('user[]'), []);
    }),
  );
});
