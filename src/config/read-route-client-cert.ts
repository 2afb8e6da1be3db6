// `security.clientCert` of a route: who may call it. Whether that can be verified at all, check-who-may-call.ts looks at together
// with the policies.
import type { Cursor } from '../yaml/cursor.ts';
import type { RouteClientCertConfig } from './gateway-config.ts';
import type { RouteClientCertShape } from './identity-shape.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { readSanRules } from './read-san-rules.ts';
import { reportEmpty } from './reading.ts';

/** The block under `clientCert` of `around`; `{required: false}` says that anyone may call, whatever the default is. */
export function readRouteClientCert(
  shape: RouteClientCertShape | undefined,
  around: Cursor,
  problems: ProblemList,
): RouteClientCertConfig | undefined {
  if (shape === undefined) return reportEmpty(around, 'clientCert', problems);
  const at = around.down('clientCert');
  reportEmpty(at, 'required', problems);
  const required = shape.required ?? true;
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
