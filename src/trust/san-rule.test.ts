// Matching tables (docs/verification.md, matching rules; incidents 7, 8, 9, 11): each matcher with what it admits and what it refuses.
import assert from 'node:assert/strict';
import { describe, it, test } from 'node:test';
import fc from 'fast-check';
import type { San, SanType } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import {
  describeSanRule,
  describeSans,
  maxPatternInput,
  maxPatternNames,
  type SanNameRule,
  type SanRule,
  SanRules,
  type SubjectRule,
} from './san-rule.ts';
import { encodeName, type Rdn } from '../asn1/der-writer.ts';
import { mintCa } from '../certs/test-ca.ts';

const ca = await mintCa();
const upn = '1.3.6.1.4.1.311.20.2.3';

function rule(text: string, more: Partial<SanNameRule> = {}): SanNameRule {
  const [, type = '', matcher = '', value = ''] = /^(\w+) (\w+) (.*)$/s.exec(text) ?? [];
  const parts = { type: type as SanType, matcher: matcher as SanNameRule['matcher'], value };
  return { kind: 'san', ignoreCase: false, oid: type === 'OTHER_NAME' ? upn : undefined, ...parts, ...more };
}

function san(text: string): San {
  const [, type = '', value = ''] = /^(\w+):(.*)$/s.exec(text) ?? [];
  return type === 'OTHER_NAME' ? { type, value, oid: upn } : { type: type as SanType, value };
}

const plain = readFacts((await ca.issue({ kind: 'client', cn: 'plain' })).der);
const admits = (rules: SanRule | SanRule[], sans: readonly San[]): boolean =>
  new SanRules([rules].flat()).find({ ...plain, sans }) !== undefined;

/** Rule, then names that it admits, then names that it refuses. */
const table: readonly (readonly [SanNameRule, admitted: readonly string[], refused: readonly string[]])[] = [
  [
    rule('DNS exact api.example.com'),
    ['DNS:api.example.com', 'DNS:API.Example.COM', 'DNS:*.example.com', 'DNS:*.EXAMPLE.com'],
    [
      'DNS:api.example.com.',
      'DNS:example.com',
      'DNS:x.api.example.com',
      'DNS:api.example.comm',
      'DNS:*',
      'DNS:*.com',
      'DNS:*.api.example.com',
      'DNS:a*.example.com',
      'DNS:*i.example.com',
      'DNS:a*i.example.com',
      'DNS:*.*.com',
      'DNS:**.example.com',
      'DNS:api.*.com',
      'DNS:*.example.com.',
      'DNS:api.example.com\0.evil.com',
      'DNS:.example.com',
      'DNS:api.example.com, DNS:x',
      'DNS: api.example.com',
      'URI:api.example.com',
      'EMAIL:api.example.com',
      'OTHER_NAME:api.example.com',
    ],
  ],
  [rule('DNS exact API.example.com.'), ['DNS:api.example.com', 'DNS:*.example.com'], ['DNS:api.example.com.']],
  [rule('DNS exact example.com'), ['DNS:example.com'], ['DNS:*.com', 'DNS:*.example.com', 'DNS:*']],
  [rule('DNS exact a.b.example.com'), ['DNS:*.b.example.com'], ['DNS:*.example.com', 'DNS:*.*.example.com']],
  [
    rule('DNS exact xn--bcher-kva.example.com'),
    ['DNS:xn--bcher-kva.example.com'],
    ['DNS:*.example.com', 'DNS:xn--*.example.com', 'DNS:xn--bcher-*.example.com'],
  ],
  [rule('DNS exact www.xn--bcher-kva.example'), ['DNS:*.xn--bcher-kva.example'], ['DNS:www.bücher.example']],
  [
    rule('DNS exact *.internal.corp'),
    ['DNS:*.internal.corp', 'DNS:*.INTERNAL.corp'],
    ['DNS:a.internal.corp', 'DNS:internal.corp', 'DNS:*.corp', 'DNS:*', 'DNS:x.internal.corp', 'URI:*.internal.corp'],
  ],
  [rule('DNS exact *.com'), [], ['DNS:*.com', 'DNS:example.com', 'DNS:com']],
  [rule('DNS exact *'), [], ['DNS:*', 'DNS:a', 'DNS:a.test']],
  [rule('DNS exact 10.0.0.1'), [], ['DNS:10.0.0.1', 'IP:10.0.0.1']],
  [rule('DNS exact not a name'), [], ['DNS:not a name']],
  // The literal name: a wildcard's own text counts, for whoever holds it stands for every host below.
  [
    rule('DNS suffix .internal.corp'),
    ['DNS:a.internal.corp', 'DNS:A.B.Internal.Corp', 'DNS:*.internal.corp'],
    [
      'DNS:internal.corp',
      'DNS:xinternal.corp',
      'DNS:*.corp',
      'DNS:a.internal.corp.',
      'DNS:a.internal.corp.evil.com',
      'DNS:a*.internal.corp',
      'DNS:evil.com/.internal.corp',
      'DNS:evil.com\0.internal.corp',
      'DNS:-.internal.corp',
      'DNS:evil .internal.corp',
      'URI:https://a.internal.corp',
      'EMAIL:x@a.internal.corp',
    ],
  ],
  [rule('DNS suffix .corp'), ['DNS:a.corp'], ['DNS:*.corp']],
  [
    rule('DNS prefix API-'),
    ['DNS:api-1.example.com', 'DNS:Api-2.test'],
    ['DNS:xapi-1.example.com', 'DNS:*.api-1.test'],
  ],
  [
    rule('DNS contains .Prod.'),
    ['DNS:a.prod.example.com', 'DNS:*.prod.example.com'],
    ['DNS:aprod.example.com', 'DNS:prod.example.com'],
  ],
  [
    rule('DNS regex web-[0-9]+\\.example\\.com'),
    ['DNS:web-1.example.com', 'DNS:WEB-22.example.com'],
    [
      'DNS:web-.example.com',
      'DNS:xweb-1.example.com',
      'DNS:web-1.example.com.evil',
      'DNS:*.example.com',
      'DNS:web-1xexample.com',
    ],
  ],
  [rule('DNS regex WEB|db'), ['DNS:web', 'DNS:DB'], ['DNS:webdb', 'DNS:webx', 'DNS:xdb']],

  [
    rule('URI exact https://Example.com/A'),
    ['URI:https://Example.com/A'],
    [
      'URI:https://example.com/A',
      'URI:https://Example.com/a',
      'URI:https://Example.com/A/',
      'DNS:https://Example.com/A',
    ],
  ],
  [
    rule('URI exact https://Example.com/A', { ignoreCase: true }),
    ['URI:HTTPS://EXAMPLE.COM/a'],
    ['URI:https://example.com/b'],
  ],
  [
    rule('URI prefix spiffe://example.org/ns/prod/'),
    ['URI:spiffe://example.org/ns/prod/api'],
    [
      'URI:spiffe://example.org/ns/prodx/api',
      'URI:SPIFFE://example.org/ns/prod/api',
      'URI:x-spiffe://example.org/ns/prod/api',
    ],
  ],
  [rule('URI suffix /api'), ['URI:spiffe://x/api'], ['URI:spiffe://x/api/', 'URI:spiffe://x/API']],
  [rule('URI contains /prod/'), ['URI:spiffe://x/prod/y'], ['URI:spiffe://x/prod']],
  [
    rule('URI regex spiffe://[a-z]+\\.org/.*'),
    ['URI:spiffe://example.org/x'],
    ['URI:xspiffe://example.org/x', 'URI:spiffe://9.org/'],
  ],
  [rule('URI regex A|B'), ['URI:A', 'URI:B'], ['URI:a', 'URI:AB', 'URI:Ax', 'URI:xB', 'URI:A\nB']],
  [rule('URI regex A|B', { ignoreCase: true }), ['URI:a'], ['URI:ab']],

  [
    rule('EMAIL exact alice@example.com'),
    ['EMAIL:alice@example.com'],
    ['EMAIL:Alice@example.com', 'EMAIL:alice@EXAMPLE.com', 'DNS:alice@example.com', 'URI:alice@example.com'],
  ],
  [rule('EMAIL exact alice@example.com', { ignoreCase: true }), ['EMAIL:ALICE@Example.com'], ['EMAIL:bob@example.com']],
  [
    rule('EMAIL suffix @example.com'),
    ['EMAIL:alice@example.com'],
    ['EMAIL:alice@xexample.com', 'EMAIL:alice@sub.example.com'],
  ],

  [rule('IP exact 10.0.0.1'), ['IP:10.0.0.1'], ['IP:10.0.0.10', 'IP:::ffff:10.0.0.1', 'DNS:10.0.0.1']],
  [rule('IP exact 2001:DB8:0:0:0::1'), ['IP:2001:db8::1'], ['IP:2001:db8::2']],
  [rule('IP exact 10.0.0.01'), [], ['IP:10.0.0.1']],
  [rule('IP exact all'), [], ['IP:10.0.0.1']],
  [rule('IP prefix 2001:DB8:'), ['IP:2001:db8::1'], ['IP:2001:db9::1']],

  [rule('OTHER_NAME exact alice@corp'), ['OTHER_NAME:alice@corp'], ['OTHER_NAME:Alice@corp', 'EMAIL:alice@corp']],
  [rule('OTHER_NAME exact k', { ignoreCase: true }), ['OTHER_NAME:K'], ['OTHER_NAME:\u212a', 'OTHER_NAME:kk']],
  [rule('OTHER_NAME suffix @corp'), ['OTHER_NAME:alice@corp'], ['OTHER_NAME:alice@corp2']],
  [rule('OTHER_NAME exact alice@corp', { oid: '1.2.3' }), [], ['OTHER_NAME:alice@corp']],

  [rule('URI prefix '), [], ['URI:x']],
  [rule('EMAIL suffix '), [], ['EMAIL:x']],
  [rule('DNS contains '), [], ['DNS:a.test']],
  [rule('URI exact '), [], ['URI:']],
  [rule('URI regex '), [], ['URI:x']],
];

for (const [one, admitted, refused] of table) {
  describe(describeSanRule(one), () => {
    for (const name of admitted) it(`admits ${JSON.stringify(name)}`, () => assert.ok(admits(one, [san(name)])));
    for (const name of refused) it(`refuses ${JSON.stringify(name)}`, () => assert.ok(!admits(one, [san(name)])));
  });
}

test('no rule looks at the common name, whatever it says', async () => {
  for (const cn of ['api.example.com', 'spiffe://example.org/a', 'alice@example.com', '10.0.0.1']) {
    const bare = readFacts((await ca.issue({ kind: 'client', cn })).der);
    const rules = (['DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME'] as const).flatMap((type) => [
      rule(`${type} exact ${cn}`),
      rule(`${type} regex .*`),
    ]);
    assert.equal(new SanRules([...rules, { kind: 'spiffe', id: cn }]).find(bare), undefined);
  }
});

test('any rule that any name satisfies suffices, and the first one is named', () => {
  const rules = [rule('DNS exact a.test'), rule('URI prefix x:'), rule('URI exact x:1')];
  const found = new SanRules(rules).find({ ...plain, sans: [san('EMAIL:e@x'), san('URI:x:1')] });
  assert.equal(found, rules[1]);
  assert.ok(!admits(rules, [san('EMAIL:a.test'), san('URI:y')]));
  assert.ok(!admits(rules, []));
  assert.ok(!admits([], [san('DNS:a.test')]));
});

test('SPIFFE rules compare the whole ID, or the trust domain alone, and only where there is one identity', () => {
  const id = { kind: 'spiffe', id: 'spiffe://example.org/a' } as const;
  const domain = { kind: 'trustDomain', domain: 'example.org' } as const;
  const rows: [uris: string[], byId: boolean, byDomain: boolean][] = [
    [['spiffe://example.org/a'], true, true],
    [['spiffe://example.org/a/b'], false, true],
    [['spiffe://example.org.evil.com/a'], false, false],
    [['spiffe://xexample.org/a'], false, false],
    [['spiffe://EXAMPLE.org/a'], false, false],
    [['spiffe://example.org/a', 'spiffe://example.org/a'], false, false],
    [['spiffe://example.org/a', 'https://example.org/'], false, false],
    [['spiffe://example.org/a?x'], false, false],
    [[], false, false],
  ];
  for (const [uris, byId, byDomain] of rows) {
    const sans = [...uris.map((value) => ({ type: 'URI', value }) as const), san('DNS:a.test')];
    assert.deepEqual([admits(id, sans), admits(domain, sans)], [byId, byDomain], uris.join(' '));
  }
  assert.ok(!admits(id, [san('DNS:spiffe://example.org/a')]));
});

test('a pattern that only holds together between our brackets is no pattern', () => {
  for (const value of ['a)|(b', 'a)|(?:b', '(', '[', 'a)']) {
    assert.throws(() => new SanRules([rule(`URI regex ${value}`)]), SyntaxError, value);
  }
});

test('a pattern sees neither names over its limit nor more names than its limit', () => {
  const any = rule('URI regex x*');
  assert.ok(admits(any, [san(`URI:${'x'.repeat(maxPatternInput)}`)]));
  assert.ok(!admits(any, [san(`URI:${'x'.repeat(maxPatternInput + 1)}`)]));
  const many = Array.from({ length: maxPatternNames - 1 }, () => san('URI:y'));
  assert.ok(admits(any, [...many, san('URI:x')]));
  assert.ok(!admits(any, [...many, san('URI:y'), san('URI:x')]));
  const long = Array.from({ length: 8 }, () => san(`URI:${'y'.repeat(256)}`));
  assert.ok(admits(any, [...long.slice(1), san(`URI:${'x'.repeat(256)}`)]));
  assert.ok(!admits(any, [...long, san('URI:x')]), 'long names cost more');
  const mixed = Array.from({ length: 500 }, () => san('EMAIL:y'));
  assert.ok(admits(any, [...mixed, san('URI:x')]), 'names of other types do not count');
});

test('a thousand long names and a hundred rules are compared in bounded time, and still exactly', () => {
  const sans = Array.from({ length: 1000 }, (_, i) => san(`DNS:${'a'.repeat(60)}.${'b'.repeat(60)}${i}.example.com`));
  const rules = Array.from({ length: 100 }, (_, i) => rule(`DNS exact n${i}.example.com`));
  assert.ok(!admits(rules, sans));
  assert.ok(admits(rules, [...sans, san('DNS:n99.example.com')]));
});

const anySan: fc.Arbitrary<San> = fc
  .record({
    type: fc.constantFrom<SanType>('DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME'),
    value: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 40 }),
      fc.domain(),
      fc.stringMatching(/^[*.a-zA-Z-]{0,20}$/),
    ),
    oid: fc.constantFrom(upn, '1.2.3'),
  })
  .map(({ type, value, oid }) => (type === 'OTHER_NAME' ? { type, value, oid } : { type, value }));
const anyRule: fc.Arbitrary<SanNameRule> = fc
  .record({
    type: fc.constantFrom<SanType>('DNS', 'URI', 'EMAIL', 'IP', 'OTHER_NAME'),
    matcher: fc.constantFrom('exact', 'prefix', 'suffix', 'contains'),
    value: fc.oneof(fc.string({ maxLength: 6 }), fc.domain(), fc.stringMatching(/^[*.a-zA-Z-]{0,6}$/)),
    ignoreCase: fc.boolean(),
  })
  .map((made) => ({ kind: 'san', ...made, oid: made.type === 'OTHER_NAME' ? upn : undefined }));

test('whatever the names and the rule, only a name of the rule’s own type can satisfy it', () => {
  fc.assert(
    fc.property(anyRule, fc.array(anySan, { maxLength: 6 }), (one, sans) => {
      const own = sans.filter(({ type, oid }) => type === one.type && oid === one.oid);
      assert.equal(admits(one, sans), admits(one, own));
      assert.equal(
        admits(one, sans),
        own.some((name) => admits(one, [name])),
      );
    }),
    { numRuns: 2000 },
  );
});

test('a text rule says of URIs and e-mail addresses what the same comparison of the texts says', () => {
  const type = fc.constantFrom('URI', 'EMAIL');
  const text = fc.stringMatching(/^[aAbB:]{1,4}$/);
  const matcher = fc.constantFrom('exact', 'prefix', 'suffix', 'contains');
  fc.assert(
    fc.property(type, matcher, text, text, fc.boolean(), (kind, how, value, name, ignoreCase) => {
      const [a, b] = ignoreCase ? [name.toLowerCase(), value.toLowerCase()] : [name, value];
      const wanted = { exact: a === b, prefix: a.startsWith(b), suffix: a.endsWith(b), contains: a.includes(b) }[how];
      assert.equal(admits(rule(`${kind} ${how} ${value}`, { ignoreCase }), [san(`${kind}:${name}`)]), wanted);
    }),
    { numRuns: 1000 },
  );
});

describe('a rule over the subject', () => {
  const about = (kind: SubjectRule['kind'], text: string, ignoreCase = false): SubjectRule => {
    const [, matcher = '', value = ''] = /^(\w+) (.*)$/s.exec(text) ?? [];
    return { kind, matcher: matcher as SubjectRule['matcher'], value, ignoreCase };
  };
  const holds = async (one: SubjectRule, ...rdns: Rdn[]): Promise<boolean> => {
    const subject = encodeName(rdns);
    const { der } = await ca.issue({ kind: 'client', subject, sans: ['a.test'] });
    return new SanRules([one]).find(readFacts(der)) !== undefined;
  };
  const o: Rdn = [['O', 'Acme']];
  const cn = (value: string): Rdn => [['CN', value]];

  for (const [text, admitted, refused] of [
    [
      'exact CN=a,O=Acme',
      [[o, cn('a')]],
      [
        [cn('a'), o],
        [o, cn('A')],
        [o, o, cn('a')],
        [cn('a,O=Acme')],
        [
          [
            ['CN', 'a'],
            ['O', 'Acme'],
          ],
        ],
        [],
      ],
    ],
    [
      'suffix ,O=Acme',
      [
        [o, cn('a')],
        [o, [['OU', 'x']]],
      ],
      [
        [cn('a,O=Acme')],
        [
          [
            ['O', 'Acme'],
            ['CN', 'a'],
          ],
        ],
        [cn('a'), o],
        [[['O', 'Acme2']], cn('a')],
      ],
    ],
    ['prefix CN=svc-', [[o, cn('svc-a')]], [[o, cn('xsvc-')], [cn('svc-a'), o], [[['OU', 'CN=svc-']]]]],
    [
      'contains OU=Ops',
      [[o, [['OU', 'Ops']], cn('a')]],
      [
        [o, cn('OU=Ops')],
        [o, cn('x,OU=Ops')],
      ],
    ],
    [
      'regex CN=[^,]+,O=Acme',
      [
        [o, cn('a')],
        [o, cn('x,y')],
      ],
      [[o, [['OU', 'x']], cn('a')], [cn('a,O=Acme')]],
    ],
  ] as const) {
    it(`${text}: whole parts of the name, never what a value looks like`, async () => {
      for (const name of admitted) assert.ok(await holds(about('subject', text), ...name), JSON.stringify(name));
      for (const name of refused) assert.ok(!(await holds(about('subject', text), ...name)), JSON.stringify(name));
    });
  }

  it('over the common name asks for one, without control characters', async () => {
    const exact = about('commonName', 'exact admin');
    assert.ok(await holds(exact, o, cn('admin')));
    for (const name of [
      [o],
      [cn('Admin')],
      [cn('admin'), cn('x')],
      [cn('x'), cn('admin')],
      [[['OU', 'admin']]],
    ] as Rdn[][])
      assert.ok(!(await holds(exact, ...name)), JSON.stringify(name));
    const prefix = about('commonName', 'prefix ADM', true);
    assert.ok(await holds(prefix, cn('admin')));
    assert.ok(!(await holds(prefix, cn('admin\0.evil'))));
  });
});

test('descriptions say type, matcher and text on one line, whatever stands in them', () => {
  assert.equal(describeSanRule(rule('URI prefix spiffe://x/')), 'URI prefix "spiffe://x/"');
  assert.equal(describeSanRule(rule('EMAIL exact a@b', { ignoreCase: true })), 'EMAIL exact "a@b" in any case');
  assert.equal(describeSanRule(rule('OTHER_NAME exact a')), `OTHER_NAME ${upn} exact "a"`);
  assert.equal(describeSanRule({ kind: 'trustDomain', domain: 'x' }), 'trustDomain "x"');
  const subject: SubjectRule = { kind: 'subject', matcher: 'suffix', value: ',O=x', ignoreCase: true };
  assert.equal(describeSanRule(subject), 'subject suffix ",O=x" in any case');
  const long = describeSans(Array.from({ length: 9 }, () => san(`URI:\n\u202e${'x'.repeat(3000)}`)));
  assert.match(long, /^URI:\\x0a\\u\{202e\}x+…, and 8 more$/);
  assert.ok(long.length < 200);
});
