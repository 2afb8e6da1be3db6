// What an ACME account needs from one start to the next, and what gateways that share it must not do twice: its key, the certificates with
// their keys, the order that was begun. Files of mode 0600 in a folder of nobody else's; who orders holds a lock that the system takes away
// from a process that ends, however it ends.
import { closeSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import type { OpenOrder } from '../acme/order.ts';
import type { Issued } from '../trust/check-issued.ts';
import { waitFor } from '../acme/poll.ts';
import type { Clock } from '../base/clock.ts';
import { readRegularFileSync } from '../base/read-regular-file.ts';
import { showPath } from '../base/secret-text.ts';
import { checkPrivateFile, openNewPrivateFile, replacePrivateFile } from '../store/private-file.ts';
import { StoreProblem } from '../store/store-problem.ts';
import { SourceFailure } from './source.ts';

const maxFileBytes = 1024 * 1024;
/** Between two looks at a lock that another gateway holds. */
const lockPauseMs = 500;

export type StoredAccount = { readonly directory: string; readonly kid: string | undefined; readonly keyPem: string };

/** Every method throws SourceFailure where the folder cannot be used, or a file of it is not what was written. */
export class AcmeState {
  readonly #folder: string;
  readonly #label: string;

  constructor(folder: string, label: string) {
    this.#folder = folder;
    this.#label = label;
  }

  /** `id`: of the account. */
  readAccount(id: string): StoredAccount | undefined {
    const found = this.#read(`account-${id}.json`);
    if (found === undefined) return undefined;
    const { directory, kid, keyPem } = found;
    if (typeof directory !== 'string' || typeof keyPem !== 'string') throw this.#broken(`account-${id}.json`);
    return { directory, kid: typeof kid === 'string' ? kid : undefined, keyPem };
  }

  writeAccount(id: string, account: StoredAccount): void {
    this.#write(`account-${id}.json`, account);
  }

  /** As it was written; whether it may be used is another question. */
  readCertificate(id: string): Issued | undefined {
    const found = this.#read(`certificate-${id}.json`);
    if (found === undefined) return undefined;
    const { chainPem, keyPem } = found;
    if (typeof chainPem !== 'string' || typeof keyPem !== 'string') throw this.#broken(`certificate-${id}.json`);
    return { chainPem, keyPem };
  }

  writeCertificate(id: string, issued: Issued): void {
    this.#write(`certificate-${id}.json`, issued);
  }

  readOrder(id: string): OpenOrder | undefined {
    const found = this.#read(`order-${id}.json`);
    if (found === undefined) return undefined;
    const { url, keyPem, names } = found;
    if (typeof url !== 'string' || typeof keyPem !== 'string' || !Array.isArray(names)) return undefined;
    return { url, keyPem, names: names.map(String) };
  }

  /** undefined: it is over. */
  writeOrder(id: string, order: OpenOrder | undefined): void {
    if (order !== undefined) return this.#write(`order-${id}.json`, order);
    this.#guard(() => rmSync(join(this.#folder, `order-${id}.json`), { force: true }));
  }

  /**
   * While `act` runs no other process that uses this folder is inside the same lock. Waits for it; rejects with the reason of the signal.
   * The lock is one of SQLite's, on a file that holds nothing: the system gives it back when a process is killed.
   */
  async locked<T>(id: string, clock: Pick<Clock, 'after'>, signal: AbortSignal, act: () => Promise<T>): Promise<T> {
    const { DatabaseSync: Database } = await import('node:sqlite');
    const path = join(this.#folder, `lock-${id}`);
    this.#guard(() => {
      this.#openFolder();
      if (!checkPrivateFile(path, 'path_refused')) makePrivate(path);
    });
    const database = new Database(path, { timeout: 0 });
    try {
      while (!tryLock(database)) await waitFor(lockPauseMs, clock, signal);
      return await act();
    } finally {
      database.close();
    }
  }

  #read(name: string): Record<string, unknown> | undefined {
    return this.#guard(() => {
      const path = join(this.#folder, name);
      this.#openFolder();
      if (!checkPrivateFile(path, 'path_refused')) return undefined;
      const text = readRegularFileSync(path, maxFileBytes).toString('utf8');
      try {
        const value: unknown = JSON.parse(text);
        if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
      } catch {
        // Told below.
      }
      throw this.#broken(name);
    });
  }

  #write(name: string, value: object): void {
    this.#guard(() => {
      this.#openFolder();
      replacePrivateFile(join(this.#folder, name), `${JSON.stringify(value, undefined, 1)}\n`);
    });
  }

  #openFolder(): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  #guard<T>(act: () => T): T {
    try {
      return act();
    } catch (error) {
      if (error instanceof SourceFailure) throw error;
      const why = error instanceof StoreProblem ? error.message : ((error as NodeJS.ErrnoException).code ?? 'error');
      throw new SourceFailure({
        code: 'acme_storage',
        message: `${this.#label}: the folder ${showPath(this.#folder)} cannot be used (${why})`,
        hint: 'Account and certificates are kept there: give the user of the gateway a folder of its own, and name it as storage.',
      });
    }
  }

  #broken(name: string): SourceFailure {
    return new SourceFailure({
      code: 'acme_storage',
      message: `${this.#label}: ${showPath(join(this.#folder, name))} is not what was written`,
      hint: 'Restore it; or remove it, and what was in it is made or ordered again.',
    });
  }
}

function makePrivate(path: string): void {
  try {
    closeSync(openNewPrivateFile(path));
  } catch (error) {
    // Another gateway has made it in this moment.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

function tryLock(database: DatabaseSync): boolean {
  try {
    database.exec('BEGIN EXCLUSIVE');
    return true;
  } catch (error) {
    // SQLITE_BUSY
    if ((error as { errcode?: number }).errcode === 5) return false;
    throw error;
  }
}
