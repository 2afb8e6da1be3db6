// Writes and reads the folder of a test CA: ca.crt, ca.key and NAME.crt, NAME.key. Keys are 0600 from their first byte,
// nothing is overwritten unless that was asked for, and then in one step.
import { createPrivateKey } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { UsageError } from '../base/usage-error.ts';
import { fitsKey } from '../certs/chain.ts';
import type { CertificateFacts } from '../certs/facts.ts';
import { verifyDates } from '../trust/certificate-checks.ts';
import { loadPem, parseCertificates } from '../certs/material.ts';
import { openCa, type TestCa } from '../certs/test-ca.ts';

export type OutputFile = { readonly path: string; readonly text: string; readonly secret: boolean };

/** Writes all files, or none where one exists already and `force` is false. */
export function writeFiles(files: readonly OutputFile[], force: boolean): void {
  const taken = force ? [] : files.filter((file) => existsSync(file.path));
  if (taken.length > 0) {
    const names = taken.map((file) => file.path).join(', ');
    throw new UsageError(`${names} ${taken.length === 1 ? 'exists' : 'exist'} already; --force overwrites`);
  }
  for (const { path, text, secret } of files) {
    mkdirSync(dirname(path), { recursive: true });
    const mode = secret ? 0o600 : 0o644;
    if (!force) {
      writeFileSync(path, text, { flag: 'wx', mode });
      continue;
    }
    // Written beside and renamed: an old file's wider mode does not pass to a new key, and no reader sees half a file.
    const fresh = `${path}.${process.pid}.new`;
    writeFileSync(fresh, text, { flag: 'wx', mode });
    renameSync(fresh, path);
  }
}

/** The CA of a folder that `pki init` made (or of any ca.crt and ca.key). */
export async function loadCa(dir: string, now: number): Promise<{ ca: TestCa; facts: CertificateFacts }> {
  const [certPem, keyPem] = [await readText(join(dir, 'ca.crt')), await readText(join(dir, 'ca.key'))];
  const parsed = parseCertificates(certPem, join(dir, 'ca.crt'));
  const [facts] = parsed.certificates;
  if (facts === undefined) throw new UsageError(parsed.problems[0]?.message ?? `${dir}/ca.crt holds no certificate`);
  if (!facts.isCa) throw new UsageError(`${join(dir, 'ca.crt')} is not a CA certificate`);
  const dates = verifyDates(facts, now);
  if (dates !== undefined) throw new UsageError(`${join(dir, 'ca.crt')}: ${dates.detail}`);
  let key;
  try {
    key = createPrivateKey(keyPem);
  } catch {
    throw new UsageError(`${join(dir, 'ca.key')} is not a private key that can be used`);
  }
  if (!fitsKey(facts, key)) throw new UsageError(`${join(dir, 'ca.key')} is not the key of ${join(dir, 'ca.crt')}`);
  return { ca: openCa(certPem, keyPem), facts };
}

async function readText(path: string): Promise<string> {
  const loaded = await loadPem({ path });
  if (!loaded.ok) {
    const hint = loaded.code === 'file_missing' ? ' (`pki init DIR` makes a CA)' : '';
    throw new UsageError(`${loaded.message}${hint}`);
  }
  return loaded.pem;
}
