// Test files that share one process, which spares most of what they cost: a process each, with the sources loaded anew.
// Journeys, which start programs and wait for them, keep a process each and run beside one another.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { pathToFileURL } from 'node:url';

type State = { readonly cwd: string; readonly exitCode: unknown; readonly env: Readonly<Record<string, unknown>> };

function stateOfProcess(): State {
  return { cwd: process.cwd(), exitCode: process.exitCode, env: { ...process.env } };
}

/** Registers the tests of all `files` (absolute paths), one after another; what they left changed in the process is a failure. */
export async function registerTogether(files: readonly string[]): Promise<void> {
  const before = stateOfProcess();
  after(() => assert.deepEqual(stateOfProcess(), before, 'a test file left the process changed for the others'));
  // Until all of them are there no other test runs. While a file waits for what it needs first, the tests before it may all be
  // over; that would be the end for node:test, which then runs the `after` hooks of the file that is still on its way.
  const loaded = Promise.withResolvers<void>();
  void test('the test files of this process are loaded', async () => loaded.promise);
  for (const file of files) {
    try {
      await import(pathToFileURL(file).href);
    } catch (error) {
      test(`${file} can be loaded`, () => {
        throw error;
      });
    }
  }
  loaded.resolve();
}
