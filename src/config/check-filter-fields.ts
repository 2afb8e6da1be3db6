// Fields that middlewares set, against what the rest of the configuration says of the same names: a field of the gateway's own
// is nobody else's to set, and what a middleware sets no proxy in front says any more.
import { neverPassed } from '../http/field-claim.ts';
import { foldName } from '../http/fold-name.ts';
import type { ProblemList } from '../yaml/problem-list.ts';
import type { FieldEdit } from './field-edits.ts';
import type { GatewayConfig } from './gateway-config.ts';

export function checkFilterFields(config: GatewayConfig, problems: ProblemList): void {
  const edits = config.routes.flatMap(({ filters }) =>
    filters.flatMap((filter): readonly FieldEdit[] =>
      filter.kind === 'requestHeaders' ? [...filter.set, ...filter.append] : [],
    ),
  );
  if (edits.length === 0) return;
  const custom = [config, ...config.routes].flatMap(({ forwardClientCert }) => forwardClientCert.custom);
  const own = new Set([...custom.map(({ name }) => name), ...config.proxy.ipHeaders].map(foldName));
  const trusted = new Set(config.proxy.trustedHeaders.map(foldName));
  for (const { name, place } of edits) {
    const folded = foldName(name);
    // What is nobody's to set in any case is told where it is written (field-edits.ts).
    if (neverPassed.has(folded)) continue;
    if (own.has(folded))
      problems.error(
        'bad_header',
        place,
        `${name} is set by the gateway itself: it stands in forwardClientCert.custom or proxy.ipHeaders`,
        'Choose another name for one of the two.',
      );
    else if (trusted.has(folded))
      problems.warn(
        'unused_value',
        place,
        `what trusted proxies say in ${name} (proxy.trustedHeaders) passes on no route any more: a middleware sets it`,
      );
  }
}
