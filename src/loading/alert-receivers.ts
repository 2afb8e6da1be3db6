// Receivers of alerts with their secrets, CAs and certificates, read and checked like everything that a configuration points to: a
// receiver that cannot be told is found when it is written down, not in the night when it is needed.
import { materialError } from '../base/material-problem.ts';
import { findSecretMistake, secretHint } from '../config/alert-secrets.ts';
import type { AlertReceiverConfig, GatewayConfig } from '../config/gateway-config.ts';
import { materialName } from '../certs/material.ts';
import type { LoadedAlertReceiver } from './loaded.ts';
import type { LoadedPair, MaterialLoader } from './material-loader.ts';

const maxSecretBytes = 4_096;

/** `onClientPair`: what is shown to receivers expires as well. Those that cannot be used are left out: then a problem says why. */
export async function loadAlertReceivers(
  { alerts }: GatewayConfig,
  loader: MaterialLoader,
  onClientPair: (pair: LoadedPair) => void,
): Promise<LoadedAlertReceiver[]> {
  const loaded: LoadedAlertReceiver[] = [];
  for (const { secrets: written, ca, certificate, ...rest } of alerts) {
    const secrets = await readSecrets(written, loader);
    const bundle = ca && (await loader.bundle([ca]));
    const client = certificate && (await loader.clientPair(certificate));
    if (client !== undefined) onClientPair(client.loaded);
    const lacks = secrets === undefined || (ca !== undefined && bundle === undefined);
    if (lacks || (certificate !== undefined && client === undefined)) continue;
    loaded.push({ ...rest, secrets, caPem: bundle?.pem, client: client?.loaded });
  }
  return loaded;
}

async function readSecrets(
  written: AlertReceiverConfig['secrets'],
  loader: MaterialLoader,
): Promise<readonly string[] | undefined> {
  if (!('path' in written)) return written;
  const file = await loader.read(written, maxSecretBytes);
  if (!file.ok) {
    const hint = file.hint === '' ? 'Correct secretFile.' : file.hint;
    loader.add(written.place, materialError(file.code, file.message, hint));
    return undefined;
  }
  const secrets = file.bytes
    .toString('utf8')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const mistake = findSecretMistake(secrets);
  if (mistake === undefined) return secrets;
  loader.add(
    written.place,
    materialError('weak_secret', `the secret in ${materialName(written)} ${mistake}`, secretHint),
  );
  return undefined;
}
