// `countersign pki init|issue|crl|show`: a throwaway CA with its certificates, and a readable view of any certificate file.
// Knows options and output; minting is certs/test-ca.ts, reading is pki-show.ts.
import { basename, join, resolve } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { canonicalHostName, isIpLiteral } from '../base/host.ts';
import { shellQuote } from '../base/shell.ts';
import { dayMs, systemClock } from '../base/clock.ts';
import { UsageError } from '../base/usage-error.ts';
import { canonicalIp } from '../base/ip-name.ts';
import type { San } from '../certs/facts.ts';
import { readFacts } from '../certs/facts-reader.ts';
import { type Issued, type LeafOptions, mintCa, parseSubject, type TestCa } from '../certs/test-ca.ts';
import { parseWholeDays } from './days-option.ts';
import { configureCrlCommand } from './pki-crl.ts';
import { loadCa, type OutputFile, writeFiles } from './pki-files.ts';
import { listFiles } from './pki-show-json.ts';
import { showFiles } from './pki-show.ts';

type KeyChoice = 'ec' | 'rsa';

export function pkiCommand(): Command {
  return new Command('pki')
    .addCommand(initCommand())
    .addCommand(issueCommand())
    .addCommand(configureCrlCommand(new Command('crl'), fail))
    .addCommand(showCommand());
}

function initCommand(): Command {
  return new Command('init')
    .description('make DIR with a new CA, a server and a client certificate')
    .argument('<dir>', 'folder for ca.*, server.*, client.*')
    .option(
      '--host <name...>',
      'host names or addresses of the server (default: localhost 127.0.0.1 ::1)',
      collectHosts,
    )
    .option('--client <name>', 'common name of the client', 'client')
    .option('--days <n>', 'lifetime of server and client certificate', parseWholeDays, 90)
    .option('--ca-days <n>', 'lifetime of the CA', parseWholeDays, 3650)
    .addOption(keyOption())
    .option('--force', 'overwrite files that exist', false)
    .action((dir: string, options: InitOptions) => runInit(dir, options).catch(fail));
}

/** With the name of its folder: CAs of one name and different keys are hard to tell apart in every message. */
function caName(dir: string): string {
  const folder = basename(resolve(dir))
    .replace(/[^A-Za-z0-9._-]+/g, '_')
    .slice(0, 32);
  return folder === '' ? 'Countersign test CA' : `Countersign test CA (${folder})`;
}

type InitOptions = { host?: San[]; client: string; days: number; caDays: number; key: KeyChoice; force: boolean };

async function runInit(dir: string, options: InitOptions): Promise<void> {
  const { key, days } = options;
  const sans = options.host ?? collectHosts('::1', collectHosts('127.0.0.1', collectHosts('localhost', undefined)));
  const ca = await mintCa({ subject: `/O=Countersign test/CN=${caName(dir)}`, days: options.caDays, key });
  const server = await ca.issue({ kind: 'server', cn: commonName(sans, 'server'), sans, days, key });
  const client = await ca.issue({ kind: 'client', cn: options.client, sans: [], days, key });
  const names = { ca: join(dir, 'ca.crt'), cert: join(dir, 'client.crt'), key: join(dir, 'client.key') };
  writeFiles(
    [...pairFiles(dir, 'ca', ca), ...pairFiles(dir, 'server', server), ...pairFiles(dir, 'client', client)],
    options.force,
  );
  for (const name of ['ca', 'server', 'client'] as const) report(dir, name, { ca, server, client }[name]);
  print(`\nThe server trusts clients of ${names.ca}; a client calls it with\n`);
  print(`  ${curlLine(names, sans)}\n`);
}

/** That works as it stands on the machine of a gateway that listens where it does by default: names that nobody resolves too. */
function curlLine({ ca, cert, key }: Readonly<Record<'ca' | 'cert' | 'key', string>>, sans: readonly San[]): string {
  const resolves = sans.find(({ value }) => value === 'localhost' || value === '127.0.0.1')?.value;
  const [first] = sans;
  const name = resolves ?? first?.value.replace(/^\*\./, 'www.') ?? 'localhost';
  const words = ['curl', '--cacert', ca, '--cert', cert, '--key', key];
  if (resolves === undefined) words.push('--connect-to', '::localhost:8443');
  return [...words, `https://${name.includes(':') ? `[${name}]` : name}:8443/`].map(shellQuote).join(' ');
}

function issueCommand(): Command {
  return new Command('issue')
    .description('issue a certificate from the CA of `pki init`')
    .addArgument(new Command().createArgument('<kind>', 'what it is for').choices(['server', 'client', 'both']))
    .option('--ca <dir>', 'folder with ca.crt and ca.key', '.')
    .option('--name <name>', 'files are DIR/NAME.crt and NAME.key (default: the common name)')
    .option('--cn <text>', 'common name (default: the first name)')
    .option('--subject <dn>', 'whole subject, as /O=Example/CN=name')
    .option('--host <name...>', 'DNS names (`*.x` too) and addresses', collectHosts)
    .option('--ip <address...>', 'IP addresses', collectIps)
    .option('--uri <uri...>', 'URIs, as spiffe://example.org/workload', collectUris)
    .option('--email <address...>', 'e-mail addresses', collectEmails)
    .option('--days <n>', 'lifetime', parseWholeDays, 90)
    .addOption(keyOption())
    .option('--out <dir>', 'folder for the new files (default: that of the CA)')
    .option('--force', 'overwrite files that exist', false)
    .action((kind: LeafOptions['kind'], options: IssueOptions) => runIssue(kind, options).catch(fail));
}

type IssueOptions = {
  ca: string;
  name?: string;
  cn?: string;
  subject?: string;
  host?: San[];
  ip?: San[];
  uri?: San[];
  email?: San[];
  days: number;
  key: KeyChoice;
  out?: string;
  force: boolean;
};

async function runIssue(kind: LeafOptions['kind'], options: IssueOptions): Promise<void> {
  const sans = [...(options.host ?? []), ...(options.ip ?? []), ...(options.uri ?? []), ...(options.email ?? [])];
  if (kind !== 'client' && !sans.some((san) => san.type === 'DNS' || san.type === 'IP')) {
    throw new UsageError(
      'a server certificate needs a name: --host NAME or --ip ADDRESS (a common name does not count)',
    );
  }
  const cn = options.cn ?? commonName(sans, kind);
  const name = options.name ?? cn.replace(/^\*\./, 'wildcard.').replace(/[^A-Za-z0-9._-]+/g, '_');
  if (!/^[A-Za-z0-9_][A-Za-z0-9._-]*$/.test(name))
    throw new UsageError(`--name ${JSON.stringify(name)} cannot be a file name`);
  if (name === 'ca') throw new UsageError('the name ca belongs to the CA: choose another with --name');
  const now = systemClock.now();
  const { ca, facts } = await loadCa(options.ca, now);
  const wanted = now + options.days * dayMs;
  const issued = await ca.issue({
    kind,
    cn,
    sans,
    now,
    // A certificate that outlives its CA fails on the day the CA does, with a message about the wrong file.
    notAfter: Math.min(wanted, facts.notAfter),
    key: options.key,
    ...(options.subject === undefined ? {} : { subject: checkSubject(options.subject) }),
  });
  const dir = options.out ?? options.ca;
  writeFiles(pairFiles(dir, name, issued), options.force);
  report(dir, name, issued);
  if (wanted > facts.notAfter) print('Its life was cut to that of the CA.\n');
}

function showCommand(): Command {
  return new Command('show')
    .description('show certificates, chains, bundles, keys and CRLs, and how they belong together')
    .argument('<file...>', 'PEM or DER files')
    .option('--json', 'for machines')
    .action(async (files: string[], options: { readonly json?: true }) => {
      const { text, failed } =
        options.json === true ? await listFiles(files) : await showFiles(files, systemClock.now());
      print(text);
      if (failed) process.exitCode = 1;
    });
}

function pairFiles(dir: string, name: string, pair: Issued | TestCa): OutputFile[] {
  return [
    { path: join(dir, `${name}.crt`), text: 'issue' in pair ? pair.certPem : pair.chainPem, secret: false },
    { path: join(dir, `${name}.key`), text: pair.keyPem, secret: true },
  ];
}

function report(dir: string, name: string, pair: Issued): void {
  const facts = readFacts(pair.der);
  const names = facts.sans.map((san) => san.value).join(' ');
  const until = new Date(facts.notAfter).toISOString().slice(0, 10);
  print(`${join(dir, `${name}.crt`)}, .key  ${facts.subject}${names === '' ? '' : `  (${names})`}  until ${until}\n`);
}

function commonName(sans: readonly San[], fallback: string): string {
  // RFC 5280 allows 64 characters in a common name; longer names stay in the SAN, where they count.
  return sans.find((san) => san.value.length <= 64)?.value ?? fallback;
}

function keyOption(): Option {
  return new Option('--key <type>', 'EC P-256 or RSA 2048').choices(['ec', 'rsa']).default('ec');
}

function collectHosts(text: string, before: San[] | undefined): San[] {
  if (isIpLiteral(text)) return collectIps(text, before);
  const name = text.startsWith('*.') ? wildcard(text) : canonicalHostName(text);
  if (name === undefined) throw new InvalidArgumentError('neither a host name nor an IP address.');
  return [...(before ?? []), { type: 'DNS', value: name }];
}

function wildcard(text: string): string | undefined {
  const parent = canonicalHostName(text.slice(2));
  return parent?.includes('.') ? `*.${parent}` : undefined;
}

function collectIps(text: string, before: San[] | undefined): San[] {
  const value = canonicalIp(text);
  if (value === undefined) throw new InvalidArgumentError('not an IP address.');
  return [...(before ?? []), { type: 'IP', value }];
}

function collectUris(text: string, before: San[] | undefined): San[] {
  if (!/^[A-Za-z][A-Za-z0-9+.-]*:[\x21-\x7e]+$/.test(text)) throw new InvalidArgumentError('not a URI.');
  return [...(before ?? []), { type: 'URI', value: text }];
}

function collectEmails(text: string, before: San[] | undefined): San[] {
  if (!/^[\x21-\x3f\x41-\x7e]+@[\x21-\x3f\x41-\x7e]+$/.test(text))
    throw new InvalidArgumentError('not an e-mail address.');
  return [...(before ?? []), { type: 'EMAIL', value: text }];
}

function checkSubject(text: string): string {
  try {
    parseSubject(text);
  } catch (error) {
    throw new UsageError((error as Error).message, { cause: error });
  }
  return text;
}

function print(text: string): void {
  process.stdout.write(text);
}

function fail(error: unknown): void {
  const errno = (error as NodeJS.ErrnoException).code;
  if (!(error instanceof UsageError) && errno === undefined) throw error;
  process.stderr.write(`error: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
