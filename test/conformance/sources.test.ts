// The benches of the contract of sources: a source of the tests' own, and each that the gateway has.
import { rmSync } from 'node:fs';
import type { SourceConfig, SourceWant } from '../../src/config/source-config.ts';
import { makeSource } from '../../src/sources/make-source.ts';
import { type Delivery, PolledSource, SourceFailure } from '../../src/sources/source.ts';
import { openTempDir } from '../support/temp.ts';
import { type SourceBench, sourceContract } from './source-contract.ts';

const place = { file: '/etc/gateway.yml', line: 7, col: 3 };

function configFor(want: SourceWant, command: readonly string[]): SourceConfig {
  const common = { want, label: 'edge (exec)', place, mayStartWithout: false };
  return { ...common, kind: 'exec', command, env: {}, timeoutMs: 10_000, refreshMs: undefined };
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

sourceContract('of the tests', openScripted, { wants: ['pair', 'anchors'] });
sourceContract('exec', openExec, { wants: ['pair', 'anchors'] });
