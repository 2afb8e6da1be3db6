import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { get as httpsGet } from 'node:https';
import { describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { get, request } from '../base/node-http.ts';
import { mintCa } from '../certs/test-ca.ts';
import { type AdminCertificate, AdminServer, type AdminView } from './admin-server.ts';

async function withServer(view: Partial<AdminView>, ask: (base: string) => Promise<void>): Promise<void> {
  const server = new AdminServer({
    ready: () => ({ ok: true, detail: '1 of 1 workers ready' }),
    metrics: async () => Promise.resolve(Buffer.from('a 1\n')),
    identities: async () => Promise.resolve(['{}']),
    certificates: () => [{ name: 'edge' }],
    drift: () => [{ kind: 'behaviour' }],
    allowedHosts: ['gateway.test'],
    metricsPath: '/metrics',
    liveness: true,
    readiness: true,
    reload: { endpoint: () => undefined, run: async () => assert.fail('no reload was asked for'), refused: () => {} },
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

  it('shows more than health to who asks by address or a name of its own only, not by one that a stranger chose', async () => {
    await withServer({}, async (base) => {
      const { port } = new URL(base);
      const ask = async (path: string, host: string): Promise<number> =>
        new Promise((resolve, reject) => {
          get({ host: '127.0.0.1', port, path, headers: { host }, agent: false }, (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          }).on('error', reject);
        });
      const own = ['127.0.0.1', 'localhost', 'LOCALHOST.', '[::1]', '192.0.2.7', 'gateway.test', 'Gateway.Test'];
      const foreign = [
        'evil.example',
        'localhost.evil.example',
        'x.gateway.test',
        '127.0.0.1.evil.example',
        '127.1',
        'a b',
      ];
      for (const path of ['/metrics', '/trust/identities', '/trust/certificates']) {
        for (const host of own) for (const at of [host, `${host}:${port}`]) assert.equal(await ask(path, at), 200, at);
        for (const host of foreign)
          for (const at of [host, `${host}:${port}`]) assert.equal(await ask(path, at), 421, at);
      }
      // A load balancer asks by whatever name it likes, and learns no more than that.
      for (const path of ['/healthz', '/readyz']) assert.equal(await ask(path, 'evil.example'), 200);
    });
  });

  it('answers about its health while forty readers wait for metrics that do not come', async () => {
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    await withServer({ metrics: async () => promise }, async (base) => {
      const readers = Array.from({ length: 40 }, async () => (await fetch(`${base}/metrics`)).text());
      for (let n = 0; n < 10; n++) {
        assert.equal((await fetch(`${base}/healthz`)).status, 200);
        assert.equal((await fetch(`${base}/readyz`)).status, 200);
      }
      resolve(Buffer.from('a 1\n'));
      assert.deepEqual(new Set(await Promise.all(readers)), new Set(['a 1\n']));
    });
  });
});

describe('the admin listener over TLS', () => {
  it('shows the certificate of the moment, speaks nothing else, and is known by the names of it', async () => {
    const ca = await mintCa();
    const mint = async (name: string): Promise<AdminCertificate> => {
      const { chainPem, keyPem } = await ca.issue({ kind: 'server', cn: name, sans: [name] });
      return { chainPem, keyPem, names: [name] };
    };
    let current = await mint('one.test');
    await withServer({ certificate: () => current }, async (base) => {
      const port = Number(new URL(base).port);
      const ask = async (host: string): Promise<{ status: number; shown: string }> =>
        new Promise((resolve, reject) => {
          const to = { host: '127.0.0.1', port, path: '/metrics', servername: host, headers: { host }, agent: false };
          const asked = httpsGet({ ...to, ca: ca.certPem, checkServerIdentity: () => undefined }, (answer) => {
            answer.resume();
            const { subject } = (answer.socket as TLSSocket).getPeerCertificate();
            resolve({ status: answer.statusCode ?? 0, shown: String(subject.CN) });
          });
          asked.on('error', reject);
        });
      assert.deepEqual(await ask('one.test'), { status: 200, shown: 'one.test' });
      assert.equal((await ask('evil.test')).status, 421);
      current = await mint('two.test');
      assert.deepEqual(await ask('two.test'), { status: 200, shown: 'two.test' });
      assert.equal((await ask('one.test')).status, 421);
      await assert.rejects(fetch(`${base}/healthz`));
    });
  });
});

describe('the way to the control process', () => {
  it('is there where there is one, for all that is not answered here, under a name that is known', async () => {
    const control = async (asked: IncomingMessage, answer: ServerResponse): Promise<void> => {
      answer.writeHead(200).end(asked.url);
    };
    await withServer({ control }, async (base) => {
      assert.equal(await (await fetch(`${base}/api/v1/x?y=1`, { method: 'POST' })).text(), '/api/v1/x?y=1');
      for (const path of ['/', '/services/orders', '/healthz/x'])
        assert.equal(await (await fetch(base + path)).text(), path);
      for (const path of ['/healthz', '/metrics', '/trust/identities'])
        assert.notEqual(await (await fetch(base + path)).text(), path, 'answered here, or not at all');
      const tooLong = await fetch(`${base}/api/v1/x?${'y'.repeat(9000)}`);
      assert.deepEqual([tooLong.status, tooLong.headers.get('content-type')], [431, 'application/problem+json']);
      assert.equal(((await tooLong.json()) as { readonly code: string }).code, 'too_large');
      const { port } = new URL(base);
      const status = await new Promise((resolve, reject) => {
        const to = { host: '127.0.0.1', port, path: '/api/v1/x', headers: { host: 'evil.test' }, agent: false };
        get(to, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        }).on('error', reject);
      });
      assert.equal(status, 421);
    });
    await withServer({}, async (base) => {
      assert.equal((await fetch(`${base}/api/v1/x`)).status, 404);
      assert.match(await (await fetch(`${base}/`)).text(), /^There is no console here/);
    });
  });
});

describe('the reload endpoint of the admin listener', () => {
  const token = 'a-token-of-some-length';
  const endpoint = {
    path: '/gateway/reload',
    tokenSha256: createHash('sha256').update(token).digest('hex'),
    host: undefined,
  };

  async function withEndpoint(
    options: { readonly host?: string },
    ask: (post: (fields: Record<string, string>, method?: string) => Promise<Response>, seen: Seen) => Promise<void>,
  ): Promise<void> {
    const seen: Seen = { runs: 0, refused: 0 };
    const reload = {
      endpoint: () => ({ ...endpoint, host: options.host }),
      run: async () => {
        seen.runs++;
        return Promise.resolve({ status: 200, body: { status: 'ok' } });
      },
      refused: () => void seen.refused++,
    };
    await withServer({ reload }, async (base) => {
      const post = async (headers: Record<string, string>, method = 'POST'): Promise<Response> =>
        fetch(base + endpoint.path, { method, headers });
      await ask(post, seen);
    });
  }
  type Seen = { runs: number; refused: number };

  it('reloads for who holds the token, and for nobody else', async () => {
    await withEndpoint({}, async (post, seen) => {
      const answer = await post({ authorization: `Bearer ${token}` });
      assert.equal(answer.status, 200);
      assert.deepEqual(await answer.json(), { status: 'ok' });
      assert.equal((await post({ authorization: `bearer  ${token} ` })).status, 200, 'as RFC 9110 has the scheme');
      for (const wrong of [
        '',
        token,
        'Bearer',
        `Basic ${token}`,
        `Bearer ${token}x`,
        `Bearer ${token.slice(1)}`,
        `Bearer ${endpoint.tokenSha256}`,
      ]) {
        const refused = await post(wrong === '' ? {} : { authorization: wrong });
        assert.equal(refused.status, 401, wrong);
        assert.equal(refused.headers.get('www-authenticate'), 'Bearer');
        assert.doesNotMatch(await refused.text(), new RegExp(token));
      }
      assert.deepEqual(seen, { runs: 2, refused: 7 });
    });
  });

  it('takes POST only, and is not there where it is not configured', async () => {
    await withEndpoint({}, async (post, seen) => {
      for (const method of ['GET', 'HEAD', 'PUT', 'DELETE']) {
        const refused = await post({ authorization: `Bearer ${token}` }, method);
        assert.deepEqual([refused.status, refused.headers.get('allow')], [405, 'POST'], method);
      }
      assert.equal(seen.runs, 0);
    });
    await withServer({}, async (base) => {
      const headers = { authorization: `Bearer ${token}` };
      assert.equal((await fetch(`${base}/gateway/reload`, { method: 'POST', headers })).status, 405);
      assert.equal((await fetch(`${base}/gateway/reload`, { headers })).status, 404);
    });
  });

  it('is asked for under the host that it is restricted to, before anything is said of the token', async () => {
    await withEndpoint({ host: 'reload.test' }, async (post, seen) => {
      assert.equal((await post({ authorization: `Bearer ${token}` })).status, 421);
      assert.deepEqual(seen, { runs: 0, refused: 0 });
    });
    const reload = {
      endpoint: () => ({ ...endpoint, host: 'reload.test' }),
      run: async () => Promise.resolve({ status: 200, body: {} }),
      refused: () => {},
    };
    await withServer({ reload }, async (base) => {
      const status = await new Promise((resolve, reject) => {
        const headers = { host: 'reload.test:9901', authorization: `Bearer ${token}` };
        const ask = request(`${base}${endpoint.path}`, { method: 'POST', headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        });
        ask.on('error', reject).end();
      });
      assert.equal(status, 200);
    });
  });
});
