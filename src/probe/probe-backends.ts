// `check --probe`: what each backend of a configuration speaks, and what its route would get, by the gateway's own handshake.
import { systemClock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import type { BackendHttp2 } from '../config/gateway-config.ts';
import type { CrlLookup } from '../crl/subscriber.ts';
import { diagnosePlain } from '../diagnosis/diagnose-plain.ts';
import { findSpokenProtocols, type SpokenProtocols } from '../diagnosis/spoken-protocols.ts';
import type { Step, StepFailure } from '../diagnosis/step.ts';
import { AnchorSets } from '../gateway/compile-routes.ts';
import type { LoadedConfig } from '../loading/loaded.ts';
import { endpointAuthority, endpointLabel } from '../upstream/endpoint.ts';
import { BackendTargets } from './backend-targets.ts';

/** Backends that are looked at at one time. */
const atOnce = 8;

export type ProbedBackend = {
  readonly route: string;
  /** With its scheme. */
  readonly backend: string;
  readonly http2: BackendHttp2;
  /** undefined over plain HTTP. */
  readonly spoken: SpokenProtocols | undefined;
  readonly failure: StepFailure | undefined;
  /** From the name to the first byte of an answer, up to the one that broke. */
  readonly steps: readonly Step[];
};

type Found = Pick<ProbedBackend, 'spoken' | 'failure' | 'steps'>;

/** In the order of the configuration. What several routes ask of one backend is asked once. Never rejects because of a backend. */
export async function probeBackends(
  loaded: LoadedConfig,
  crls: CrlLookup,
  timeoutMs: number,
): Promise<readonly ProbedBackend[]> {
  const anchors = new AnchorSets();
  const looks = new Map<string, () => Promise<Found>>();
  const wanted = loaded.routes.flatMap((route) => {
    const targets = new BackendTargets(route, crls, { path: undefined, timeoutMs }, anchors);
    const { http2, digest } = targets.identity;
    return route.config.backends.map((endpoint) => {
      const backend = `${endpoint.scheme}://${endpointLabel(endpoint)}`;
      const path = targets.pathOf(endpoint);
      const key = JSON.stringify([backend, path, digest, http2]);
      const plain = { ...endpoint, authority: endpointAuthority(endpoint), path, timeoutMs };
      const look = async (): Promise<Found> =>
        endpoint.scheme === 'http' ? lookPlain(plain) : lookSecure(targets, endpoint, http2);
      if (!looks.has(key)) looks.set(key, look);
      return { route: route.config.name, backend, http2, key };
    });
  });
  const found = await lookAtAll(looks);
  return wanted.map(({ key, ...rest }) => ({ ...rest, ...(found.get(key) ?? nothing) }));
}

const nothing: Found = { spoken: undefined, failure: undefined, steps: [] };

async function lookAtAll(looks: ReadonlyMap<string, () => Promise<Found>>): Promise<Map<string, Found>> {
  const found = new Map<string, Found>();
  const left = [...looks];
  const worker = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [key, look] = next;
      found.set(key, await look());
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return found;
}

async function lookPlain(target: Parameters<typeof diagnosePlain>[0]): Promise<Found> {
  const { steps } = await diagnosePlain(target, systemClock);
  return { spoken: undefined, failure: steps.find(({ status }) => status === 'failed')?.failure, steps };
}

async function lookSecure(
  targets: BackendTargets,
  endpoint: Parameters<BackendTargets['find']>[0],
  http2: BackendHttp2,
): Promise<Found> {
  const spoken = await findSpokenProtocols(targets.find(endpoint), http2, systemClock);
  return { spoken, failure: spoken.failure, steps: spoken.steps };
}

export function printProbes(probes: readonly ProbedBackend[]): string[] {
  const lines = probes.flatMap(({ route, backend, http2, spoken, failure }) => {
    const where = `  ${failure === undefined ? 'ok    ' : 'FAILED'}  ${escapeForLog(route, 120)}  ${backend}  ${describe(spoken)}`;
    if (failure === undefined) return [`${where}${use(spoken, http2)}`];
    return [where, `          cause:  ${failure.cause}`, `          remedy: ${failure.remedy}`];
  });
  const broken = probes.filter(({ failure }) => failure !== undefined).length;
  const all = `${probes.length} backend${probes.length === 1 ? '' : 's'}`;
  return [`probed ${all}, ${broken === 0 ? 'all as their routes say' : `${broken} not as its route says`}:`, ...lines];
}

function describe(spoken: SpokenProtocols | undefined): string {
  if (spoken === undefined) return 'plain HTTP';
  const { tls, http2, http1 } = spoken;
  const versions = [...(http2 ? ['HTTP/2'] : []), ...(http1 === 'no' ? [] : ['HTTP/1.1'])];
  if (versions.length === 0) return tls === '' ? 'nothing was agreed on' : tls;
  const unsaid = http1 === 'unsaid' ? ', without ALPN' : '';
  return `${tls}, speaks ${versions.join(' and ')}${versions.length === 1 ? ' only' : ''}${unsaid}`;
}

function use(spoken: SpokenProtocols | undefined, http2: BackendHttp2): string {
  return spoken?.used === undefined ? '' : `; gets ${spoken.used} (http2: ${http2})`;
}

/** Keys are added over time, never changed. */
export function probesToJson(probes: readonly ProbedBackend[]): object[] {
  return probes.map(({ route, backend, http2, spoken, failure, steps }) => ({
    route,
    backend,
    ok: failure === undefined,
    http2,
    tls: spoken?.tls === '' ? null : (spoken?.tls ?? null),
    speaks:
      spoken === undefined ? null : [...(spoken.http2 ? ['h2'] : []), ...(spoken.http1 === 'no' ? [] : ['http/1.1'])],
    alpn: spoken === undefined ? null : spoken.http2 || spoken.http1 === 'agreed',
    gets: spoken?.used ?? null,
    failure: failure ?? null,
    steps: steps.map(({ step, status, text, notes, failure: broken }) => ({
      step,
      status,
      text,
      notes,
      failure: broken ?? null,
    })),
  }));
}
