// Values that filters write into fields: text in which `{request.path}` stands for what a request says, and `{identity.spiffe}`
// for what was verified of its client. One brace, as Goma has it: `${NAME}` is the environment's, and replaced before.
import { findNearest } from '../yaml/nearest.ts';
import type { Mistake } from './reading.ts';

export const templateVariables = [
  'identity.spiffe',
  'identity.subject',
  'identity.issuer',
  'identity.serial',
  'identity.fingerprint',
  'identity.sans',
  'identity.dns',
  'identity.uri',
  'identity.email',
  'client.address',
  'request.id',
  'request.method',
  'request.scheme',
  'request.host',
  'request.path',
  'request.query',
  'route.name',
] as const;
export type TemplateVariable = (typeof templateVariables)[number];

/** Text, and what is put between. Never empty. */
export type FieldTemplate = readonly (string | { readonly variable: TemplateVariable })[];

const maxLength = 4_096;

const variable = /\{([A-Za-z]+(?:\.[A-Za-z0-9_-]+)+)\}/g;

/** The parts of a value without the white space around it, which no field keeps. */
export function parseTemplate(written: string): FieldTemplate | Mistake {
  const text = written.trim();
  if (text.length > maxLength) return { problem: `is longer than ${maxLength} characters`, hint: '' };
  if (/[^\t\x20-\x7e]/.test(text))
    return { problem: 'holds a line break or a character outside ASCII', hint: 'No field can carry it; encode it.' };
  const parts: FieldTemplate[number][] = [];
  let end = 0;
  for (const match of text.matchAll(variable)) {
    const [whole, name = ''] = match;
    const known = templateVariables.find((one) => one === name);
    if (known === undefined) return unknown(name);
    if (match.index > end) parts.push(text.slice(end, match.index));
    parts.push({ variable: known });
    end = match.index + whole.length;
  }
  if (end < text.length || parts.length === 0) parts.push(text.slice(end));
  return parts;
}

function unknown(name: string): Mistake {
  const near = findNearest(name, templateVariables);
  return {
    problem: `there is no {${name}}`,
    hint: near === undefined ? `Known are ${templateVariables.join(', ')}.` : `Did you mean {${near}}?`,
  };
}

/** It tells something of the client on the gateway's authority: its certificate, or its address. */
export function tellsOfClient(template: FieldTemplate): boolean {
  return template.some((part) => typeof part === 'object' && /^(?:identity|client)\./.test(part.variable));
}
