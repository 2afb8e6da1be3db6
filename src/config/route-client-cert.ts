// `security.clientCert` of a route: who may call it. Whether that can be verified at all, check-who-may-call.ts looks at together
// with the policies.
import type { z } from 'zod';
import type { Cursor } from '../yaml/cursor.ts';
import { closedMap, flag, list } from './atoms.ts';
import type { RouteClientCertConfig } from './gateway-config.ts';
import { key } from './key.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { reportEmpty } from './reading.ts';
import { readSanRules, ruleExample, sanRuleShape } from './san-rules.ts';

export const routeClientCertExample =
  'Here it says who may call the route, for example clientCert: {required: true}. What the gateway shows to backends has its place at security.tls.clientCert.';

export const routeClientCertShape = closedMap({
  required: key(flag, {
    says: 'Default {default}. false: anonymous clients may call too.',
    default: true,
    page: 'The route answers 403 to clients without a certificate, over plain HTTP 308 or 403. `false`: they may call it too (warning beside `allow`).',
  }),
  allow: key(list(sanRuleShape), {
    says: 'Rules as in allowedSANs; one that holds suffices. Default: every authenticated client. Never empty.',
    unset: 'every authenticated client',
    page: '[Rules over names](#rules-over-names); one has to hold for the certificate, else 403.',
    example: ruleExample,
  }),
});
type RouteClientCertShape = z.output<typeof routeClientCertShape>;

/** The block under `clientCert` of `around`; `{required: false}` says that anyone may call, whatever the default is. */
export function readRouteClientCert(
  shape: RouteClientCertShape | undefined,
  around: Cursor,
  problems: ProblemList,
): RouteClientCertConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'clientCert', problems);
  const at = around.down('clientCert');
  reportEmpty(at, 'required', problems);
  const { required } = shape;
  const allow = readSanRules(shape.allow, at, 'allow', problems);
  if (!required && allow !== undefined)
    problems.warn(
      'client_auth_optional',
      at.keyPlace('required'),
      'allow narrows down only clients with a certificate: anonymous ones may call the route all the same',
      'Write required: true to refuse them.',
    );
  return { required, allow, place: at.place };
}
