import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { readFacts } from '../pki/facts-reader.ts';
import { mintCa } from '../pki/test-ca.ts';
import type { Verdict } from '../pki/verdict.ts';
import { EdgePolicy } from './edge-policy.ts';
import type { Peer } from './peer.ts';
import { PolicyTable } from './policy-table.ts';
import { judgeAgain } from './rejudge.ts';

test('a certificate that cannot be judged ends its connection, and nothing else', async () => {
  const ca = await mintCa();
  const server = await ca.issue({ kind: 'server', sans: ['a.test'] });
  const leaf = readFacts((await ca.issue({ kind: 'client', cn: 'alice' })).der);
  const policy = new EdgePolicy({
    name: 'a',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    certificates: [{ certPem: server.chainPem, keyPem: server.keyPem, names: ['a.test'] }],
    clientAuth: { caPem: [ca.certPem], required: true, onFailure: 'close', maxDepth: 4 },
    resumption: { enabled: false, lifetimeS: 0, secret: randomBytes(32) },
  });
  const policies = new PolicyTable({
    policies: [{ policy, hosts: ['a.test'] }],
    gateway: policy,
    knownHosts: [],
    defaultPolicy: undefined,
  });
  const judge = (identity: Peer['identity']) => {
    const verdict: Verdict = {
      code: 'ok',
      raw: '',
      detail: '',
      leaf,
      chain: [leaf],
      chainKnown: true,
      anchor: undefined,
      resumed: false,
      version: 'TLSv1.3',
      cipher: '',
    };
    const where = { remoteAddress: '127.0.0.1', remotePort: 1, localPort: 2, secure: true, serverName: 'a.test' };
    const peer = { ...where, policy: 'a', policyDigest: 'another', verdict, identity, refused: undefined };
    return judgeAgain(peer, { policies, now: Date.now(), ocsp: undefined })?.code;
  };
  assert.equal(judge({ leaf, chain: [leaf], chainKnown: true, anchor: undefined }), undefined);
  const broken = { ...leaf, der: Buffer.from('no certificate') };
  assert.equal(judge({ leaf: broken, chain: [broken], chainKnown: true, anchor: undefined }), 'malformed_cert');
});
