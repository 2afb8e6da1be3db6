import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AdminServer, type AdminView } from './admin-server.ts';

async function withServer(view: Partial<AdminView>, ask: (base: string) => Promise<void>): Promise<void> {
  const server = new AdminServer({
    ready: () => ({ ok: true, detail: '1 of 1 workers ready' }),
    metrics: async () => Promise.resolve('a 1\n'),
    metricsPath: '/metrics',
    liveness: true,
    readiness: true,
    ...view,
  });
  const port = await server.listen('127.0.0.1', 0);
  try {
    await ask(`http://127.0.0.1:${port}`);
  } finally {
    server.close();
  }
}

describe('the admin listener', () => {
  it('says that it lives, whether it is ready, and its numbers', async () => {
    await withServer({}, async (base) => {
      assert.equal((await fetch(`${base}/healthz`)).status, 200);
      assert.equal(await (await fetch(`${base}/readyz`)).text(), '1 of 1 workers ready\n');
      assert.equal(await (await fetch(`${base}/metrics`)).text(), 'a 1\n');
    });
  });

  it('answers 503 while it is not ready', async () => {
    await withServer({ ready: () => ({ ok: false, detail: 'draining' }) }, async (base) => {
      assert.equal((await fetch(`${base}/readyz`)).status, 503);
      assert.equal((await fetch(`${base}/healthz`)).status, 200);
    });
  });

  it('has no page that monitoring switches off', async () => {
    await withServer({ metricsPath: undefined, liveness: false, readiness: false }, async (base) => {
      for (const path of ['/metrics', '/healthz', '/readyz'])
        assert.equal((await fetch(base + path)).status, 404, path);
    });
  });

  it('takes GET and HEAD only, and survives metrics that fail', async () => {
    const metrics = async () => Promise.reject(new Error('no'));
    await withServer({ metrics }, async (base) => {
      assert.equal((await fetch(`${base}/healthz`, { method: 'POST' })).status, 405);
      assert.equal(await (await fetch(`${base}/healthz`, { method: 'HEAD' })).text(), '');
      assert.equal((await fetch(`${base}/metrics`)).status, 500);
      assert.equal((await fetch(`${base}/healthz`)).status, 200);
    });
  });
});
