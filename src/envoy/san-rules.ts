// match_typed_subject_alt_names, the older match_subject_alt_names and principal_name, as `allowedSANs` of ours: a rule looks at names of
// one type.
import { isIP } from 'node:net';
import type { DraftMap } from '../import/draft.ts';
import type { SourceMap, SourceValue } from '../import/source-map.ts';
import type { Context } from './context.ts';
import { readStringMatcher, type StringRule } from './string-matcher.ts';

/** SubjectAltNameMatcher.SanType by number. */
const sanTypes = ['SAN_TYPE_UNSPECIFIED', 'EMAIL', 'DNS', 'URI', 'IP_ADDRESS', 'OTHER_NAME'];
const ourTypes: Readonly<Record<string, string>> = {
  EMAIL: 'EMAIL',
  DNS: 'DNS',
  URI: 'URI',
  IP_ADDRESS: 'IP',
  OTHER_NAME: 'OTHER_NAME',
};

/** `validation`: one CertificateValidationContext. Undefined where none is written. What could not be read failed the import. */
export function readSanRules(context: Context, validation: SourceMap, became: string): DraftMap[] | undefined {
  const typed = validation.items('match_typed_subject_alt_names');
  const untyped = validation.items('match_subject_alt_names');
  if (typed.length + untyped.length === 0) return undefined;
  return [
    ...typed.map((value) => typedRule(context, value, became)),
    ...untyped.map((value) => untypedRule(context, value, became)),
  ].filter((rule) => rule !== undefined);
}

function typedRule(context: Context, value: SourceValue, became: string): DraftMap | undefined {
  const { map } = value;
  const matcher = map?.get('matcher');
  if (map === undefined || matcher === undefined) {
    context.report.refuse('bad_value', value, value.shown, 'has to have a san_type and a matcher');
    return undefined;
  }
  const word = context.word(map, 'san_type', sanTypes);
  const type = word === undefined ? undefined : ourTypes[word];
  if (type === undefined) {
    if (!map.has('san_type') || word !== undefined)
      context.report.refuse('bad_value', value, value.shown, 'names no type of names');
    return undefined;
  }
  const rule = readStringMatcher(context, matcher);
  if (rule === undefined) return undefined;
  if (type === 'IP' && rule.kind !== 'exact') {
    context.loses('certificate_rule', rule.value, 'an IP address is compared as a whole here; list each one');
    return undefined;
  }
  const oid = map.text('oid');
  context.report.taken(value, `${word} ${rule.value.shown}`, became);
  return ruleOf(type, rule, oid);
}

/** `exact: x` without a type: Envoy looks at names of every type. Here the one that the text can be is meant. */
function untypedRule(context: Context, value: SourceValue, became: string): DraftMap | undefined {
  const rule = readStringMatcher(context, value);
  return rule === undefined ? undefined : ruleOfAnyType(context, rule, became);
}

export function ruleOfAnyType(context: Context, rule: StringRule, became: string): DraftMap | undefined {
  const type = typeOfText(rule);
  if (type === undefined) {
    const says = 'names of every type count there; write which is meant: san_type DNS, URI, EMAIL or IP_ADDRESS';
    if (!context.loses('untyped_names', rule.value, says)) return undefined;
    return ruleOf('DNS', rule);
  }
  const says = `names of type ${type} alone (${became}); there names of every other type count as well`;
  context.report.changed(rule.value, rule.value.shown, says);
  return ruleOf(type, rule);
}

function typeOfText({ kind, text }: StringRule): string | undefined {
  if (kind === 'exact' && isIP(text) !== 0) return 'IP';
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return 'URI';
  if (kind === 'exact' && /^[^@\s]+@[^@\s]+$/.test(text)) return 'EMAIL';
  if (kind === 'exact' && /^(?:\*\.)?[\w-]+(?:\.[\w-]+)*$/.test(text)) return 'DNS';
  return kind === 'suffix' && /^\.?[\w-]+(?:\.[\w-]+)+$/.test(text) ? 'DNS' : undefined;
}

export function ruleOf(type: string, { kind, text, ignoreCase }: StringRule, oid?: string): DraftMap {
  const rule: DraftMap = { type };
  if (oid !== undefined) rule['oid'] = oid;
  rule[kind] = text;
  // Names of hosts are compared without case always.
  if (ignoreCase && type !== 'DNS' && type !== 'IP') rule['ignoreCase'] = true;
  return rule;
}
