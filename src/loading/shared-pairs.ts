// Certificates that all policies without their own share: those that are named, then those of certsDir; and lists of pairs loaded.
import { join, parse } from 'node:path';
import { materialError } from '../base/material-problem.ts';
import { materialName } from '../certs/material.ts';
import type { CertificatePair, GatewayConfig } from '../config/gateway-config.ts';
import type { Ref } from '../config/ref.ts';
import type { MaterialLoader, UsablePair } from './material-loader.ts';

export async function sharedPairs(config: GatewayConfig, loader: MaterialLoader): Promise<CertificatePair[]> {
  const { defaultCertificate, certificates, certsDir } = config.tls;
  const pairs = defaultCertificate === undefined ? [] : [defaultCertificate];
  pairs.push(...certificates);
  if (certsDir === undefined) return pairs;
  const { path, place } = certsDir;
  const label = materialName(certsDir);
  try {
    const names = await loader.list(path);
    for (const name of names) {
      const { name: base, ext } = parse(name);
      if (!['.crt', '.cert', '.pem'].includes(ext) || !names.includes(`${base}.key`)) continue;
      const refOf = (file: string): Ref => ({ place, path: join(path, file), label: join(label, file) });
      pairs.push({ cert: refOf(name), key: refOf(`${base}.key`), place });
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    loader.add(
      place,
      materialError('certs_dir_unreadable', `${label} cannot be listed (${code})`, 'Correct gateway.tls.certsDir.'),
    );
  }
  return pairs;
}

export async function loadPairs(pairs: readonly CertificatePair[], loader: MaterialLoader): Promise<UsablePair[]> {
  const usable: UsablePair[] = [];
  for (const pair of pairs) {
    const one = await loader.serverPair(pair);
    if (one !== undefined) usable.push(one);
  }
  return usable;
}
