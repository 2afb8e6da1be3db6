// The example with SPIRE, with an agent of the tests in the place of SPIRE's: its configuration as it stands, and the calls of its README.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { curl } from '../support/curl.ts';
import { startGateway } from '../support/gateway.ts';
import { startNginx } from '../support/nginx.ts';
import { openAuthority } from '../support/pki.ts';
import { openTempDir } from '../support/temp.ts';
import { WorkloadApi } from '../support/workload-api.ts';

const example = fileURLToPath(new URL('../../examples/spire/', import.meta.url));
const written = 'unix:///tmp/spire-agent/public/api.sock';

it('spire: what its README promises', async () => {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(openTempDir('spire'));
  const ca = await openAuthority(dir, 'spire');
  const id = 'spiffe://example.org/gateway';
  const own = await ca.issue({ kind: 'both', cn: 'gateway', sans: [id, 'localhost'] });
  const agent = stack.use(await new WorkloadApi().start());
  agent.tell({
    svids: [{ id, chain: own.chainPem, key: own.keyPem, bundle: ca.certPem }],
    bundles: { 'example.org': ca.certPem },
  });
  const orders = await ca.issueFiles('orders', { kind: 'both', cn: 'orders', sans: ['spiffe://example.org/orders'] });
  const nginx = stack.use(await startNginx({ tls: orders, clientCa: ca.file }));
  const yaml = readFileSync(`${example}gateway.yml`, 'utf8');
  assert.ok(yaml.includes(written) && yaml.includes('localhost:9443'));
  const tamed = yaml.replaceAll(written, agent.socket).replace('localhost:9443', `localhost:${nginx.port}`);
  const gateway = stack.use(await startGateway({ yaml: tamed, dir }));

  const client = await ca.issueFiles('client', { kind: 'both', cn: 'c', sans: ['spiffe://example.org/client'] });
  const other = await ca.issueFiles('other', { kind: 'both', cn: 'o', sans: ['spiffe://example.org/other'] });
  const base = `https://localhost:${gateway.ports.webSecure}`;
  const as = ({ cert, key }: { cert: string; key: string }) => ({ ca: ca.file, cert, key });
  const hello = await curl(`${base}/`, as(client));
  assert.equal(hello.status, 200);
  assert.match(hello.body, /hello from the mesh/);
  assert.equal((await curl(`${base}/`, { ca: ca.file })).status, 403);
  assert.equal((await curl(`${base}/`, as(other))).status, 403);
  assert.equal((await curl(`${base}/orders`, as(other))).status, 200);
});
