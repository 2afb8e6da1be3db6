// The gateway staples OCSP responses for its own certificates: the right one, kept while it holds, and none rather than a wrong one.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { writeOcspRefusal } from '../../src/ocsp/writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import type { Issued } from '../../src/certs/test-ca.ts';
import { type LogLine, StartFailure } from '../support/gateway.ts';
import { openSetup, reloadBy, type Setup, type SetupOptions } from '../support/mtls-setup.ts';
import {
  issueResponder,
  mustStaple,
  ocspAt,
  openHandResponder,
  respondAbout,
  send,
  startOcspResponder,
} from '../support/ocsp.ts';
import { sClient, type SClientResult } from '../support/openssl.ts';
import type { Pki } from '../support/pki.ts';
import { eventually } from '../support/wait-for.ts';

type EdgeOptions = {
  readonly must?: boolean;
  readonly key?: 'rsa' | 'ec';
  readonly name?: string;
  readonly sans?: readonly string[];
};

const tls = '    ocspStapling: {enabled: true}';

/** A certificate of the gateway's that names a responder; its file brings the root along, as the one who signs. */
async function issueEdge(
  pki: Pki,
  url: string,
  { must = false, key = 'ec', name = 'edge', sans = ['localhost', 'a.test', 'b.test'] }: EdgeOptions = {},
): Promise<Issued> {
  const extensions = [...ocspAt(url), ...(must ? mustStaple : [])];
  const issued = await pki.servers.issue({ kind: 'server', cn: name, sans: [...sans], key, extensions });
  pki.dir.write(`${name}.crt`, issued.certPem + pki.servers.certPem);
  pki.dir.write(`${name}.key`, issued.keyPem);
  return issued;
}

async function connect({ gateway, pki }: Setup, ...args: string[]): Promise<SClientResult> {
  const client = { cert: pki.alice.cert, key: pki.alice.key, ca: pki.servers.file };
  const result = await sClient({ ...client, port: gateway.ports.webSecure, args: ['-status', ...args] });
  assert.equal(result.status, 200, result.output);
  return result;
}

/** The status and the serial of the certificate in the stapled response; undefined where there was none. */
function staple({ output }: SClientResult): { status: string; serial: string } | undefined {
  if (/OCSP response: no response sent/.test(output)) return undefined;
  const status = /Cert Status: (\w+)/.exec(output)?.[1] ?? '';
  return { status, serial: (/Serial Number: (\w+)/.exec(output)?.[1] ?? '').toLowerCase() };
}

const isStapled = ({ msg }: { readonly msg: string }): boolean => msg === 'OCSP response is stapled';

describe('OCSP stapling', () => {
  it('staples what openssl ocsp says, in every worker, to TLS 1.2 and 1.3', async () => {
    await using stack = new AsyncDisposableStack();
    let serial = '';
    const setup = stack.use(
      await openSetup({
        tls,
        workers: 2,
        prepare: async (pki) => {
          const real = stack.use(await startOcspResponder({ dir: pki.dir, ca: pki.servers }));
          const downstream = await issueEdge(pki, real.url);
          await real.set(downstream, 'good');
          ({ serial } = readFacts(downstream.der));
        },
      }),
    );
    await setup.gateway.waitForLog(isStapled);
    for (const version of ['-tls1_2', '-tls1_3']) {
      for (let times = 0; times < 3; times += 1) {
        const result = await connect(setup, version);
        assert.deepEqual(staple(result), { status: 'good', serial }, result.output);
        assert.match(result.output, /OCSP Response Status: successful/);
        assert.equal(result.verifyCode, 0);
      }
    }
    const { gateway, pki } = setup;
    const client = { port: gateway.ports.webSecure, cert: pki.alice.cert, key: pki.alice.key, ca: pki.servers.file };
    for (const version of ['1.2', '1.3'] as const) {
      const session = pki.dir.file(`session-${version}`);
      await sClient({ ...client, tls: version, args: ['-status'], sessionOut: session });
      const again = await sClient({ ...client, tls: version, args: ['-status'], sessionIn: session });
      assert.deepEqual([again.reused, again.status], [true, 200], 'sessions are resumed beside stapling');
    }
    const ends = await setup.metric('countersign_certificate_expiry_timestamp_seconds', 'role="ocsp"');
    assert.ok(ends > Date.now() / 1000 && ends <= Date.now() / 1000 + 300);
    assert.equal(await setup.metric('countersign_ocsp_requests_total', 'use="staple"'), 1);
    assert.ok((await setup.metric('countersign_tls_staples_total', 'result="sent"')) > 0);
  });

  it('staples for the certificate that is used, where a policy has an RSA and an EC one', async () => {
    await using stack = new AsyncDisposableStack();
    const edges = new Map<string, Issued>();
    const options: SetupOptions = {
      tls,
      // The signature schemes that are tried must not concern the client's own certificate.
      clientAuth: '',
      certificates: '[{cert: rsa.crt, key: rsa.key}, {cert: ec.crt, key: ec.key}]',
      prepare: async (pki) => {
        const real = stack.use(await startOcspResponder({ dir: pki.dir, ca: pki.servers }));
        for (const key of ['rsa', 'ec'] as const) {
          const downstream = await issueEdge(pki, real.url, { key, name: key });
          edges.set(`CN=${key}`, downstream);
          await real.set(downstream, 'good');
        }
      },
    };
    const setup = stack.use(await openSetup(options));
    const first = await setup.gateway.waitForLog(isStapled);
    await setup.gateway.waitForLog((line) => isStapled(line) && line['subject'] !== first['subject']);
    const kinds = [
      ['-tls1_3'],
      ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256'],
      ['-tls1_3', '-sigalgs', 'ecdsa_secp256r1_sha256'],
      ['-tls1_3', '-sigalgs', 'rsa_pss_rsae_sha256:ecdsa_secp256r1_sha256'],
      ['-tls1_2'],
      ['-tls1_2', '-cipher', 'ECDHE-RSA-AES128-GCM-SHA256'],
      ['-tls1_2', '-cipher', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
      ['-tls1_2', '-cipher', 'ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305'],
      ['-tls1_2', '-curves', 'P-384'],
    ];
    const used = new Set<string>();
    for (const kind of kinds) {
      // The first of its kind shows which certificate OpenSSL takes for it.
      assert.equal(staple(await connect(setup, ...kind)), undefined);
      const result = await connect(setup, ...kind);
      const subject = result.serverSubject ?? '';
      used.add(subject);
      const { serial } = readFacts((edges.get(subject) as Issued).der);
      assert.deepEqual(staple(result), { status: 'good', serial }, `${kind.join(' ')}\n${result.output}`);
    }
    assert.deepEqual([...used].sort(), ['CN=ec', 'CN=rsa']);
  });

  it('has the response before it listens where the certificate is must-staple', async () => {
    await using stack = new AsyncDisposableStack();
    const setup = stack.use(
      await openSetup({
        tls,
        prepare: async (pki) => {
          const real = stack.use(await startOcspResponder({ dir: pki.dir, ca: pki.servers }));
          await real.set(await issueEdge(pki, real.url, { must: true }), 'good');
        },
      }),
    );
    assert.equal(staple(await connect(setup))?.status, 'good');
    assert.equal(await setup.metric('countersign_must_staple_missing'), 0);
  });

  it('refuses to start with a must-staple certificate and stapling off, or nobody to ask', async () => {
    const start = async (options: SetupOptions): Promise<readonly string[]> => {
      try {
        await using setup = await openSetup(options);
        return setup.gateway.log.items.map(({ msg }) => msg);
      } catch (error) {
        if (!(error instanceof StartFailure)) throw error;
        return error.log.map(({ msg }) => msg);
      }
    };
    const off = await start({
      prepare: async (pki) => void (await issueEdge(pki, 'http://ocsp.test/', { must: true })),
    });
    assert.ok(
      off.some((line) => /must-staple \(RFC 7633\), and gateway\.tls\.ocspStapling is off/.test(line)),
      off.join('\n'),
    );
    const nobody = await start({
      tls,
      prepare: async (pki) => {
        const downstream = await pki.servers.issue({
          kind: 'server',
          sans: ['localhost', 'a.test', 'b.test'],
          extensions: mustStaple,
        });
        pki.dir.write('edge.crt', downstream.certPem);
        pki.dir.write('edge.key', downstream.keyPem);
      },
    });
    assert.ok(
      nobody.some((line) => /must-staple .* names no OCSP responder/.test(line)),
      nobody.join('\n'),
    );
  });

  it('staples nothing that is revoked, unknown, expired or not signed, and says so', async () => {
    await using stack = new AsyncDisposableStack();
    const statements = {
      revoked: { status: 'revoked' },
      unknown: { status: 'unknown' },
      expired: { nextUpdate: Date.now() - 10_000 },
      forged: { draft: { breakSignature: true } },
      'try-later': undefined,
    } as const;
    const names = Object.keys(statements) as (keyof typeof statements)[];
    const policies = names.map(
      (name) => `{name: ${name}, hosts: [${name}.test], certificates: [{cert: ${name}.crt, key: ${name}.key}]}`,
    );
    const hosts = names.map((name) => `${name}.test`).join(', ');
    const answered = `{name: answered, path: /, hosts: [${hosts}], target: "http://127.0.0.1:1", maintenance: {enabled: true, statusCode: 503, message: here}}`;
    const setup = stack.use(
      await openSetup({
        tls: `${tls}\n    policies: [${policies.join(', ')}]`,
        route: `    - ${answered}`,
        prepare: async (pki) => {
          const signer = await issueResponder(pki.servers);
          for (const name of names) {
            const responder = stack.use(await openHandResponder(send(writeOcspRefusal(3))));
            const issued = await issueEdge(pki, responder.url, { must: true, name, sans: [`${name}.test`] });
            const statement = statements[name];
            if (statement !== undefined) responder.answer = send(respondAbout(issued, pki.servers, signer, statement));
          }
        },
      }),
    );
    const alarms = (): readonly LogLine[] =>
      setup.gateway.log.items.filter(({ msg }) =>
        /^OCSP says that our own certificate is not good|^no valid OCSP response/.test(msg),
      );
    await eventually(() => new Set(alarms().map(({ subject }) => subject)).size === names.length, { what: 'alarms' });
    for (const alarm of alarms()) assert.equal(alarm['level'], 'error', alarm.msg);
    for (const name of names) {
      const to = { servername: `${name}.test`, port: setup.gateway.ports.webSecure, ca: setup.pki.servers.file };
      const result = await sClient({ ...to, args: ['-status'] });
      assert.deepEqual([result.status, result.serverSubject], [503, `CN=${name}`], result.output);
      assert.equal(staple(result), undefined, name);
    }
    assert.equal(await setup.metric('countersign_must_staple_missing'), names.length);
  });

  it('keeps the last good response through a reload and a responder that fails, and follows a new certificate', async () => {
    await using stack = new AsyncDisposableStack();
    const real = new Map<string, string>();
    const setup = stack.use(
      await openSetup({
        tls,
        prepare: async (pki) => {
          const responder = stack.use(await startOcspResponder({ dir: pki.dir, ca: pki.servers }));
          real.set('url', responder.url);
          await responder.set(await issueEdge(pki, responder.url), 'good');
          const next = await issueEdge(pki, responder.url, { name: 'next', must: true });
          real.set('next', readFacts(next.der).serial);
          await responder.set(next, 'good');
        },
      }),
    );
    await setup.gateway.waitForLog(isStapled);
    const before = staple(await connect(setup));
    assert.equal(before?.status, 'good');
    await reloadBy(setup.gateway, () => setup.gateway.reload());
    assert.deepEqual(staple(await connect(setup)), before);
    // A must-staple certificate that comes by a reload has its response from the first handshake on.
    await reloadBy(setup.gateway, () => {
      setup.gateway.rewrite(setup.yaml({ certificates: '[{cert: next.crt, key: next.key}]' }));
      setup.gateway.reload();
    });
    assert.deepEqual(staple(await connect(setup)), { status: 'good', serial: real.get('next') });
  });
});
