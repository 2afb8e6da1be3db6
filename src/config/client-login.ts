// `entryPoints.admin.clientLogin`: whose client certificates log in at the console and the API, and with which role.
import type { Cursor } from '../yaml/cursor.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import { closedMap, list, oneOf, text } from './atoms.ts';
import type { ClientLoginConfig } from './gateway-config.ts';
import { key } from './key.ts';
import type { NamedMaterial } from './named-material.ts';
import { reportEmpty } from './reading.ts';
import { readSanRules, ruleExample, sanRuleShape } from './san-rules.ts';
import type { z } from 'zod';

const roles = ['viewer', 'operator', 'admin'] as const;

const example =
  'For example {caBundle: staff, roles: [{role: operator, allow: [{type: EMAIL, suffix: "@ops.example"}]}]}.';

/** An unknown key could be a condition: it is an error always. */
const clientLoginShape = closedMap({
  caBundle: key(text, {
    says: 'Id of gateway.caBundles that client certificates are verified with. Required.',
    unset: 'required',
    page: 'own. Id of `gateway.caBundles` that client certificates are verified with, its `crl` included.',
  }),
  roles: key(
    list(
      closedMap({
        role: key(oneOf(roles), {
          says: 'viewer, operator or admin; required.',
          unset: 'required',
          page: '`viewer`, `operator` or `admin`.',
        }),
        allow: key(list(sanRuleShape), {
          says: 'Rules as in allowedSANs; one that holds suffices. Required, never empty.',
          unset: 'required',
          page: '[Rules over names](#rules-over-names); one has to hold for the certificate.',
          example: ruleExample,
        }),
      }),
    ),
    {
      says: 'Which names have which role: [{role, allow}]. Of several that fit the highest counts. Required.',
      unset: 'required',
      page: 'own. `[{role: viewer | operator | admin, allow: [...]}]`, with [rules over names](#rules-over-names) in `allow`. Of several that fit the highest role counts; a certificate that none fits logs nobody in.',
      example,
    },
  ),
});
type ClientLoginShape = z.output<typeof clientLoginShape>;

export const clientLoginKey = key(clientLoginShape, {
  says: 'Client certificates that log in at the API and the console. Default: passwords and tokens alone.',
  unset: 'passwords and tokens alone',
  restricts: true,
  page: 'own. Client certificates log in at the API and the console, beside passwords and tokens. Asks for `certificateId`.',
  example,
  table: 'clientlogin',
});

/** `at`: `entryPoints.admin`. Undefined where there is none, or where what is written cannot be used (reported). */
export function readClientLogin(
  shape: ClientLoginShape | undefined,
  at: Cursor,
  hasTls: boolean,
  named: NamedMaterial,
  problems: ProblemList,
): ClientLoginConfig | undefined {
  if (shape === undefined) {
    reportEmpty(at, 'clientLogin', problems);
    return undefined;
  }
  const here = at.down('clientLogin');
  if (!hasTls && !at.has('certificateId'))
    problems.error(
      'missing_key',
      here.place,
      'clientLogin needs TLS on the admin entry point',
      'Write certificateId beside it.',
    );
  const rules = (shape.roles ?? []).flatMap(({ role, allow }, i) => {
    const one = here.down('roles').down(i);
    if (role === undefined && !one.isBroken('role'))
      problems.error('missing_key', one.place, 'the entry has no `role`', 'Write role: viewer, operator or admin.');
    const read = readSanRules(allow, one, 'allow', problems);
    if (allow === undefined && !one.isBroken('allow') && !one.has('allow'))
      problems.error('missing_key', one.place, 'the entry has no `allow`: whose role is it?', ruleExample);
    return role === undefined || read === undefined ? [] : [{ role, allow: read }];
  });
  if ((shape.roles ?? []).length === 0 && !here.isBroken('roles'))
    problems.error('missing_key', here.place, 'clientLogin has no `roles`: it would log nobody in', example);
  if (shape.caBundle === undefined) {
    if (!here.isBroken('caBundle'))
      problems.error('missing_key', here.place, 'clientLogin has no `caBundle`', 'Name one of gateway.caBundles.');
    return undefined;
  }
  const bundle = named.findBundle(shape.caBundle, here.down('caBundle'), problems);
  return bundle && { cas: bundle.cas, crl: bundle.crl, roles: rules, place: here.place };
}
