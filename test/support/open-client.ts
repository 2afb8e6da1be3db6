// A client whose connection is open under one trust policy, as a value: for what happens to it when the rules become others.
import { randomBytes } from 'node:crypto';
import type { Issued } from '../../src/certs/test-ca.ts';
import { PolicyTable } from '../../src/downstream/policy-table.ts';
import { TrustPolicy, type TrustPolicyOptions } from '../../src/downstream/trust-policy.ts';
import type { Identity, Verdict } from '../../src/trust/verdict.ts';

type ClientAuth = NonNullable<TrustPolicyOptions['clientAuth']>;

/** The rules of today: one policy, `a` for a.test, with these beside the usual ones. */
export function policiesFor(server: Issued, rules: Pick<ClientAuth, 'caPem'> & Partial<ClientAuth>): PolicyTable {
  const policy = new TrustPolicy({
    name: 'a',
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    ciphers: [],
    curves: [],
    certificates: [{ certPem: server.chainPem, keyPem: server.keyPem, names: ['a.test'] }],
    clientAuth: { required: true, onFailure: 'close', maxDepth: 4, distrustGraceMs: 500, ...rules },
    resumption: { enabled: false, lifetimeS: 0, secret: randomBytes(32) },
  });
  const hosts = [{ policy, hosts: ['a.test'] }];
  return new PolicyTable({ policies: hosts, gateway: policy, knownHosts: [], defaultPolicy: undefined });
}

/** Let in by a policy `a` that had other rules. */
export function letInBefore(identity: Identity, remotePort = 1) {
  const session = { code: 'ok', raw: '', detail: '', resumed: false, version: 'TLSv1.3', cipher: '' } as const;
  const verdict: Verdict = { ...session, ...identity };
  const where = { remoteAddress: '127.0.0.1', remotePort, localPort: 2, secure: true, serverName: 'a.test' };
  return { ...where, policy: 'a', policyDigest: 'another', verdict, identity, refused: undefined };
}
