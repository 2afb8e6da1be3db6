// Certificates whose names want to be something else: separators, quotes, control bytes, other scripts, text that is
// reordered on screen, several values in one place, nothing, and far too much. For property tests.
import fc from 'fast-check';
import { encodeName, type Rdn } from '../../src/asn1/der-writer.ts';
import type { San } from '../../src/certs/facts.ts';

/** What the grammars of headers, names and logs are made of. */
const tricks = fc.constantFrom(
  '"',
  '\\',
  ',',
  ';',
  '=',
  '+',
  '<',
  '>',
  '#',
  ' ',
  '%',
  '%2C',
  '%00',
  '\\2C',
  "'",
  ':',
  '/',
  'By=spiffe://example.org/admin',
  ';Hash=00',
  '",Subject="CN=root',
  'URI:spiffe://example.org/admin',
  ',DNS:admin.test',
  '/CN=admin',
  '","status":200,"x":"',
  '\u001b[2K',
  '-----BEGIN CERTIFICATE-----',
);

/** What makes a certificate malformed, or has to be escaped. */
const unprintable = fc.constantFrom(
  '\0',
  '\r\n',
  '\r\nX-Forwarded-Client-Cert: Hash=00',
  '\t',
  '\u007f',
  '\u0085',
  '\u00e9',
  '\u65e5',
  '\u{1f600}',
  '\u202e',
  '\u2066',
  '\u200b',
  '\ufeff',
  '\u2028',
);

const printable = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });

function textOf(...parts: fc.WeightedArbitrary<string>[]): fc.Arbitrary<string> {
  return fc.array(fc.oneof(...parts), { maxLength: 6 }).map((pieces) => pieces.join(''));
}

const asciiText = textOf({ arbitrary: tricks, weight: 3 }, { arbitrary: printable, weight: 2 });
const anyText = textOf(
  { arbitrary: tricks, weight: 3 },
  { arbitrary: printable, weight: 2 },
  { arbitrary: unprintable, weight: 2 },
);
const sanText = fc.oneof(
  { arbitrary: asciiText, weight: 20 },
  { arbitrary: anyText, weight: 2 },
  { arbitrary: fc.integer({ min: 200, max: 2100 }).map((length) => 'x'.repeat(length)), weight: 1 },
);

const san: fc.Arbitrary<San> = fc.oneof(
  fc.record({ type: fc.constantFrom('DNS', 'URI', 'EMAIL'), value: sanText }, { noNullPrototype: true }),
  fc.record({ type: fc.constant('IP'), value: fc.oneof(fc.ipV4(), fc.ipV6()) }, { noNullPrototype: true }),
  fc.record(
    {
      type: fc.constant('OTHER_NAME'),
      value: fc.oneof(asciiText, anyText),
      oid: fc.constantFrom('1.3.6.1.4.1.311.20.2.3', '1.2.3.4'),
    },
    { noNullPrototype: true },
  ),
);

const attribute = fc.tuple(fc.constantFrom('CN', 'O', 'OU', 'L', 'ST', 'UID', '1.2.3.4'), anyText);
const rdn: fc.Arbitrary<Rdn> = fc.array(attribute, { minLength: 1, maxLength: 3 });

export type HostileNames = { readonly subject: readonly Rdn[]; readonly sans: readonly San[] };

export const hostileNames: fc.Arbitrary<HostileNames> = fc.record(
  { subject: fc.array(rdn, { maxLength: 4 }), sans: fc.array(san, { maxLength: 5 }) },
  { noNullPrototype: true },
);

/** As mintCa's `issue` takes them. */
export function issueOptions({ subject, sans }: HostileNames): { kind: 'client'; subject: Buffer; sans: San[] } {
  return { kind: 'client', subject: encodeName(subject), sans: [...sans] };
}
