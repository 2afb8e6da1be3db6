// What a gateway runs against what is meant, as something that needs a person: read off what the primary has found.
import type { Drift, DriftKind } from '../gateway/drift.ts';
import type { Evidence } from './evidence.ts';
import type { Need, Severity } from '../alerts/need.ts';

const severities: Readonly<Record<DriftKind, Severity>> = {
  behind: 'degraded',
  unauthorised: 'failing',
  behaviour: 'failing',
};

const consequences: Readonly<Record<string, string>> = {
  file_changed: 'It is in force: the gateway serves by what nobody approved.',
  file_refused: 'It is not in force: the gateway goes on with what it had, also for every other change of the file.',
  row_changed: 'It is not loaded: the gateway goes on with what it had, and takes nothing more from this store.',
};

const consequenceOfKind: Readonly<Record<DriftKind, string>> = {
  behind: 'What was changed since then has no effect on this gateway.',
  unauthorised: 'Somebody changes what the gateway is to run by another way than the one that is watched.',
  behaviour: 'Clients meet something else than the configuration in force says.',
};

export function findDrift({ status }: Evidence): Need[] {
  return status.drift.map(driftNeed);
}

export function driftNeed(drift: Drift): Need {
  const { kind, gateway, key, code, sentence, help, since } = drift;
  const isShared = isOfStore(drift);
  return {
    id: isShared ? `drift:${kind}:${key}` : `drift:${kind}:${gateway}:${key}`,
    severity: severities[kind],
    kind: 'drift',
    code,
    // Who is told knows the files and listeners of many gateways, and who says so is not always whom it is about.
    sentence: isShared || kind === 'behind' ? sentence : `Gateway ${gateway}: ${sentence}`,
    consequence: consequenceOf(drift),
    help,
    since,
    object: isShared ? null : { kind: 'gateways', id: gateway },
  };
}

/** What each gateway on the store finds alike: one alert of all of them. */
export function isOfStore({ code }: Pick<Drift, 'code'>): boolean {
  return code === 'row_changed';
}

function consequenceOf({ kind, code }: Drift): string {
  return consequences[code] ?? consequenceOfKind[kind];
}
