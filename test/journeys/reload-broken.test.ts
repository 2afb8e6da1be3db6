// A file is broken while requests run: the last good configuration stays active, says why in the log and in the
// metrics, and the repaired file is taken by itself.
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, symlinkSync, unlinkSync } from 'node:fs';
import { describe, it } from 'node:test';
import { expectFlawless, openSetup, reloadBy, type Setup } from '../support/mtls-setup.ts';

type Breakage = {
  readonly name: string;
  readonly breakIt: (setup: Setup) => void;
  readonly repair: (setup: Setup) => void;
  /** Code and message of the problems that must be in the log. */
  readonly problems: readonly RegExp[];
};

const restoreKey = ({ pki }: Setup): void => void pki.dir.replace('edge.key', pki.downstream.keyPem);
const restoreCert = ({ pki }: Setup): void => void pki.dir.replace('edge.crt', pki.downstream.chainPem);
const restoreConfig = ({ gateway, yaml }: Setup): void => gateway.rewrite(yaml());
const restoreCa = ({ pki }: Setup): void => {
  rmSync(pki.clients.file, { recursive: true, force: true });
  pki.dir.write('clients-ca.crt', pki.clients.certPem);
};

const breakages: readonly Breakage[] = [
  {
    name: 'a certificate that was written only in part',
    breakIt: ({ pki }) => void pki.dir.write('edge.crt', pki.downstream.chainPem.slice(0, 300)),
    repair: restoreCert,
    problems: [/edge\.crt/],
  },
  {
    name: 'the key of another certificate',
    breakIt: ({ pki }) => void pki.dir.replace('edge.key', pki.alice.keyPem),
    repair: restoreKey,
    problems: [/edge\.key.*does not belong|key_mismatch/],
  },
  {
    name: 'a key that is gone',
    breakIt: ({ pki }) => unlinkSync(pki.downstream.key),
    repair: restoreKey,
    problems: [/edge\.key/],
  },
  {
    name: 'a client CA that is empty',
    breakIt: ({ pki }) => void pki.dir.replace('clients-ca.crt', ''),
    repair: restoreCa,
    problems: [/clients-ca\.crt/],
  },
  {
    name: 'a client CA with one broken block',
    breakIt: ({ pki }) =>
      void pki.dir.replace('clients-ca.crt', pki.clients.certPem + pki.servers.certPem.replace(/M.{20}/, 'AAAA')),
    repair: restoreCa,
    problems: [/clients-ca\.crt/],
  },
  {
    name: 'a client CA that is a folder',
    breakIt: ({ pki }) => {
      unlinkSync(pki.clients.file);
      mkdirSync(pki.clients.file);
    },
    repair: restoreCa,
    problems: [/clients-ca\.crt is a directory/],
  },
  {
    name: 'a client CA that is a symlink to nowhere',
    breakIt: ({ pki }) => {
      unlinkSync(pki.clients.file);
      symlinkSync('/nonexistent/ca.crt', pki.clients.file);
    },
    repair: restoreCa,
    problems: [/clients-ca\.crt/],
  },
  {
    name: 'YAML that cannot be read',
    breakIt: ({ gateway, yaml }) => gateway.rewrite(`${yaml()}\n  routes: [`),
    repair: restoreConfig,
    problems: [/gateway\.yml:\d+:\d+/],
  },
  {
    name: 'several mistakes at once',
    breakIt: ({ gateway, yaml, pki }) => {
      pki.dir.replace('edge.key', pki.alice.keyPem);
      gateway.rewrite(
        yaml({ route: '      security: {tls: {rootCAs: nowhere.crt}}\n    - {name: all, path: /, target: "ftp://x"}' }),
      );
    },
    repair: (setup) => {
      restoreKey(setup);
      restoreConfig(setup);
    },
    problems: [/ftp.*gateway\.yml:\d+:\d+/, /two routes.*gateway\.yml:\d+:\d+/],
  },
];

describe('a file that is broken under load', () => {
  it('keeps the last good configuration, says so, and the repaired file is taken', async (t) => {
    await using setup = await openSetup({ workers: 2 });
    const { gateway } = setup;
    // Enough to have something under way in each of the reloads; more would only take the cores from them.
    const loads = [
      setup.load({ connections: 2, pauseMs: 10 }),
      setup.load({ connections: 2, pauseMs: 50, reconnect: true }),
    ];
    let failures = 0;
    for (const { name, breakIt, repair, problems } of breakages) {
      await t.test(name, async () => {
        const broken = await reloadBy(gateway, () => breakIt(setup));
        const text = broken.lines.filter((line) => line['level'] === 'error').map((line) => JSON.stringify(line));
        assert.equal(broken.ok, false, text.join('\n'));
        for (const problem of problems)
          assert.ok(
            text.some((line) => problem.test(line)),
            `${problem}\n${text.join('\n')}`,
          );
        assert.ok((await setup.metric('countersign_config_reload_failures_total')) > failures);
        assert.equal(await setup.metric('countersign_config_reload_failed'), 1);
        await Promise.all(loads.map(async (load) => load.waitForOk(3)));
        const generation = await setup.metric('countersign_config_generation');

        let repaired = await reloadBy(gateway, () => repair(setup));
        // Two files that are written apart may be seen apart.
        while (!repaired.ok) repaired = await reloadBy(gateway, () => {});
        assert.equal(await setup.metric('countersign_config_reload_failed'), 0);
        assert.equal(await setup.metric('countersign_config_generation'), generation + 1);
        failures = await setup.metric('countersign_config_reload_failures_total');
      });
    }
    await Promise.all(loads.map(async (load) => load.waitForOk(3)));
    await expectFlawless(...loads);
  });
});
