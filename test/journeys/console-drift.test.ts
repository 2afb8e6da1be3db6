// The banner of the console: on each screen while a file is in force that nobody approved, with what, since when and what to do; gone once
// somebody has approved it.
import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { it } from 'node:test';
import { expectAccessible, openConsole } from '../support/console.ts';
import { runToEnd } from '../support/owned-process.ts';
import { program } from '../support/program.ts';
import { eventually } from '../support/wait-for.ts';

it('a file that nobody approved stands on top of every screen until somebody approves it', async () => {
  await using console = await openConsole({
    yaml: `version: 2
gateway:
  store: {url: "sqlite:console.db"}
  drift: {onChange: alert, every: 1s}
  entryPoints: {webSecure: {enabled: false}}
`,
  });
  const { page, gateway, url } = console;
  const approve = async (): Promise<void> => {
    const run = await runToEnd(process.execPath, [program, 'approve', '-c', gateway.configFile]);
    assert.equal(run.code, 0, run.stderr);
  };
  const banner = page.getByRole('region', { name: 'Drift' });
  await banner.getByText('were never approved').waitFor();
  await approve();
  await banner.getByRole('listitem').waitFor({ state: 'detached' });
  appendFileSync(gateway.configFile, '# by somebody\n');
  await banner.getByText('gateway.yml was changed').waitFor();
  await banner.getByText('countersign approve').waitFor();
  await banner.getByText('since').waitFor();
  await expectAccessible(page);
  const { body } = await console.api('GET', '/drift');
  const [one] = body['items'] as { kind: string; code: string; key: string }[];
  assert.deepEqual([one?.kind, one?.code, one?.key], ['unauthorised', 'file_changed', 'files']);
  await eventually(
    async () => {
      const { body: told } = await console.api('GET', '/alerts?active=true');
      const alerts = told['items'] as { id: string; severity: string }[];
      return alerts.some(({ id, severity }) => /^drift:unauthorised:.+:files$/.test(id) && severity === 'failing');
    },
    { what: 'the alert' },
  );
  for (const path of ['/services', '/gateways', '/account']) {
    await page.goto(`${url}${path}`);
    await banner.getByText('gateway.yml was changed').waitFor();
  }
  await approve();
  await banner.getByRole('listitem').waitFor({ state: 'detached' });
});
