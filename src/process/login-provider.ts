// What `control` is told of the identity provider: its settings, and apart from them the secret of this client, for the moment in
// which it is needed.
import type { LoginProvider, Questions } from '../control/messages.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { readSecretText } from '../sources/source-material.ts';
import { SourceFailure } from '../sources/source.ts';

export function findLoginProvider({ config, named }: LoadedConfig): LoginProvider | null {
  const { oidc } = config.entryPoints.admin;
  if (oidc === undefined) return null;
  const { clientSecret: _, caBundle, place: _place, ...settings } = oidc;
  const bundle = named.caBundles.find(({ id }) => id === caBundle);
  // Never the public CAs in place of those that were named: a bundle that could not be read has failed the load.
  if (caBundle !== undefined && bundle === undefined) return null;
  return { ...settings, ca: bundle?.caPem.join('\n') };
}

export async function readProviderSecret({ config }: LoadedConfig): Promise<Questions['providerSecret']['answer']> {
  const { oidc } = config.entryPoints.admin;
  if (oidc === undefined) return { why: 'Nobody signs in with a provider any more.' };
  try {
    return { secret: await readSecretText(oidc.clientSecret, 'clientSecret') };
  } catch (error) {
    if (error instanceof SourceFailure) return { why: error.message };
    throw error;
  }
}
