// Goma's folder of certificates where none is named.
import { access } from 'node:fs/promises';

const gomaCertsDir = '/etc/goma/certs';

/** undefined where it is not there. */
export async function findDefaultCertsDir(): Promise<string | undefined> {
  return access(gomaCertsDir).then(
    () => gomaCertsDir,
    () => undefined,
  );
}
