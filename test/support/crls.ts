// CRLs in a test's folder: written as careful tools do it, and waited for until the gateway has taken them in.
import { encodePem } from '../../src/asn1/der-writer.ts';
import type { CrlOptions } from '../../src/certs/crl-writer.ts';
import { readFacts } from '../../src/certs/facts-reader.ts';
import type { TestCa } from '../../src/certs/test-ca.ts';
import type { Gateway, LogLine } from './gateway.ts';
import type { TempDir } from './temp.ts';

/** Serial of a certificate as `revoked` wants it. */
export function serialOf({ der }: { readonly der: Buffer }): string {
  return readFacts(der).serial;
}

export function writeCrl(dir: TempDir, name: string, ca: TestCa, options: CrlOptions = {}): string {
  return dir.replace(name, encodePem('X509 CRL', ca.issueCrl(options)));
}

/** Does something and waits for the log to say that a CRL with this number (hexadecimal) was taken in. */
export async function takenIn(gateway: Gateway, number: string, act: () => void): Promise<LogLine> {
  const from = gateway.log.length;
  act();
  return gateway.waitForLog(({ msg, ['number']: n }) => msg === 'CRL taken in' && n === number, {
    from,
    what: `CRL number ${number}`,
  });
}
