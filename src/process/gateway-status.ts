// The status of this gateway (control/gateway-status.ts), put together from what the workers say when they are asked. Asked once
// for all who want it at the same time, and kept for a second: it is dear with a thousand backends.
import { basename } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { escapeForLog } from '../base/log-text.ts';
import type {
  BackendStatus,
  GatewayStatus,
  RefusedConfig,
  RefusedProblem,
  RevocationStatus,
  SourceStatus,
} from '../control/gateway-status.ts';
import type { CrlPublisher } from '../crl/publisher.ts';
import type { CrlGroupSpec } from '../crl/wanted.ts';
import type { BackendHandshake } from '../gateway/backend-handshakes.ts';
import type { DriftBoard } from './drift-board.ts';
import { maxObservedCertificates, type ObservedBackend, type Observation } from '../gateway/observation.ts';
import type { StoreState } from '../loading/store-source.ts';
import type { SourceState } from '../sources/feed.ts';
import type { SourcePublisher } from '../sources/publisher.ts';
import { type Place, showPlace } from '../yaml/place.ts';
import type { ActiveConfig } from './active-config.ts';
import type { RefusedReload, Reloader } from './reloader.ts';
import type { Workers } from './workers.ts';

export type StatusSources = {
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly active: Pick<ActiveConfig, 'loaded' | 'generation' | 'since' | 'ports'>;
  readonly crls: Pick<CrlPublisher, 'stateOf'>;
  /** Undefined: nobody asks any. */
  readonly certificateSources?: Pick<SourcePublisher, 'states'> | undefined;
  readonly workers: Pick<Workers, 'list'>;
  readonly reloader: Pick<Reloader, 'refused'>;
  readonly storeState: (() => StoreState) | undefined;
  readonly controlEnds: () => readonly number[];
  readonly drift: Pick<DriftBoard, 'list'>;
};

const keptMs = 1_000;
const maxProblems = 20;
const maxText = 256;

export class StatusReader {
  readonly #sources: StatusSources;
  #asking: Promise<GatewayStatus> | undefined;
  #last: { readonly status: GatewayStatus; readonly until: number } | undefined;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  /** Never rejects because of a worker: who does not answer is shown as such. */
  async read(): Promise<GatewayStatus> {
    const { clock, active, reloader, storeState } = this.#sources;
    const last = this.#last;
    const isCurrent =
      last !== undefined &&
      clock.monotonic() < last.until &&
      last.status.generation === active.generation &&
      // Workers have another generation before it is committed: what was asked in between must not be what is reported after it.
      (last.status.store?.digest ?? null) === (storeState?.().digest ?? null) &&
      (last.status.refused?.at ?? null) === (reloader.refused?.at ?? null);
    if (isCurrent) return last.status;
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  async #ask(): Promise<GatewayStatus> {
    const { clock, active, workers, reloader, storeState, crls, certificateSources } = this.#sources;
    const asked = await Promise.all(
      workers.list().map(async (worker) => ({ worker, observation: await worker.observe() })),
    );
    const seen = asked.flatMap(({ observation }) => observation ?? []);
    const certificates = new Map(seen.flatMap((one) => one.certificates.map((loaded) => [loaded.sha256, loaded])));
    const status: GatewayStatus = {
      at: clock.now(),
      generation: active.generation,
      // What workers have built and not committed yet is not in force.
      revision: Math.min(active.loaded.revision, storeState?.().revision ?? Infinity),
      since: active.since,
      refused: reloader.refused === undefined ? null : showRefused(reloader.refused, active.loaded.revision),
      store: showStore(storeState?.()),
      workers: asked.map(({ worker: { slot, pid, serving }, observation }) => ({
        slot,
        pid,
        serving,
        generation: observation?.generation ?? null,
      })),
      control: { endedAt: this.#sources.controlEnds() },
      certificates: [...certificates.values()].slice(0, maxObservedCertificates),
      certificateCount: Math.max(certificates.size, ...seen.map(({ certificateCount }) => certificateCount)),
      sources: certificateSources?.states().map(showSource) ?? [],
      backends: mergeBackends(seen),
      revocation: showRevocation(active.loaded.crls, crls),
      ports: active.ports,
      handshakes: mergeHandshakes(seen),
      drift: this.#sources.drift.list,
    };
    this.#last = { status, until: clock.monotonic() + keptMs };
    return status;
  }
}

function showRefused({ at, why, blame, problems, revision }: RefusedReload, inForce: number): RefusedConfig {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return {
    at,
    why,
    blame,
    revision: revision === undefined || revision === inForce ? null : revision,
    problems: errors.slice(0, maxProblems).map(({ code, message, hint, place }) => ({
      code,
      message,
      hint,
      place: placeOf(place),
      object: objectOf(place),
    })),
  };
}

function objectOf({ stored }: Place): RefusedProblem['object'] {
  return stored === undefined ? null : { kind: stored.kind, id: stored.id, pointer: stored.pointer };
}

/** Folders say more of a machine than is needed to find the line. */
function placeOf(place: Place): string {
  return place.stored === undefined ? `${basename(place.file)}:${place.line}` : showPlace(place);
}

function showSource({ label, kind, want, current, nextAt, problem }: SourceState): SourceStatus {
  return {
    label: escapeForLog(label, maxText),
    kind,
    wants: want,
    delivered:
      current === undefined
        ? null
        : {
            at: current.at,
            subject: escapeForLog(current.subject, maxText),
            serial: current.serial,
            notAfter: current.notAfter,
          },
    nextAt: nextAt ?? null,
    problem:
      problem === undefined
        ? null
        : { at: problem.at, code: problem.code, message: problem.message, hint: problem.hint },
  };
}

function showStore(state: StoreState | undefined): GatewayStatus['store'] {
  if (state === undefined) return null;
  const { up, revision, digest, readAt, problem } = state;
  return { up, revision, digest, readAt: readAt ?? null, problem: problem ?? null };
}

function showRevocation(groups: readonly CrlGroupSpec[], crls: Pick<CrlPublisher, 'stateOf'>): RevocationStatus[] {
  const shown = new Map<string, RevocationStatus>();
  for (const { sources, uses, refuseStale } of groups)
    for (const { key } of sources) {
      const state = crls.stateOf(key);
      if (state === undefined) continue;
      const before = shown.get(key);
      shown.set(key, {
        source: escapeForLog(state.name.startsWith('/') ? basename(state.name) : state.name, maxText),
        readAt: state.readAt ?? null,
        failing: state.failing,
        lists: state.lists.map((list) => ({ ...list, issuer: escapeForLog(list.issuer, maxText) })),
        usedBy: [...new Set([...(before?.usedBy ?? []), ...uses.map(({ what }) => what), ...refuseStale])],
        refusesStale: [...new Set([...(before?.refusesStale ?? []), ...refuseStale])],
      });
    }
  return [...shown.values()];
}

function mergeBackends(seen: readonly Observation[]): BackendStatus[] {
  const all = new Map<string, ObservedBackend[]>();
  for (const { backends } of seen)
    for (const backend of backends) {
      const key = `${backend.route}\n${backend.label}`;
      const known = all.get(key);
      if (known === undefined) all.set(key, [backend]);
      else known.push(backend);
    }
  return [...all.values()].flatMap((same): BackendStatus[] => {
    const [first] = same;
    if (first === undefined) return [];
    const down = same.filter((one) => one.down !== null);
    const said = down.length === 0 ? same : down;
    return [
      {
        route: first.route,
        label: first.label,
        state: down.length === 0 ? 'up' : down.length < same.length ? 'partly' : 'down',
        since: Math.min(...said.map(({ since }) => since)),
        down: down[0]?.down ?? null,
      },
    ];
  });
}

function mergeHandshakes(seen: readonly Observation[]): BackendHandshake[] {
  const merged = new Map<string, BackendHandshake>();
  for (const { handshakes } of seen)
    for (const one of handshakes) {
      const before = merged.get(one.label);
      merged.set(one.label, {
        label: one.label,
        ok: latest(before?.ok, one.ok),
        failure: latest(before?.failure, one.failure),
        shown: latest(before?.shown, one.shown),
      });
    }
  return [...merged.values()];
}

function latest<T extends { readonly at: number }>(a: T | null | undefined, b: T | null): T | null {
  if (a === null || a === undefined) return b;
  return b === null || a.at >= b.at ? a : b;
}
