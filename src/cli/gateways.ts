// `countersign gateways`: who reports to the store, what each runs and is to run, and why it does not; read from the store alone, so
// that it also works where no gateway answers.
import { userInfo } from 'node:os';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { safeJson } from '../base/safe-json.ts';
import { UsageError } from '../base/usage-error.ts';
import { Fleet } from '../control/fleet.ts';
import type { GatewayShown } from '../control/gateway-shape.ts';
import { showRollout } from '../control/rollout-shape.ts';
import type { CommandIo } from './command-io.ts';
import { openStoreOf } from './open-store.ts';
import { tellStoreTrouble } from './store-trouble.ts';

type Options = { readonly config: string; readonly json?: true };

export function gatewaysCommand(io: CommandIo = process): Command {
  const remove = new Command('remove')
    .description('forget a gateway that is gone; it is back when it reports again')
    .argument('<name>', 'as the list has it')
    .action(async (name: string, _, command: Command) =>
      // The option stands with the command above: it belongs to both.
      tellStoreTrouble(io, async () => forget(io, name, requireConfig(command.optsWithGlobals()))),
    );
  return new Command('gateways')
    .option('-c, --config <file>', 'configuration file, which names the store')
    .option('--json', 'the same as JSON')
    .addHelpText('after', '\nExit code: 0 every gateway runs what it is to; 1 one does not, or does not report.')
    .action(async (options: Partial<Options>) => tellStoreTrouble(io, async () => list(io, requireConfig(options))))
    .addCommand(remove);
}

/** Throws UsageError. */
function requireConfig({ config, json }: Partial<Options>): Options {
  if (config === undefined) throw new UsageError('name the configuration file: -c FILE');
  return { config, ...(json && { json }) };
}

async function list(io: CommandIo, { config, json }: Options): Promise<void> {
  await using store = await openStoreOf(io, config, 'read');
  const { gateways, rollout } = await new Fleet({ store, clock: systemClock }).read();
  if (gateways.some(({ state }) => state !== 'current')) io.exitCode = 1;
  const onTrial = showRollout(rollout);
  if (json === true) {
    io.stdout.write(`${safeJson({ rollout: onTrial, gateways }, 2)}\n`);
    return;
  }
  if (gateways.length === 0) io.stdout.write('no gateway has reported yet\n');
  if (onTrial !== null) io.stdout.write(`revision ${onTrial.revision} is on trial on ${onTrial.gateways.join(', ')}\n`);
  for (const gateway of gateways) for (const line of linesOf(gateway)) io.stdout.write(`${line}\n`);
}

function linesOf(gateway: GatewayShown): string[] {
  const { name, state, revision, expected, since, reportedAt, versions, refused, sharedWith, clockSkewMs } = gateway;
  const runs =
    revision === expected.revision ? `revision ${revision}` : `revision ${revision}, is to run ${expected.revision}`;
  const lines = [
    `${name}: ${state}, ${runs}, since ${since}, reported ${reportedAt}${versions === null ? '' : `, Countersign ${safe(versions.countersign)}`}`,
  ];
  if (refused !== null) {
    lines.push(
      `  refused ${refused.revision === null ? 'its file' : `revision ${refused.revision}`}: ${safe(refused.why)}`,
    );
    for (const { code, message, hint, place } of refused.problems)
      lines.push(`    ${code}: ${safe(place)}: ${safe(message)}${hint === '' ? '' : ` (${safe(hint)})`}`);
  }
  if (sharedWith !== null)
    lines.push(`  another gateway reports under this name: ${safe(sharedWith.machine)}, ${safe(sharedWith.url)}`);
  if (clockSkewMs !== null && Math.abs(clockSkewMs) >= 30_000)
    lines.push(`  its clock is ${Math.round(clockSkewMs / 1000)} s ahead of that of the store`);
  return lines;
}

function safe(text: string): string {
  return escapeForLog(text, 500);
}

async function forget(io: CommandIo, name: string, { config }: Options): Promise<void> {
  await using store = await openStoreOf(io, config, 'write');
  const { gateways } = await new Fleet({ store, clock: systemClock }).read();
  const found = gateways.find((one) => one.name === name);
  if (found === undefined) throw new UsageError(`no gateway has reported under the name ${name}`);
  if (found.state !== 'silent') throw new UsageError(`${name} reports, and would be back in a moment: stop it first`);
  await store.gateways.remove(name, { actor: `local:${userInfo().username}`, reason: 'countersign gateways remove' });
  io.stdout.write(`${name} is forgotten\n`);
}
