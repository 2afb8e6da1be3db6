// Which source serves which settings. What nobody configured is not loaded.
import type { SourceConfig } from '../config/source-config.ts';
import type { Source, SourceHost } from './source.ts';

export async function makeSource(config: SourceConfig, host: SourceHost): Promise<Source> {
  switch (config.kind) {
    case 'exec': {
      const { makeExecSource } = await import('./exec.ts');
      return makeExecSource(config, host.clock);
    }
    case 'spiffe': {
      const { WorkloadApiSource } = await import('./workload-api.ts');
      return new WorkloadApiSource(config, host);
    }
    case 'spiffeBundle': {
      const { makeBundleEndpoint } = await import('./bundle-endpoint.ts');
      return makeBundleEndpoint(config, host);
    }
    case 'acme': {
      const { AcmeSource } = await import('./acme.ts');
      return new AcmeSource(config, host);
    }
    case 'vault': {
      const { makeVaultSource } = await import('./vault.ts');
      return makeVaultSource(config, host);
    }
    default:
      throw new RangeError('there is no source of this kind');
  }
}
