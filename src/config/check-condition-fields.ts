// Conditions of routes against what the gateway itself says in fields: a client's own never get that far, so such a condition
// would hold for nobody, or turned round for everybody.
import { foldName } from '../http/fold-name.ts';
import type { GatewayConfig } from './gateway-config.ts';
import type { ProblemList } from '../yaml/problem-list.ts';

export function checkConditionFields(config: GatewayConfig, problems: ProblemList): void {
  if (config.routes.every(({ match }) => match.headers.length === 0)) return;
  const custom = [config, ...config.routes].flatMap(({ forwardClientCert }) => forwardClientCert.custom);
  const edits = config.routes.flatMap(({ filters }) =>
    filters.flatMap((filter) => (filter.kind === 'requestHeaders' ? [...filter.set, ...filter.append] : [])),
  );
  const own = new Map([
    ...edits.map(({ name }) => [foldName(name), 'a middleware sets it'] as const),
    ...config.proxy.ipHeaders.map((name) => [foldName(name), 'it stands in proxy.ipHeaders'] as const),
    ...custom.map(({ name }) => [foldName(name), 'it stands in forwardClientCert.custom'] as const),
  ]);
  for (const { match, place } of config.routes)
    for (const { name } of match.headers) {
      const why = own.get(foldName(name));
      if (why === undefined) continue;
      problems.error(
        'bad_header',
        place,
        `the condition on ${name} could hold for nobody: ${why}, so no client's own is looked at`,
        'Name another field, or choose another name for the other one.',
      );
    }
}
