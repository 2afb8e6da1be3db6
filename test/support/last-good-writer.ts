// Writes the last good revision of a store again and again until it is killed: `node last-good-writer.ts STORE`.
import { writeSync } from 'node:fs';
import { systemClock } from '../../src/base/clock.ts';
import { LastGoodFile, lastGoodPath } from '../../src/loading/last-good.ts';
import { readOpener } from '../../src/loading/read-opener.ts';
import { readHead } from '../../src/loading/stored-revision.ts';
import { openSqliteStore } from '../../src/sqlite/sqlite-store.ts';

const [path = ''] = process.argv.slice(2);
const opener = readOpener({ path });
if (opener === undefined) throw new Error('no opening key');
const store = await openSqliteStore({ path, access: 'read', clock: systemClock });
const stored = await readHead(store);
// Each writes anew what it does not know to be there.
for (let round = 0; ; round++) {
  new LastGoodFile(lastGoodPath(path)).write(stored, opener);
  if (round === 0) writeSync(1, 'written\n');
}
