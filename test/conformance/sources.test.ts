// The benches of the contract of sources: a source of the tests' own, and each that the gateway has.
import { rmSync } from 'node:fs';
import { dayMs } from '../../src/base/clock.ts';
import { mintCa } from '../../src/certs/test-ca.ts';
import type { SourceConfig, SourceWant } from '../../src/config/source-config.ts';
import { makeSource } from '../../src/sources/make-source.ts';
import { type Delivery, PolledSource, SourceFailure } from '../../src/sources/source.ts';
import { bundleDocument, BundleEndpoint } from '../support/bundle-endpoint.ts';
import { openTempDir } from '../support/temp.ts';
import { WorkloadApi } from '../support/workload-api.ts';
import { SAFETY_NET_MS } from '../support/wait-for.ts';
import { type SourceBench, sourceContract } from './source-contract.ts';

const place = { file: '/etc/gateway.yml', line: 7, col: 3 };

function configFor(want: SourceWant, command: readonly string[]): SourceConfig {
  const common = { want, label: 'edge (exec)', place, mayStartWithout: false };
  return { ...common, kind: 'exec', command, env: {}, timeoutMs: SAFETY_NET_MS, refreshMs: undefined };
}

/** Answers what it is told to, and that it cannot. */
async function openScripted(want: SourceWant): Promise<SourceBench> {
  let answer: () => Delivery = () => {
    throw new SourceFailure({ code: 'not_yet', message: 'edge (exec): nothing yet', hint: '' });
  };
  return {
    config: configFor(want, ['/nowhere']),
    make: async () => new PolledSource(async () => answer()),
    offer: async ({ cert, key, ca }) => {
      answer = () => (want === 'pair' ? { pair: { certPem: cert, keyPem: key } } : { anchorsPem: ca });
    },
    breakDown: async (how) => {
      answer = () => {
        if (how === 'garbage') return want === 'pair' ? { pair: { certPem: 'x', keyPem: 'y' } } : { anchorsPem: 'z' };
        throw new SourceFailure({ code: 'gone', message: 'edge (exec): nobody answers', hint: '' });
      };
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Prints a file. */
async function openExec(want: SourceWant): Promise<SourceBench> {
  const dir = openTempDir('exec');
  return {
    config: configFor(want, ['/bin/cat', dir.file('material.pem')]),
    make: makeSource,
    offer: async ({ cert, key, ca }) => void dir.replace('material.pem', want === 'pair' ? cert + key : ca),
    breakDown: async (how) => {
      if (how === 'gone') rmSync(dir.file('material.pem'), { force: true });
      else dir.replace('material.pem', '-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n');
    },
    [Symbol.asyncDispose]: async () => dir.remove(),
  };
}

/** An agent of the tests. */
async function openWorkloadApi(want: SourceWant): Promise<SourceBench> {
  const agent = await new WorkloadApi().start();
  let isUp = true;
  const settings = want === 'pair' ? {} : { trustDomain: 'example.org' };
  const common = { want, label: 'edge (spiffe)', place, mayStartWithout: false } as const;
  return {
    config: { ...common, kind: 'spiffe', socket: agent.socket, ...settings },
    make: makeSource,
    offer: async ({ cert, key, ca }) => {
      const id = 'spiffe://example.org/gateway';
      const says = { svids: [{ id, chain: cert, key, bundle: ca }], bundles: { 'example.org': ca } };
      agent.tell(says);
      if (!isUp) await agent.start();
      isUp = true;
    },
    breakDown: async (how) => {
      if (how === 'garbage') return agent.tellRaw(Buffer.from('this is no message'));
      agent.kill();
      isUp = false;
    },
    [Symbol.asyncDispose]: async () => agent[Symbol.dispose](),
  };
}

/** An https server of the tests. */
async function openBundleEndpoint(want: SourceWant): Promise<SourceBench> {
  const web = await mintCa({ cn: 'Web' });
  const endpoint = await new BundleEndpoint(await web.issue({ kind: 'server', sans: ['localhost'] })).start();
  const common = { want, label: 'partner (spiffeBundle)', place, mayStartWithout: false } as const;
  const settings = { url: endpoint.url, profile: 'https_web', trustDomain: 'partner.test' } as const;
  return {
    config: { ...common, kind: 'spiffeBundle', ...settings, ca: { pem: web.certPem } },
    make: makeSource,
    offer: async ({ ca }) => {
      endpoint.answer = bundleDocument([ca]);
      await endpoint.stop();
      await endpoint.start();
    },
    breakDown: async (how) => {
      if (how === 'garbage') endpoint.answer = '{"keys": 1}';
      else await endpoint.stop();
    },
    [Symbol.asyncDispose]: async () => endpoint.stop(),
  };
}

sourceContract('of the tests', openScripted, { wants: ['pair', 'anchors'] });
sourceContract('exec', openExec, { wants: ['pair', 'anchors'] });
sourceContract('SPIFFE Workload API', openWorkloadApi, {
  wants: ['pair', 'anchors'],
  tells: true,
  issue: async (ca, notAfter) => {
    const dates = notAfter === undefined ? {} : { notBefore: notAfter - dayMs, notAfter };
    const svid = await ca.issue({ kind: 'both', cn: 'gateway', sans: ['spiffe://example.org/gateway'], ...dates });
    return { certPem: svid.chainPem, keyPem: svid.keyPem };
  },
});
sourceContract('SPIFFE bundle endpoint', openBundleEndpoint, { wants: ['anchors'] });
