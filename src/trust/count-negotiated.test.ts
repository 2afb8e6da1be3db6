import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { writeExposition } from '../telemetry/exposition.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { countNegotiated } from './count-negotiated.ts';

const ca = await mintCa();
const leaf = readFacts((await ca.issue({ kind: 'client', cn: 'x' })).der);

test('what was agreed on is counted under names from tables alone', async () => {
  const metrics = new Metrics();
  const verdict = { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', group: 'X25519', resumed: false, leaf };
  countNegotiated(metrics.of, 'client', verdict);
  countNegotiated(metrics.of, 'client', { ...verdict, resumed: true });
  countNegotiated(metrics.of, 'backend', { ...verdict, group: undefined, leaf: undefined });
  countNegotiated(metrics.of, 'client', { ...verdict, leaf: { ...leaf, key: 'EC 1.2.3.4' } });
  const { text } = await writeExposition([metrics.snapshot()]);
  for (const line of [
    'tls_ciphers_total{leg="client",version="TLSv1.3",cipher="TLS_AES_256_GCM_SHA384"} 3',
    'tls_groups_total{leg="client",group="X25519"} 2',
    'tls_groups_total{leg="backend",group="other"} 1',
    'tls_certificates_total{leg="client",key="EC P-256",signature="ECDSA with SHA-256"} 2',
    'tls_certificates_total{leg="client",key="other",signature="ECDSA with SHA-256"} 1',
  ])
    assert.ok(text.includes(`countersign_${line}\n`), `${line} not in\n${text}`);
});
