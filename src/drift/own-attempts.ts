// What the gateway tries on its own listeners, from outside: for each policy without a certificate, with one of a CA made for that moment,
// and with the TLS version below the lowest; for each listener with a server name of nobody's, and just to see which certificate
// is shown. Each attempt knows what the configuration in force says of it.
import { X509Certificate } from 'node:crypto';
import { networkInterfaces } from 'node:os';
import { createSecureContext, type SecureContext } from 'node:tls';
import { isIP } from 'node:net';
import { readFacts } from '../certs/facts-reader.ts';
import { mintCa } from '../certs/test-ca.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { Clock } from '../base/clock.ts';
import { canonicalHostName } from '../base/host.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { GatewayConfig, NamedEntryPoint } from '../config/gateway-config.ts';
import { connectFirst, TimeLeft } from '../diagnosis/connect.ts';
import { type ProbeEvidence, probeTls } from '../diagnosis/probe-tls.ts';
import { CertificateChoice } from '../downstream/certificate-choice.ts';
import type { PolicyTable } from '../downstream/policy-table.ts';
import { ProxySources } from '../downstream/proxy-sources.ts';
import { makeMark } from '../downstream/self-test-marks.ts';
import { certificateNames, makePolicyTable } from '../gateway/compile-policies.ts';
import type { DriftFinding } from '../gateway/drift.ts';
import type { LoadedPolicy, LoadedRules } from '../loading/loaded.ts';

/** `look`: no more than the certificate is of interest. */
export type AttemptKind = 'anonymous' | 'untrusted' | 'old_version' | 'foreign_name' | 'look';

export type Attempt = {
  readonly kind: AttemptKind;
  /** Name of the entry point. */
  readonly listener: string;
  readonly address: string;
  readonly port: number;
  /** It wants a PROXY header from us. */
  readonly proxied: boolean;
  /** Undefined: none belongs to this name, so nobody is let in. */
  readonly policy: LoadedPolicy | undefined;
  readonly serverName: string;
  readonly mayEnter: boolean;
  /** SHA-256 of the certificates that may be shown. */
  readonly certificates: ReadonlySet<string>;
};

export type Place = Pick<Attempt, 'listener' | 'address' | 'port' | 'proxied'>;

type Named = { readonly name: string; readonly loaded: LoadedPolicy };

/** Addresses of one machine that are tried for one that listens on all of them. */
const maxAddresses = 8;

/** Where the TLS listeners are reached from here; without those that take connections of balancers only, which are `closed`. */
export function findPlaces(
  { config }: LoadedRules,
  ports: Readonly<Record<string, number>>,
): { readonly places: readonly Place[]; readonly closed: readonly string[] } {
  const places: Place[] = [];
  const closed: string[] = [];
  for (const point of listEntryPoints(config.entryPoints)) {
    const port = ports[point.name];
    if (!point.tls || port === undefined) continue;
    const open = addressesOf(point).flatMap((address): Place[] => {
      const expected = point.proxyProtocol && new ProxySources(point.proxyProtocol).expect(address);
      return expected === 'refuse' ? [] : [{ listener: point.name, address, port, proxied: expected === 'header' }];
    });
    if (open.length === 0) closed.push(point.name);
    places.push(...open);
  }
  return { places, closed };
}

/** On this machine a connection to one of its addresses comes from that address. */
function addressesOf({ host }: NamedEntryPoint): readonly string[] {
  if (host !== '' && host !== '0.0.0.0' && host !== '::') return [host];
  const all = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
  const usable = all.filter(({ address, internal }) => !internal && !address.startsWith('fe80:'));
  const others = usable.filter(({ family }) => host !== '0.0.0.0' || family === 'IPv4').map(({ address }) => address);
  return ['127.0.0.1', ...others].slice(0, maxAddresses);
}

/** Every attempt that there is to make, in an order that stays; `look` apart. `foreign`: a name that nobody has. */
export function planAttempts(rules: LoadedRules, places: readonly Place[], foreign: string): readonly Attempt[] {
  const table = tableOf(rules);
  const named = rules.policies.map((policy) => ({ policy, name: nameFor(policy, rules, table) }));
  return firstOfEach(places).flatMap((place) => [
    ...named.flatMap(({ policy, name }) => (name === undefined ? [] : attemptsFor(policy, name, place))),
    attemptOf('foreign_name', table.find(foreign)?.loaded, foreign, place),
  ]);
}

/** One for each place and each look; names in turn. */
export function planLooks(rules: LoadedRules, places: readonly Place[], count: number): readonly Attempt[] {
  const table = tableOf(rules);
  const names = rules.policies.flatMap((policy) => nameFor(policy, rules, table) ?? []);
  const known = names.length === 0 ? ['self-test.invalid'] : names;
  return places.flatMap((place) =>
    Array.from({ length: count }, (_, at) => {
      const name = known[at % known.length] ?? '';
      return attemptOf('look', table.find(name)?.loaded, name, place);
    }),
  );
}

function tableOf(rules: LoadedRules): PolicyTable<Named> {
  const byName = new Map(rules.policies.map((loaded) => [loaded.config.name, { name: loaded.config.name, loaded }]));
  return makePolicyTable(rules.config, certificateNames(rules), (name) => {
    const found = byName.get(name);
    if (found === undefined) throw new RangeError(`policy ${name} was not loaded`);
    return found;
  });
}

/** A server name that leads to the policy; undefined where only names of nobody's do. */
function nameFor(policy: LoadedPolicy, { config }: LoadedRules, table: PolicyTable<Named>): string | undefined {
  for (const host of hostsNear(policy, config)) {
    const name = host.replace(/^\*\./, 'self-test.');
    const isName = isIP(name) === 0 && canonicalHostName(name) === name;
    if (isName && table.find(name)?.name === policy.config.name) return name;
  }
  return undefined;
}

/** Its own first, which mostly suffice: with thousands of policies nobody can look through all routes for each. */
function* hostsNear({ config: { hosts }, certificates }: LoadedPolicy, config: GatewayConfig): Generator<string> {
  yield* hosts;
  for (const route of config.routes) yield* route.hosts;
  for (const { names } of certificates) yield* names;
}

function attemptsFor(policy: LoadedPolicy, name: string, place: Place): readonly Attempt[] {
  return (['anonymous', 'untrusted', 'old_version'] as const).map((kind) => attemptOf(kind, policy, name, place));
}

function attemptOf(kind: AttemptKind, policy: LoadedPolicy | undefined, serverName: string, place: Place): Attempt {
  return {
    ...place,
    kind,
    policy,
    serverName,
    mayEnter: policy !== undefined && mayEnter(kind, policy),
    certificates: policy === undefined ? new Set() : certificatesFor(policy, serverName),
  };
}

function mayEnter(kind: AttemptKind, { config: { clientAuth } }: LoadedPolicy): boolean {
  if (kind === 'old_version') return false;
  if (kind === 'untrusted') return clientAuth === undefined;
  return clientAuth?.required !== true;
}

/** Each key type counts here: which of them is shown is the client's affair. */
function certificatesFor({ certificates }: LoadedPolicy, serverName: string): ReadonlySet<string> {
  const choice = new CertificateChoice(certificates.map(({ names }, at) => ({ names, keyType: String(at) })));
  const chosen = choice.selections[choice.find(canonicalHostName(serverName))] ?? [];
  return new Set(chosen.flatMap((at) => certificates[at] ?? []).map(fingerprintOf));
}

/** One that was made for this run has no fingerprint of a file. */
function fingerprintOf({ sha256, chainPem }: LoadedPolicy['certificates'][number]): string {
  if (sha256 !== '') return sha256;
  return new X509Certificate(chainPem).fingerprint256.replaceAll(':', '').toLowerCase();
}

function firstOfEach(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.toReversed().map((place) => [place.listener, place])).values()].toReversed();
}

export type AttemptContexts = Readonly<Record<'plain' | 'untrusted' | 'TLSv1.1' | 'TLSv1.2', SecureContext>>;

/** With a CA that is forgotten when the round is over. */
export async function makeContexts(): Promise<AttemptContexts> {
  const ca = await mintCa({ cn: 'self-test' });
  const { chainPem, keyPem } = await ca.issue({ kind: 'client', cn: 'self-test', sans: [] });
  return {
    plain: createSecureContext(),
    untrusted: createSecureContext({ cert: chainPem, key: keyPem }),
    // Level 0, or our own OpenSSL would not even ask for it.
    'TLSv1.1': createSecureContext({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }),
    'TLSv1.2': createSecureContext({ minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' }),
  };
}

/** `clear`: nothing against the declaration. `unclear`: it did not come that far. */
export type AttemptOutcome = 'clear' | 'unclear' | DriftFinding;

const attemptMs = 10_000;

/** Never rejects. `key`: by which workers know us. */
export async function makeAttempt(
  attempt: Attempt,
  contexts: AttemptContexts,
  key: Uint8Array,
  clock: Clock,
): Promise<AttemptOutcome> {
  const time = new TimeLeft(clock, attemptMs);
  const { address, port, proxied, kind, policy, serverName } = attempt;
  const { socket, durationMs, attempts } = await connectFirst([address], port, time, proxied ? 2 : undefined);
  if (socket === undefined) {
    const { raw = '' } = attempts[0]?.failure ?? {};
    // Nobody is there at all; anything else may be a moment.
    return raw === 'ECONNREFUSED' ? notListening(attempt) : 'unclear';
  }
  const old = policy?.config.minVersion === 'TLSv1.3' ? 'TLSv1.2' : 'TLSv1.1';
  const context = kind === 'untrusted' ? 'untrusted' : kind === 'old_version' ? old : 'plain';
  const isAsking = kind !== 'look' && kind !== 'old_version';
  const question = Buffer.from(
    `HEAD / HTTP/1.1\r\nHost: ${serverName}\r\nUser-Agent: countersign-self-test\r\nConnection: close\r\n\r\n`,
  );
  const evidence = await probeTls(
    socket,
    {
      context: contexts[context],
      serverName,
      alpn: ['http/1.1', makeMark(key, port, clock.now())],
      roundTripMs: durationMs,
      question: () => (isAsking ? question : undefined),
    },
    time,
  );
  return judge(attempt, evidence);
}

function judge(attempt: Attempt, evidence: ProbeEvidence): AttemptOutcome {
  const { kind, certificates, mayEnter: isMeant } = attempt;
  const [leaf] = evidence.certificates ?? [];
  const shown = leaf && readShown(leaf);
  if (shown !== undefined && !certificates.has(shown.sha256)) return wrongCertificate(attempt, shown.text);
  if (isMeant || kind === 'look') return shown === undefined ? 'unclear' : 'clear';
  return wasLetIn(kind, evidence) ? letIn(attempt) : 'clear';
}

/** Of a certificate that cannot be read there is still the hash. */
function readShown(der: Buffer): { readonly sha256: string; readonly text: string } {
  try {
    const { sha256, subject, serial } = readFacts(der);
    return { sha256, text: `${escapeForLog(subject, 200)}, serial ${serial}` };
  } catch {
    return { sha256: '', text: 'one that cannot be read' };
  }
}

/** Answers by which we say that somebody may not ask. */
const refusals: ReadonlySet<number> = new Set([400, 403, 421]);

function wasLetIn(kind: AttemptKind, { established, asked, answer }: ProbeEvidence): boolean {
  if (!established) return false;
  // That it agreed is against the declaration, whatever it says then.
  if (kind === 'old_version') return true;
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(answer.subarray(0, 16).toString('latin1')) ?? [];
  return asked && status !== undefined && !refusals.has(Number(status));
}

function keyOf({ listener, policy, kind }: Attempt): string {
  return `${listener} ${policy?.config.name ?? '-'} ${kind}`;
}

function placeOf({ listener, address, port, serverName, policy }: Attempt): string {
  const at = address.includes(':') ? `[${address}]` : address;
  const of = policy === undefined ? 'no policy' : `policy ${policy.config.name}`;
  return `${listener} (${at}:${port}), server name ${serverName}, ${of}`;
}

const who: Readonly<Record<AttemptKind, string>> = {
  anonymous: 'a client without a certificate',
  untrusted: 'a client with a certificate of a CA that nobody knows',
  old_version: 'a client with a TLS version below minVersion',
  foreign_name: 'a client with a server name of nobody’s',
  look: 'a client',
};

const help =
  'Find out which process answers there (ss -ltnp), and which generation each worker serves (the API: gateways); restart the gateway if it is one of its own.';

function letIn(attempt: Attempt): DriftFinding {
  const sentence = `${placeOf(attempt)}: ${who[attempt.kind]} is let in, against the configuration in force`;
  return { key: keyOf(attempt), code: 'let_in', sentence, help };
}

/** The kind of attempt makes no difference. */
function wrongCertificate(attempt: Attempt, shown: string): DriftFinding {
  const { listener, policy } = attempt;
  const sentence = `${placeOf(attempt)}: a certificate is served that is not declared for it: ${shown}`;
  return { key: `${listener} ${policy?.config.name ?? '-'} certificate`, code: 'wrong_certificate', sentence, help };
}

function notListening(attempt: Attempt): DriftFinding {
  const { listener, address, port } = attempt;
  const at = address.includes(':') ? `[${address}]` : address;
  const sentence = `${listener}: nobody listens on ${at}:${port}`;
  return {
    key: `${listener} ${address} listening`,
    code: 'not_listening',
    sentence,
    help: 'See the log of the workers.',
  };
}
