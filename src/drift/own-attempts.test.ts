import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { it } from 'node:test';
import { systemClock } from '../base/clock.ts';
import { loadConfig } from '../config/load-config.ts';
import { FileSource } from '../loading/file-source.ts';
import { loadGateway } from '../loading/load.ts';
import { openTempDir } from '../../test/support/temp.ts';
import { planLooks } from './own-attempts.ts';

it('a certificate that was made for this run is the declared one', async () => {
  using dir = openTempDir('attempts');
  const file = dir.write(
    'gateway.yml',
    `version: 2
gateway:
  entryPoints: {web: {enabled: false}, webSecure: {address: "127.0.0.1:8443"}, admin: {enabled: false}}
  routes: [{name: r, path: /, hosts: [localhost], target: "http://127.0.0.1:1"}]
`,
  );
  const options = { env: {}, strict: true, clock: systemClock, read: loadConfig };
  const { loaded } = await loadGateway(new FileSource(file), options);
  assert.ok(loaded !== undefined);
  const place = { listener: 'webSecure', address: '127.0.0.1', port: 8443, proxied: false };
  const [look] = planLooks(loaded, [place], 1);
  const { chainPem = '' } = loaded.policies[0]?.certificates[0] ?? {};
  const shown = new X509Certificate(chainPem).fingerprint256.replaceAll(':', '').toLowerCase();
  assert.deepEqual([...(look?.certificates ?? [])], [shown]);
});
