// A request that somebody tries: sent to an entry point of this gateway and nowhere else, with a certificate that only the primary
// has the key of; beside it which route it meets, and the handshake with each backend of it as the route makes it.
import { systemClock } from '../base/clock.ts';
import { shellQuote } from '../base/shell.ts';
import { UsageError } from '../base/usage-error.ts';
import { checkEntryPoint, explainRequest, readFields, splitUrl } from '../access/explain-request.ts';
import { Told } from '../access/told.ts';
import { parseCertificates } from '../certs/material.ts';
import { listEntryPoints } from '../config/list-entry-points.ts';
import type { TestQuestion, TestReport } from '../control/test-report.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { forBackend } from '../diagnosis/backend-remedies.ts';
import { diagnoseHandshake } from '../diagnosis/diagnose-handshake.ts';
import { diagnosePlain } from '../diagnosis/diagnose-plain.ts';
import type { Step } from '../diagnosis/step.ts';
import type { LoadedConfig, LoadedRoute } from '../loading/loaded.ts';
import { BackendTargets } from '../probe/backend-targets.ts';
import { testRequest } from '../probe/test-request.ts';
import { endpointAuthority, endpointLabel } from '../upstream/endpoint.ts';

const requestMs = 15_000;
const backendMs = 8_000;
/** Of the route, that are looked at. */
const maxBackends = 4;

/** Throws UsageError for what cannot be asked. */
export async function runTest(
  asked: TestQuestion,
  loaded: LoadedConfig,
  ports: Readonly<Record<string, number>>,
  crls: CrlLookup,
): Promise<TestReport> {
  const place = splitUrl(asked.url);
  const entryPoint = asked.entryPoint ?? place.entryPoint;
  checkEntryPoint(loaded.config, asked.entryPoint, place.scheme);
  const point = listEntryPoints(loaded.config.entryPoints).find(({ name }) => name === entryPoint);
  const port = ports[entryPoint];
  if (point === undefined || port === undefined) throw new UsageError(`${entryPoint} does not listen`);
  if (point.proxyProtocol !== undefined)
    throw new UsageError(`${entryPoint} is behind a balancer: it takes connections with a PROXY header of theirs only`);
  const pair =
    asked.certificateId === null
      ? undefined
      : loaded.named.certificates.find(({ id }) => id === asked.certificateId)?.pair;
  if (asked.certificateId !== null && pair === undefined)
    throw new UsageError('there is no certificate of this id among those that run');
  const url = new URL(asked.url);
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const address = { host: reachable(point.host), port };
  const told = new Told();
  const [leaf, ...above] = pair === undefined ? [] : parseCertificates(pair.chainPem, 'the certificate').certificates;
  const client = leaf && ([leaf, ...above] as const);
  const headers = readFields(asked.headers.map(([name, value]) => `${name}: ${value}`));
  explainRequest(loaded, crls, { ...place, method: asked.method, entryPoint, client, headers }, told);
  const match = told.toJson({ method: asked.method, url: asked.url }) as TestReport['match'] & {
    readonly route: { readonly name: string } | null;
  };
  const route = loaded.routes.find(({ config }) => config.name === match.route?.name);
  const [result, backends] = await Promise.all([
    testRequest(
      {
        address,
        tls: point.tls,
        host,
        authority: url.host,
        target: url.pathname + url.search,
        method: asked.method,
        headers: asked.headers,
        body: asked.body === null ? undefined : Buffer.from(asked.body),
        client: pair && { chainPem: pair.chainPem, keyPem: pair.keyPem, name: asked.certificateId ?? '' },
        ours: loaded.policies.flatMap(({ certificates }) => certificates.map(({ sha256 }) => sha256)),
        timeoutMs: requestMs,
      },
      systemClock,
    ),
    match.reachesBackend && route !== undefined ? lookAtBackends(route, crls) : [],
  ]);
  const { answer, steps, durationMs } = result;
  return {
    entryPoint,
    address: `${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`,
    durationMs,
    steps,
    match,
    backends,
    answer:
      answer === undefined
        ? null
        : {
            status: answer.status,
            headers: answer.headers,
            text: answer.text ?? null,
            base64: answer.text === undefined ? answer.bytes.toString('base64') : null,
            bytes: answer.bytes.length,
            truncated: answer.truncated,
          },
    code: answer === undefined ? codeOf(steps, match) : faultOf(answer.text, answer.headers),
    curl: curlOf(asked, url, address, point.tls),
    openssl: point.tls ? opensslOf(asked, url, address) : null,
  };
}

/** Who listens on every address is reached on this machine's own. */
function reachable(host: string): string {
  if (host === '' || host === '0.0.0.0') return '127.0.0.1';
  return host === '::' ? '::1' : host;
}

async function lookAtBackends(route: LoadedRoute, crls: CrlLookup): Promise<TestReport['backends']> {
  const targets = new BackendTargets(route, crls, { path: undefined, timeoutMs: backendMs });
  return Promise.all(
    route.config.backends.slice(0, maxBackends).map(async (endpoint) => {
      const backend = `${endpoint.scheme}://${endpointLabel(endpoint)}`;
      if (endpoint.scheme === 'https') {
        const { steps } = await diagnoseHandshake(targets.find(endpoint), systemClock);
        return { backend, steps: steps.map(forBackend) };
      }
      const path = targets.pathOf(endpoint);
      const target = { ...endpoint, authority: endpointAuthority(endpoint), path, timeoutMs: backendMs };
      return { backend, steps: (await diagnosePlain(target, systemClock)).steps };
    }),
  );
}

/** Why there is no answer: what the rules say of this client, else what was seen. */
function codeOf(steps: readonly Step[], { answer }: TestReport['match']): string | null {
  return answer?.code ?? steps.find(({ status }) => status === 'failed')?.failure?.code ?? null;
}

const faultType = /"type":\s*"urn:countersign:fault:([a-z0-9_]{1,60})"/;

/** Of a refusal by the gateway; a backend could say the same, and then it is what it says. */
function faultOf(text: string | undefined, headers: readonly (readonly [string, string])[]): string | null {
  const isProblem = headers.some(
    ([name, value]) => name.toLowerCase() === 'content-type' && value.includes('problem+json'),
  );
  return isProblem ? (faultType.exec(text ?? '')?.[1] ?? null) : null;
}

type Address = { readonly host: string; readonly port: number };

function curlOf(asked: TestQuestion, url: URL, address: Address, isTls: boolean): string {
  const port = url.port === '' ? (isTls ? '443' : '80') : url.port;
  const to = address.host.includes(':') ? `[${address.host}]` : address.host;
  const words = ['curl', '-v', '--path-as-is', '--connect-to', `${url.hostname}:${port}:${to}:${address.port}`];
  if (isTls) words.push('--cacert', 'FILE');
  if (asked.certificateId !== null) words.push('--cert', 'FILE', '--key', 'FILE');
  if (asked.method !== 'GET') words.push('-X', asked.method);
  for (const [name, value] of asked.headers) words.push('-H', `${name}: ${value}`);
  if (asked.body !== null) words.push('--data-binary', '@FILE');
  return [...words, asked.url].map(shellQuote).join(' ');
}

function opensslOf(asked: TestQuestion, url: URL, { host, port }: Address): string {
  const to = host.includes(':') ? `[${host}]` : host;
  const words = ['openssl', 's_client', '-connect', `${to}:${port}`, '-servername', url.hostname, '-CAfile', 'FILE'];
  if (asked.certificateId !== null) words.push('-cert', 'FILE', '-key', 'FILE', '-cert_chain', 'FILE');
  return [...words, '-alpn', 'http/1.1', '-showcerts'].map(shellQuote).join(' ');
}
