// The command line that the tests start. `npm test` builds it first and says where it is: so what is tested is what is shipped,
// and each of its many processes starts in two thirds of the time. A test file run by itself starts the sources.
import { fileURLToPath } from 'node:url';

/** Name of the variable by which the runner passes the built program on. */
export const programVariable = 'COUNTERSIGN_TEST_PROGRAM';

/** File to give to Node. */
export const program = process.env[programVariable] ?? fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
