// What `check` says of OCSP stapling: a certificate that promises its clients a response must be able to keep the promise.
import { escapeForLog } from '../base/log-text.ts';
import { materialError, materialWarning } from '../base/material-problem.ts';
import type { LoadedPolicy, LoadedRoute } from './loaded.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import type { MaterialLoader } from './material-loader.ts';
import { casOf, findStapleTarget, isMustStaple } from './staple-targets.ts';

/** Adds its problems to those of `loader`. */
export function checkStapling(
  config: GatewayConfig,
  policies: readonly LoadedPolicy[],
  routes: readonly LoadedRoute[],
  loader: MaterialLoader,
): void {
  const { enabled, place } = config.tls.ocspStapling;
  const pairs = new Map(policies.flatMap(({ certificates }) => certificates.map((pair) => [pair.sha256, pair])));
  const cas = casOf({ policies, routes });
  let served = 0;
  for (const pair of pairs.values()) {
    const who = `the certificate "${escapeForLog(pair.subject, 120)}" is must-staple (RFC 7633)`;
    if (!enabled) {
      if (!isMustStaple(pair)) continue;
      const message = `${who}, and gateway.tls.ocspStapling is off: strict clients refuse it`;
      loader.add(place, materialError('must_staple_off', message, 'Set gateway.tls.ocspStapling.enabled: true.'));
      continue;
    }
    const found = findStapleTarget(pair, cas);
    if ('url' in found) served += 1;
    else if (found.mustStaple) {
      const message = `${who}, but ${found.why}: no response can be had for it`;
      const hint = 'Add the chain of its issuer to the file, or have a certificate issued without must-staple.';
      loader.add(place, materialError('must_staple_impossible', message, hint));
    }
  }
  if (enabled && pairs.size > 0 && served === 0) {
    const message = 'ocspStapling is on, but there is no certificate for which a response could be had';
    const hint = 'Its CA names no OCSP responder, or the certificate of the issuer is missing in the file.';
    loader.add(place, materialWarning('nothing_to_staple', message, hint));
  }
}
