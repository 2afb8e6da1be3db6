// A CA that validates comes to an entry point of ours: where there is none of its kind, no order can come to a good end.
import { materialError } from '../base/material-problem.ts';
import type { GatewayConfig } from '../config/gateway-config.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import { listSources } from './list-sources.ts';
import type { MaterialLoader } from './material-loader.ts';

export function checkChallenges(config: GatewayConfig, loader: MaterialLoader): void {
  const points = listEntryPoints(config.entryPoints);
  for (const source of listSources(config)) {
    if (source.kind !== 'acme') continue;
    const isTls = source.challenge === 'tls-alpn-01';
    if (points.some(({ tls }) => tls === isTls)) continue;
    const where = isTls ? 'no TLS entry point' : 'no plain entry point';
    const message = `${source.label}: the CA would look for ${source.challenge}, and there is ${where}`;
    const hint = isTls ? 'Open webSecure, or choose http-01.' : 'Open web, or choose tls-alpn-01.';
    loader.add(source.place, materialError('challenge_unreachable', message, hint));
  }
}
