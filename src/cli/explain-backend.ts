// `countersign explain backend ROUTE --config FILE`: the way to each backend of a route, climbed with the certificate, the CAs and
// the rules that the configuration gives the gateway, so that nothing is retyped. Exit codes as those of `explain handshake`.
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import { safeJson } from '../base/safe-json.ts';
import { UsageError } from '../base/usage-error.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { forBackend } from '../diagnosis/backend-remedies.ts';
import { diagnoseHandshake } from '../diagnosis/diagnose-handshake.ts';
import { diagnosePlain } from '../diagnosis/diagnose-plain.ts';
import { diagnosisToJson, isSound, printDiagnosis, printSteps } from '../diagnosis/print-diagnosis.ts';
import type { Target } from '../diagnosis/target.ts';
import type { LoadedRoute } from '../loading/loaded.ts';
import { endpointAuthority, endpointLabel } from '../upstream/endpoint.ts';
import { findNearest } from '../yaml/nearest.ts';
import { type Place, showPlace } from '../yaml/place.ts';
import { BackendTargets, namesOf } from '../probe/backend-targets.ts';
import { type CommandIo, finish } from './command-io.ts';
import { loadForCommand } from './load-for-command.ts';
import { parseSeconds } from './seconds-option.ts';

type Options = {
  readonly config: string;
  readonly path?: string;
  readonly timeout: number;
  readonly json?: true;
};

export function explainBackendCommand(io: CommandIo = process): Command {
  return new Command('backend')
    .description(
      "climb to each backend of a route with the configuration's own certificate and CAs, and say where it breaks",
    )
    .argument('<route>', 'name of the route')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--path <path>', 'what to GET at the end (default: that of the health check, else /)')
    .option('--timeout <seconds>', 'for each backend', parseSeconds, 10)
    .option('--json', 'for machines')
    .addHelpText('after', '\nExit code: 0 nothing broke, 1 a step failed, 2 the question could not be asked.')
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
    .action(async (name: string, options: Options) => {
      try {
        await explain(name, options, io);
      } catch (error) {
        if (!(error instanceof UsageError)) throw error;
        io.stderr.write(`${error.message}\n`);
        io.exitCode = 2;
      }
    });
}

async function explain(name: string, options: Options, io: CommandIo): Promise<void> {
  const { loaded, crls } = await loadForCommand(options.config, io, true);
  const route = findRoute(loaded.routes, name);
  if (route.config.response !== undefined)
    throw new UsageError(`route ${escapeForLog(name, 120)} has no backends: the gateway answers itself (response)`);
  const looks = await Promise.all(lookAll(route, crls, options));
  const text =
    options.json === true
      ? safeJson({ route: name, ...describeRoute(route), backends: looks.map(({ json }) => json) }, 2)
      : [printRoute(route), ...looks.map(({ text }) => text)].join('\n');
  finish(io, `${text.trimEnd()}\n`, looks.every(({ sound }) => sound) ? 0 : 1);
}

function findRoute(routes: readonly LoadedRoute[], name: string): LoadedRoute {
  const found = routes.find(({ config }) => config.name === name);
  if (found !== undefined) return found;
  const names = routes.map(({ config }) => config.name);
  const near = findNearest(name, names);
  const known = near === undefined ? `its routes: ${names.slice(0, 20).join(', ')}` : `did you mean ${near}?`;
  throw new UsageError(`there is no route ${escapeForLog(name, 120)}; ${known}`);
}

type Look = { readonly text: string; readonly json: object; readonly sound: boolean };

function lookAll(route: LoadedRoute, crls: CrlLookup, options: Options): Promise<Look>[] {
  const targets = new BackendTargets(route, crls, { path: options.path, timeoutMs: options.timeout * 1000 });
  return route.config.backends.map(async (endpoint) => {
    if (endpoint.scheme === 'https') return lookOver(targets.find(endpoint), targets.identity.http2 === 'auto');
    const path = targets.pathOf(endpoint);
    const target = { ...endpoint, authority: endpointAuthority(endpoint), path, timeoutMs: options.timeout * 1000 };
    const diagnosis = await diagnosePlain(target, systemClock);
    const { steps, address } = diagnosis;
    const sound = isSound(diagnosis);
    const text = [`http://${endpointLabel(endpoint)}, plain HTTP`, '', ...printSteps(steps), ''].join('\n');
    return { text, sound, json: { ok: sound, target: { ...place(endpoint), address: address ?? null }, steps } };
  });
}

/** `mayBeHttp2`: what does not speak HTTP/1.1 is not given up. */
async function lookOver(target: Target, mayBeHttp2: boolean): Promise<Look> {
  const found = await diagnoseHandshake(target, systemClock);
  const isOther = found.steps.at(-1)?.failure?.code === 'protocol_mismatch' && target.alpn[0] !== 'h2';
  if (mayBeHttp2 && isOther) {
    const again = await lookOver({ ...target, alpn: ['h2'] }, false);
    if (again.sound) return again;
  }
  const diagnosis = { ...found, steps: found.steps.map(forBackend) };
  const sound = isSound(diagnosis);
  return { text: printDiagnosis(diagnosis, target), sound, json: diagnosisToJson(diagnosis, target) };
}

function place({ host, port }: { readonly host: string; readonly port: number }): object {
  return { host, port, name: host };
}

function describeRoute(route: LoadedRoute): { presents: string | null; trusts: string | null } {
  const { rootCAs } = namesOf(route);
  const { clientPair } = route.tls;
  const presents = clientPair && escapeForLog(clientPair.subject, 512);
  return { presents: presents ?? null, trusts: rootCAs ?? null };
}

function printRoute(route: LoadedRoute): string {
  const { config, tls } = route;
  const { rootCAs, clientCert } = namesOf(route);
  const lines = [`route     ${config.name}  (${shownAt(config.place)})`];
  if (config.backends.some(({ scheme }) => scheme === 'https')) {
    const pair = tls.clientPair;
    const who = pair && `"${escapeForLog(pair.subject, 120)}" (${clientCert ?? ''}), valid until ${day(pair.notAfter)}`;
    lines.push(`presents  ${who ?? 'no certificate: security.tls.clientCert is not set'}`);
    lines.push(
      `trusts    ${config.tls.insecureSkipVerify ? 'everybody: insecureSkipVerify' : (rootCAs ?? 'the built-in roots')}`,
    );
  }
  return `${lines.join('\n')}\n`;
}

function day(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

/** Without the column: all of a route is meant. */
function shownAt(place: Place): string {
  return escapeForLog(place.stored === undefined ? `${place.file}:${place.line}` : showPlace(place));
}
