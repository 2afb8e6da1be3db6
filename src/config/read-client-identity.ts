// `forwardClientCert` of the gateway and of a route: which parts of the client's identity backends are told, and in which
// fields. Names of further fields are read by custom-field.ts.
import { foldName } from '../http/fold-name.ts';
import { mistakeInCustomField } from './custom-field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ForwardClientCertConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import type { ForwardClientCertShape } from './route-shape.ts';
import { quote } from '../yaml/tree.ts';

const maxCustom = 16;

/**
 * What is not written comes from `around` (the gateway's, for a route), key by key; at the top from the defaults. A `custom`
 * that is written replaces the whole list. `at`: the block itself.
 */
export function readForwardClientCert(
  shape: ForwardClientCertShape | undefined,
  at: Cursor,
  problems: ProblemList,
  around?: ForwardClientCertConfig,
): ForwardClientCertConfig {
  const xfcc = shape?.xfcc;
  return {
    mode: shape?.mode ?? around?.mode,
    xfcc: {
      subject: xfcc?.subject ?? around?.xfcc.subject ?? true,
      uri: xfcc?.uri ?? around?.xfcc.uri ?? true,
      dns: xfcc?.dns ?? around?.xfcc.dns ?? true,
      cert: xfcc?.cert ?? around?.xfcc.cert ?? false,
      chain: xfcc?.chain ?? around?.xfcc.chain ?? false,
    },
    rfc9440: readRfc9440(shape?.rfc9440, at.down('rfc9440'), problems, around?.rfc9440),
    custom: readCustom(shape?.custom, at, problems) ?? around?.custom ?? [],
  };
}

/** Where a route switches Client-Cert off, the gateway's chain goes with it; a chain that is written itself is a mistake then. */
function readRfc9440(
  shape: ForwardClientCertShape['rfc9440'],
  at: Cursor,
  problems: ProblemList,
  around: ForwardClientCertConfig['rfc9440'] = { clientCert: false, chain: false },
): ForwardClientCertConfig['rfc9440'] {
  const clientCert = shape?.clientCert ?? around.clientCert;
  if (shape?.chain === true && !clientCert && !at.isBroken('clientCert'))
    problems.error(
      'missing_key',
      at.keyPlace('chain'),
      'Client-Cert-Chain is never sent without Client-Cert (RFC 9440 section 2.3)',
      'Write clientCert: true too.',
    );
  return { clientCert, chain: clientCert && (shape?.chain ?? around.chain) };
}

function readCustom(
  shapes: ForwardClientCertShape['custom'],
  around: Cursor,
  problems: ProblemList,
): ForwardClientCertConfig['custom'] | undefined {
  if (shapes === undefined) return reportEmpty(around, 'custom', problems);
  const at = around.down('custom');
  if (shapes.length > maxCustom) problems.error('too_many', at.place, `more than ${maxCustom} fields`);
  const folded = new Map<string, string>();
  const fields: ForwardClientCertConfig['custom'][number][] = [];
  for (const [i, { name, value }] of shapes.entries()) {
    const here = at.down(i);
    for (const key of ['name', 'value'] as const)
      if (shapes[i]?.[key] === undefined && !here.isBroken(key))
        problems.error('missing_key', here.place, `the field has no \`${key}\``, 'Both name and value are needed.');
    if (name === undefined) continue;
    const nameAt = here.down('name');
    const mistake = mistakeInCustomField(name);
    const key = foldName(name);
    const earlier = folded.get(key);
    if (mistake !== undefined) reportMistake(problems, 'bad_header', nameAt, name, mistake);
    else if (earlier !== undefined)
      problems.error(
        'duplicate_name',
        nameAt.place,
        `two fields are called ${quote(name)}${earlier === name ? '' : ` (${quote(earlier)} is the same to many backends)`}`,
        'Give each its own name.',
      );
    folded.set(key, earlier ?? name);
    if (value !== undefined) fields.push({ name, value: value === 'der-base64' ? 'der' : value });
  }
  return fields;
}
