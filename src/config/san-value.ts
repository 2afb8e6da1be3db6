// What the text of a name rule must look like for each type of name: text that no certificate can carry is a mistake, and
// text that takes in more than it seems to is worth a warning. trust/san-rule.ts compares.
import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import { canonicalIp } from '../base/ip-name.ts';
import type { SanRuleConfig } from './gateway-config.ts';
import { parseHostName } from './host-name.ts';
import type { Mistake } from './reading.ts';
import { parseWholeRegex } from './safe-regex.ts';

type NameRule = Extract<SanRuleConfig, { kind: 'san' }>;
export type SanValueReading =
  | { readonly value: string; readonly warning?: Mistake & { readonly code: string } }
  | Mistake;

/** What only a pattern takes that takes everything. */
const nobodysNames: readonly string[] = ['~0', 'spiffe://~0/~1', '~0@~1.~2'];

/** No certificate carries a longer name: the reader refuses it (certs/san-reader.ts). */
const maxNameBytes = 2048;

/** The value in the form in which it is compared. */
export function parseSanValue(type: NameRule['type'], matcher: NameRule['matcher'], text: string): SanValueReading {
  if (text === '')
    return {
      problem: matcher === 'exact' || matcher === 'regex' ? 'matches no name' : 'every name would match',
      hint: 'Write the text that the name is compared with.',
    };
  if (text.length > maxNameBytes) return { problem: `is longer than a name can be (${maxNameBytes} bytes)`, hint: '' };
  if (type === 'IP') return parseAddress(matcher, text);
  if (matcher === 'regex') return parseNamePattern(type, text);
  if (/[\u0000-\u001f\u007f-\u009f]/.test(text))
    return { problem: 'holds a control character, which no name has', hint: 'Remove it.' };
  if (type === 'OTHER_NAME') return { value: text };
  if (/[^\u0000-\u007f]/.test(text)) return notAscii(type, matcher, text);
  if (type === 'DNS') return matcher === 'exact' ? parseDnsName(text) : parseDnsPart(matcher, text);
  return type === 'URI' ? parseUri(matcher, text) : parseEmail(matcher, text);
}

function parseAddress(matcher: NameRule['matcher'], text: string): SanValueReading {
  if (matcher !== 'exact')
    return {
      problem: `${matcher} does not go with addresses, as the same address has several spellings`,
      hint: 'Write exact, one rule for each address.',
    };
  const value = canonicalIp(text);
  if (value !== undefined) return { value };
  return {
    problem: 'is not an IP address',
    hint: text.includes('/')
      ? 'Certificates name single addresses, not ranges: write one rule for each address.'
      : 'For example 192.0.2.7 or 2001:db8::7.',
  };
}

/** A pattern over names of one type, over the subject (ASCII, asn1/name-text.ts) or over the common name. */
export function parseNamePattern(type: NameRule['type'] | 'subject' | 'commonName', text: string): SanValueReading {
  if (type !== 'OTHER_NAME' && type !== 'commonName' && /[^\u0020-\u007e]/.test(text))
    return { problem: 'holds a character that no name of this type has', hint: 'Names of this type are plain ASCII.' };
  const reading = parseWholeRegex(text);
  if (!('pattern' in reading)) return reading;
  if (nobodysNames.every((name) => new RegExp(`^(?:${reading.pattern})$`).test(name)))
    return {
      value: reading.pattern,
      warning: {
        code: 'open_pattern',
        problem: 'takes every name of the type',
        hint: 'Write what tells the wanted names from others, or leave the rule out.',
      },
    };
  // Within [ ] a dot is a dot.
  const dot = /\w+(?<!\\\w)\.\w+/.exec(text.replace(/\[(?:\\.|[^\]\\])*\]/g, '[]'))?.[0];
  if (dot === undefined) return { value: reading.pattern };
  return {
    value: reading.pattern,
    warning: {
      code: 'open_pattern',
      problem: `has a bare dot in ${dot}, so it takes ${dot.replace('.', 'x')} too`,
      hint: 'Write \\. for a dot.',
    },
  };
}

function notAscii(type: string, matcher: string, text: string): Mistake {
  const host = type === 'DNS' && matcher === 'exact' ? parseHostName(text) : undefined;
  return host !== undefined && 'problem' in host
    ? host
    : { problem: `names of type ${type} are plain ASCII: this could never match`, hint: 'Write the encoded form.' };
}

function parseDnsName(text: string): SanValueReading {
  if (isIpLiteral(text)) return { problem: 'is an IP address, not a DNS name', hint: 'Write type: IP.' };
  const wildcard = text.startsWith('*.');
  const reading = parseHostName(wildcard ? text.slice(2) : text);
  if ('problem' in reading) return reading;
  if (!wildcard) return { value: reading.host };
  return {
    value: `*.${reading.host}`,
    warning: {
      code: 'wildcard_name',
      problem: 'admits only certificates that carry this very wildcard name, not every host below it',
      hint: `To admit any host below it write suffix: ".${reading.host}".`,
    },
  };
}

function parseDnsPart(matcher: NameRule['matcher'], text: string): SanValueReading {
  const value = (
    matcher === 'suffix' && text.length > 1 && text.endsWith('.') ? text.slice(0, -1) : text
  ).toLowerCase();
  if (matcher !== 'contains' && text.startsWith('*'))
    return {
      problem: `a ${matcher} with a * matches wildcard certificates only`,
      hint: `Leave the * out: ${matcher}: "${text.replace(/^\*+/, '')}".`,
    };
  if (!/^[a-z0-9._-]+$/.test(value) || value.includes('..'))
    return {
      problem: 'could be part of no DNS name',
      hint: 'Letters, digits, hyphens and dots; no scheme, port or path.',
    };
  if (matcher !== 'suffix' || value.startsWith('.')) return { value };
  const other = canonicalHostName(`evil${value}`) === undefined ? value : `evil${value}`;
  return {
    value,
    warning: {
      code: 'open_suffix',
      problem: `does not start with a dot, so it takes ${other} too`,
      hint: `Write suffix: ".${value}", and a rule with exact for ${value} itself.`,
    },
  };
}

function parseUri(matcher: NameRule['matcher'], text: string): SanValueReading {
  const [, host] = matcher === 'prefix' ? (/^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)$/.exec(text) ?? []) : [];
  if (host === undefined) return { value: text };
  const hint = host === '' ? `Name the host too: prefix: "${text}example.org/".` : `Write prefix: "${text}/".`;
  const problem = `ends within the host, so it takes ${text}${host === '' ? '' : '.'}evil.example too`;
  return { value: text, warning: { code: 'open_prefix', problem, hint } };
}

function parseEmail(matcher: NameRule['matcher'], text: string): SanValueReading {
  if (matcher === 'exact' && !/^[^@\s]+@[^@\s]+$/.test(text))
    return { problem: 'is not an e-mail address', hint: 'For example ops@example.com.' };
  if (matcher !== 'suffix' || /[@.]/.test(text.charAt(0)) || text.slice(1).includes('@')) return { value: text };
  return {
    value: text,
    warning: {
      code: 'open_suffix',
      problem: `does not start with an @, so it takes addresses at evil${text} too`,
      hint: `Write suffix: "@${text}".`,
    },
  };
}
