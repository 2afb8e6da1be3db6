// Preloaded into each process of tests: ends it, as a failure that names what is open, where something keeps it although its tests are
// over. node:test would wait for it until the whole run is given up (its `timeout` ends tests, not processes): a failed test that left
// a server behind would take an hour and everybody else's results with it.
import { after } from 'node:test';
import { writeSync } from 'node:fs';

/** Milliseconds instead of the usual ones. */
export const lingerVariable = 'COUNTERSIGN_TEST_LINGER_MS';

/** Longer than any hook takes that stops gateways, backends and browsers. */
const LINGER_MS = 120_000;

after(() => {
  const lingerMs = Number(process.env[lingerVariable] ?? LINGER_MS);
  const end = (): void => {
    const open = process.getActiveResourcesInfo().join(', ');
    writeSync(2, `the tests are over since ${lingerMs / 1000} s, but the process is kept by: ${open}\n`);
    process.exit(1);
  };
  // Keeps nothing itself: what has nothing open has ended by then.
  setTimeout(end, lingerMs).unref();
});
