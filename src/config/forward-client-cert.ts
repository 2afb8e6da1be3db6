// `forwardClientCert` of the gateway and of a route: which parts of the client's identity backends are told, and in which
// fields. Names of further fields are read by custom-field.ts.
import type { z } from 'zod';
import { foldName } from '../http/fold-name.ts';
import { closedMap, flag, list, map, oneOf, text } from './atoms.ts';
import { mistakeInCustomField } from './custom-field.ts';
import type { Cursor } from '../yaml/cursor.ts';
import type { ForwardClientCertConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { block, inheriting, key } from './key.ts';
import { reportEmpty, reportMistake } from './reading.ts';
import { quote } from '../yaml/tree.ts';

const maxCustom = 16;

const customValues = ['pem', 'der', 'subject', 'issuer', 'serial', 'fingerprint', 'spiffe', 'sans'] as const;
const xfccPage = (page: string): string => `Of \`X-Forwarded-Client-Cert\`: ${page}.`;

export const forwardClientCertKeys = {
  mode: key(oneOf(['sanitize', 'forwardOnly', 'appendForward', 'sanitizeSet', 'alwaysForwardOnly']), {
    says: 'What becomes of X-Forwarded-Client-Cert. Default: sanitizeSet where the client is authenticated, else sanitize.',
    unset: '`sanitizeSet` where the client is authenticated, else `sanitize`',
    restricts: true,
    page: "`sanitize`, `forwardOnly`, `appendForward`, `sanitizeSet`, `alwaysForwardOnly`, with Envoy's meaning. For `X-Forwarded-Client-Cert` alone: `rfc9440` and `custom` are sent in every mode where the client is authenticated ([what is sent when](forwarded-identity.md#what-is-sent-when)).",
  }),
  xfcc: block(
    {
      format: key(oneOf(['text', 'json'], true), {
        says: "Envoy's text form, or its JSON form. Default {default}.",
        default: 'text',
        page: xfccPage(
          "its form, `text` or `json` ([both are Envoy's](forwarded-identity.md#x-forwarded-client-cert))",
        ),
      }),
      subject: key(flag, { says: 'Default {default}.', default: true, page: xfccPage('the subject') }),
      uri: key(flag, { says: 'Default {default}.', default: true, page: xfccPage('URIs among the names') }),
      dns: key(flag, { says: 'Default {default}.', default: true, page: xfccPage('DNS names among the names') }),
      cert: key(flag, {
        says: 'The certificate, PEM percent-encoded. Default {default}.',
        default: false,
        page: xfccPage('the certificate, PEM percent-encoded'),
      }),
      chain: key(flag, {
        says: 'The certificate and its chain. Default {default}.',
        default: false,
        page: xfccPage('the certificate and its chain'),
      }),
    },
    { says: 'Parts of the X-Forwarded-Client-Cert element.' },
  ),
  rfc9440: block(
    {
      clientCert: key(flag, {
        says: 'Client-Cert. Default {default}.',
        default: false,
        page: 'The field `Client-Cert`. A route that switches it off switches `chain` off too.',
      }),
      chain: key(flag, {
        says: 'Client-Cert-Chain; only with clientCert. Default {default}.',
        default: false,
        page: 'The field `Client-Cert-Chain`. Without `clientCert` an error.',
      }),
    },
    { says: 'The fields of RFC 9440.' },
  ),
  custom: key(
    list(
      closedMap({
        name: key(text, { says: 'Name of the field; required.' }),
        value: key(oneOf([...customValues, 'der-base64'], true), {
          says: 'What the field holds; required. der (also der-base64) is base64 of the certificate.',
        }),
      }),
    ),
    {
      says: 'Further fields. Default none; a list on a route replaces the whole list of the gateway.',
      default: [],
      restricts: true,
      page: "Up to 16 `{name, value}`. `name`: a field name of up to 128 characters, none that HTTP or the gateway uses (`Host`, `Cookie`, `Authorization`, `Content-*`, `X-Forwarded-*` but for Traefik's `X-Forwarded-Tls-Client-Cert`, …), distinct from the others also when case and `_`/`-` are ignored. `value`: `pem`, `der` (base64; also `der-base64`), `subject`, `issuer`, `serial`, `fingerprint`, `spiffe`, `sans`. On a route the list replaces the whole list of the gateway; `[]` means none.",
    },
  ),
};
const ofGateway = map(forwardClientCertKeys);
/** Of a route: what is not written is the gateway's. */
export const routeForwardClientCertShape = map(inheriting(forwardClientCertKeys));
type RouteShape = z.output<typeof routeForwardClientCertShape>;

/** `at`: the block itself. */
export function readForwardClientCert(
  shape: z.output<typeof ofGateway>,
  at: Cursor,
  problems: ProblemList,
): ForwardClientCertConfig {
  reportChainAlone(shape.rfc9440.clientCert, shape.rfc9440.chain, at.down('rfc9440'), problems);
  reportEmpty(at, 'custom', problems);
  return {
    mode: shape.mode,
    xfcc: shape.xfcc,
    rfc9440: withoutChainAlone(shape.rfc9440),
    custom: readCustom(shape.custom, at, problems),
  };
}

/** What is not written is the gateway's, key by key; a `custom` that is written replaces the whole list. `at`: the block itself. */
export function readRouteForwardClientCert(
  shape: RouteShape | undefined,
  at: Cursor,
  ofGateway: ForwardClientCertConfig,
  problems: ProblemList,
): ForwardClientCertConfig {
  const rfc9440 = { ...ofGateway.rfc9440, ...written(shape?.rfc9440 ?? {}) };
  reportChainAlone(rfc9440.clientCert, shape?.rfc9440?.chain === true, at.down('rfc9440'), problems);
  if (shape?.custom === undefined) reportEmpty(at, 'custom', problems);
  return {
    mode: shape?.mode ?? ofGateway.mode,
    xfcc: { ...ofGateway.xfcc, ...written(shape?.xfcc ?? {}) },
    rfc9440: withoutChainAlone(rfc9440),
    custom: shape?.custom === undefined ? ofGateway.custom : readCustom(shape.custom, at, problems),
  };
}

function written<T extends object>(shape: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(shape).filter(([, value]) => value !== undefined)) as never;
}

function reportChainAlone(clientCert: boolean, chain: boolean, at: Cursor, problems: ProblemList): void {
  if (chain && !clientCert && !at.isBroken('clientCert'))
    problems.error(
      'missing_key',
      at.keyPlace('chain'),
      'Client-Cert-Chain is never sent without Client-Cert (RFC 9440 section 2.3)',
      'Write clientCert: true too.',
    );
}

/** Where a route switches Client-Cert off, the gateway's chain goes with it; a chain that is written itself is a mistake then. */
function withoutChainAlone({ clientCert, chain }: ForwardClientCertConfig['rfc9440']) {
  return { clientCert, chain: clientCert && chain };
}

function readCustom(
  shapes: NonNullable<RouteShape['custom']>,
  around: Cursor,
  problems: ProblemList,
): ForwardClientCertConfig['custom'] {
  const at = around.down('custom');
  if (shapes.length > maxCustom) problems.error('too_many', at.place, `more than ${maxCustom} fields`);
  const folded = new Map<string, string>();
  const fields: ForwardClientCertConfig['custom'][number][] = [];
  for (const [i, { name, value }] of shapes.entries()) {
    const here = at.down(i);
    for (const part of ['name', 'value'] as const)
      if (shapes[i]?.[part] === undefined && !here.isBroken(part))
        problems.error('missing_key', here.place, `the field has no \`${part}\``, 'Both name and value are needed.');
    if (name === undefined) continue;
    const nameAt = here.down('name');
    const mistake = mistakeInCustomField(name);
    const same = foldName(name);
    const earlier = folded.get(same);
    if (mistake !== undefined) reportMistake(problems, 'bad_header', nameAt, name, mistake);
    else if (earlier !== undefined)
      problems.error(
        'duplicate_name',
        nameAt.place,
        `two fields are called ${quote(name)}${earlier === name ? '' : ` (${quote(earlier)} is the same to many backends)`}`,
        'Give each its own name.',
      );
    folded.set(same, earlier ?? name);
    if (value !== undefined) fields.push({ name, value: value === 'der-base64' ? 'der' : value });
  }
  return fields;
}
