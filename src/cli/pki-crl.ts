// `countersign pki crl`: the CRL of the CA of `pki init`, renewed with what is revoked added to what it listed before. For
// tests and examples: a real CA keeps its list in a database.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { showPath } from '../base/secret-text.ts';
import { dayMs, systemClock } from '../base/clock.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { UsageError } from '../base/usage-error.ts';
import { readCrlFile, splitCrls } from '../crl/file.ts';
import { readSerial } from '../crl/serial-index.ts';
import { findCrlIssuer } from '../crl/issuer.ts';
import { readCrl } from '../crl/reader.ts';
import { CrlRejection } from '../crl/rejection.ts';
import type { RevokedEntry } from '../certs/crl-writer.ts';
import { encodePem } from '../asn1/der-writer.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { isIssuedBy } from '../certs/issuer.ts';
import { maxMaterialBytes, parseCertificates } from '../certs/material.ts';
import { parseWholeDays } from './days-option.ts';
import { loadCa, writeFiles } from './pki-files.ts';

/** CRLReason (RFC 5280 section 5.3.1). */
const reasons: Readonly<Record<string, number>> = {
  keyCompromise: 1,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  certificateHold: 6,
  privilegeWithdrawn: 9,
};

type Options = { readonly ca: string; readonly revoke: string[]; readonly reason?: string; readonly days: number };

/** Adds the options and the action; `fail` prints a mistake of the user's. */
export function configureCrlCommand(command: Command, fail: (error: unknown) => void): Command {
  return command
    .description('write ca.crl: the CRL of the CA of `pki init`, with more certificates revoked')
    .option('--ca <dir>', 'folder with ca.crt and ca.key', '.')
    .option('--revoke <file...>', 'certificates to revoke', [])
    .addOption(new Option('--reason <reason>', 'why').choices(Object.keys(reasons)))
    .option('--days <n>', 'until the next update', parseWholeDays, 7)
    .action((options: Options) => runCrl(options).catch(fail));
}

async function runCrl({ ca: dir, revoke, reason, days }: Options): Promise<void> {
  const now = systemClock.now();
  const { ca, facts } = await loadCa(dir, now);
  const path = join(dir, 'ca.crl');
  const before = readBefore(path, facts);
  const revoked = new Map(before.revoked.map((entry) => [entry.serial, entry]));
  for (const file of revoke) {
    const serial = readOwnSerial(file, facts);
    const why = reason === undefined ? {} : { reason: reasons[reason] as number };
    if (!revoked.has(serial)) revoked.set(serial, { serial, date: now, ...why });
  }
  const number = before.number + 1;
  // A whole second, and no later than now: otherwise the CRL would come from the future.
  const thisUpdate = Math.floor(now / 1000) * 1000;
  const nextUpdate = thisUpdate + days * dayMs;
  const der = ca.issueCrl({ revoked: [...revoked.values()], number, thisUpdate, nextUpdate });
  writeFiles([{ path, text: encodePem('X509 CRL', der), secret: false }], true);
  const until = new Date(nextUpdate).toISOString().slice(0, 10);
  process.stdout.write(`${path}  number ${number.toString(16)}, ${revoked.size} revoked, next update ${until}\n`);
}

function readBefore(path: string, ca: CertificateFacts): { readonly revoked: RevokedEntry[]; readonly number: number } {
  if (!existsSync(path)) return { revoked: [], number: 0 };
  try {
    const [der] = splitCrls(readCrlFile(path));
    const crl = readCrl(der as Buffer);
    findCrlIssuer(crl, [ca]);
    const { count, serialAt, serialBytes, revokedAt, reasons: codes } = crl.entries;
    const revoked: RevokedEntry[] = [];
    for (let row = 0; row < count; row++) {
      const at = serialAt[row] as number;
      const serial = readSerial(crl.der.subarray(at, at + (serialBytes[row] as number)));
      const reason = codes[row] as number;
      revoked.push({ serial, date: (revokedAt[row] as number) * 1000, ...(reason === 0 ? {} : { reason }) });
    }
    return { revoked, number: Number.parseInt(crl.number ?? '0', 16) };
  } catch (error) {
    if (!(error instanceof CrlRejection)) throw error;
    throw new UsageError(`${path}: ${error.message}; take it away to begin anew`, { cause: error });
  }
}

function readOwnSerial(file: string, ca: CertificateFacts): string {
  if (!existsSync(file)) throw new UsageError(`${showPath(file)} does not exist`);
  const text = readRegularFileSync(file, maxMaterialBytes).toString('utf8');
  const { certificates, problems } = parseCertificates(text, file);
  const [facts] = certificates;
  if (facts === undefined) throw new UsageError(problems[0]?.message ?? `${file} holds no certificate`);
  if (!isIssuedBy(facts, ca)) throw new UsageError(`${file} was not issued by this CA: only that CA can revoke it`);
  return facts.serial;
}
