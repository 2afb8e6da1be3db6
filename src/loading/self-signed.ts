// A certificate for this run only, where none is configured. It encrypts and proves nothing.
import { dayMs } from '../base/clock.ts';
import { mintCa } from '../certs/test-ca.ts';
import type { LoadedPair } from './material-loader.ts';

const lifetimeDays = 90;
const maxNames = 50;
const subject = 'CN=Countersign self-signed';

/** Whether a pair was made here. A certificate from a file has a fingerprint. */
export function isSelfSigned(pair: LoadedPair): boolean {
  return pair.sha256 === '' && pair.subject === subject;
}

export async function mintSelfSigned(hosts: readonly string[]): Promise<LoadedPair> {
  const ca = await mintCa({ cn: 'Countersign self-signed', days: lifetimeDays });
  const exact = hosts.filter((host) => !host.startsWith('{')).slice(0, maxNames);
  const names = ['localhost', ...exact];
  const issued = await ca.issue({ kind: 'server', cn: 'Countersign self-signed', sans: names, days: lifetimeDays });
  return {
    chainPem: issued.chainPem,
    issuerPem: undefined,
    keyPem: issued.keyPem,
    keyType: 'ec',
    mustStaple: false,
    names,
    uris: [],
    sha256: '',
    serial: '',
    subject,
    notBefore: Date.now(),
    notAfter: Date.now() + lifetimeDays * dayMs,
  };
}
