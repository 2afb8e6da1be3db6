// What pins a certificate or a key, and the three lists that both sides know: allowedSANs, allowedFingerprints, allowedSPKI.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { list, oneOrMore, text } from './atoms.ts';
import type { IdentityRulesConfig } from './gateway-config.ts';
import { key } from './key.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readSanRules, ruleExample, sanRuleShape } from './san-rules.ts';
import { type Mistake, reportMistake, reportNobody } from './reading.ts';

const maxPins = 10_000;

export const identityKeys = {
  allowedSANs: key(list(sanRuleShape), {
    says: 'Rules over the names of the certificate; one that holds suffices. Default: any name. Never empty.',
    unset: 'any name',
    page: "own. Rules over the names of the certificate: [below](#rules-over-names). For backends they replace the check of the endpoint's name (`serverName` is still sent as SNI): a backend of a mesh has a SPIFFE ID and no DNS name.",
    oursAlone: true,
    example: ruleExample,
  }),
  allowedFingerprints: key(oneOrMore(text), {
    says: 'Certificates that are accepted: SHA-256 in hexadecimal. Default: any. Never empty.',
    unset: 'any certificate',
    page: 'own. One or a list of SHA-256 fingerprints of certificates: 64 hexadecimal digits, in any case, colons allowed. SHA-1 is an error.',
    oursAlone: true,
  }),
  allowedSPKI: key(oneOrMore(text), {
    says: 'Keys that are accepted: SHA-256 of the SubjectPublicKeyInfo in base64. Default: any. Never empty.',
    unset: 'any key',
    page: 'own. One or a list of SHA-256 hashes of keys (SubjectPublicKeyInfo): base64, also with `sha256/` or `sha256//` in front. `countersign pki show FILE` prints both.',
    oursAlone: true,
  }),
};
type IdentityShape = z.output<z.ZodObject<typeof identityKeys>>;

/** `at`: the map that holds the keys. */
export function readIdentityRules(shape: IdentityShape, at: Cursor, problems: ProblemList): IdentityRulesConfig {
  return {
    allowedSANs: readSanRules(shape.allowedSANs, at, 'allowedSANs', problems),
    allowedFingerprints: readPins(shape.allowedFingerprints, at, 'allowedFingerprints', parseFingerprint, problems),
    allowedSPKI: readPins(shape.allowedSPKI, at, 'allowedSPKI', parseKeyPin, problems),
  };
}

type PinReading = { readonly pin: string } | Mistake;

function readPins(
  texts: readonly string[] | undefined,
  around: Cursor,
  key: string,
  parse: (text: string) => PinReading,
  problems: ProblemList,
): string[] | undefined {
  if (reportNobody(texts, around, key, problems) || texts === undefined) return undefined;
  const at = around.down(key);
  if (texts.length > maxPins) problems.error('too_many', at.place, `more than ${maxPins} pins`);
  const pins = new Set<string>();
  for (const [i, text] of texts.entries()) {
    const reading = parse(text);
    if ('pin' in reading) pins.add(reading.pin);
    else reportMistake(problems, 'bad_pin', at.down(i), text, reading);
  }
  return [...pins];
}

/** SHA-256 of a certificate, with or without colons, in any case; lower-case hexadecimal in the end. */
function parseFingerprint(text: string): PinReading {
  const hex = (/^[0-9a-f]{2}(?::[0-9a-f]{2})+$/i.test(text) ? text.replaceAll(':', '') : text).toLowerCase();
  if (/^[0-9a-f]{64}$/.test(hex)) return { pin: hex };
  // As other tools print it: `sha256 Fingerprint=AB:CD…`, `sha256:abcd…`.
  const inside = /^sha-?256(?: fingerprint)?[:=](.*)$/.exec(hex)?.[1]?.replaceAll(':', '').trim() ?? '';
  if (/^[0-9a-f]{64}$/.test(inside))
    return { problem: 'has words in front of its digits', hint: 'Write the 64 digits alone.' };
  if (Buffer.from(text, 'base64').length === 32 && /^[A-Za-z0-9+/]{43}=$/.test(text))
    return {
      problem: 'is in base64',
      hint: 'A hash of a key belongs in allowedSPKI; a fingerprint is written in hexadecimal.',
    };
  const hint = 'Write the 64 hexadecimal digits that `countersign pki show FILE` prints as sha256.';
  if (!/^[0-9a-f]+$/.test(hex)) return { problem: 'is not a fingerprint in hexadecimal', hint };
  if (hex.length === 40) return { problem: 'is a SHA-1 fingerprint, which can be forged', hint };
  return { problem: `is not a SHA-256 fingerprint: it has ${hex.length} digits instead of 64`, hint };
}

/** SHA-256 of a SubjectPublicKeyInfo in base64, also with `sha256/` or `sha256//` in front. */
function parseKeyPin(text: string): PinReading {
  const base64 = text.replace(/^sha256\/\/?/i, '');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length === 32 && bytes.toString('base64') === base64) return { pin: base64 };
  const hint = 'Write the 44 characters of base64 that `countersign pki show FILE` prints as spki.';
  const hex = text.replaceAll(':', '');
  if (/^[0-9a-f]{64}$/i.test(hex))
    return {
      problem: 'is in hexadecimal',
      hint: `If it is the SHA-256 of a key write ${Buffer.from(hex, 'hex').toString('base64')}; that of a certificate belongs in allowedFingerprints.`,
    };
  if (/^[0-9a-f]{40}$/i.test(hex) || bytes.length === 20)
    return { problem: 'is a SHA-1 pin, which can be forged', hint };
  if (/^[A-Za-z0-9_-]{43}=?$/.test(base64) && /[_-]/.test(base64))
    return { problem: 'is in base64url', hint: 'Write + for - and / for _.' };
  return { problem: 'is not base64 of 32 bytes', hint };
}
