// Whether a service can be reached, as the workers have it and as handshakes with it went. Nobody knows more before somebody has asked:
// what was not seen to fail is no success, so it is not green; the first byte of an answer is, in a probe or a test request.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Tag } from '../../parts/tag.tsx';
import { When } from '../../parts/when.tsx';

type Running = Extract<Item<'listServices'>, { running: true }>;
export type Address = Running['addresses'][number];

export const modeWords = { off: 'Plain text', tls: 'TLS', mtls: 'Mutual TLS' } as const;

const severity = { down: 0, partly: 1, unknown: 2, up: 3 } as const;

export function worstState(addresses: readonly Address[]): Address['state'] {
  return addresses.toSorted((a, b) => severity[a.state] - severity[b.state])[0]?.state ?? 'unknown';
}

export function AddressState({ of: { state, down, since } }: { readonly of: Address }) {
  switch (state) {
    case 'up':
      return <Tag tone="plain">no failure seen</Tag>;
    case 'unknown':
      return <Tag tone="plain">nobody connects</Tag>;
    default:
      return (
        <>
          <Tag tone={state === 'down' ? 'bad' : 'due'}>{state === 'down' ? 'down' : 'partly down'}</Tag>{' '}
          {down !== null && <small className="mono">{down.code}</small>}
          {since !== null && (
            <small>
              {' '}
              <When at={since} show="distance" />
            </small>
          )}
        </>
      );
  }
}

export function ServiceState({ of: { addresses, usedBy } }: { readonly of: Pick<Running, 'addresses' | 'usedBy'> }) {
  if (usedBy.length === 0) return <Tag tone="plain">no route yet</Tag>;
  const worst = worstState(addresses);
  const shown = addresses.find(({ state }) => state === worst);
  return shown === undefined ? null : <AddressState of={shown} />;
}

type Leg = Item<'listRelations'>['backend'];

/** The latest that was seen of each service, over all policies that lead there. */
export function useHandshakes(): ReadonlyMap<string, Leg> {
  const { data } = useReadAll('listRelations', {}, { everyMs: 20_000 });
  const legs = new Map<string, Leg>();
  for (const { service, backend } of data?.items ?? []) {
    const known = legs.get(service ?? '');
    if (service !== null && (known === undefined || latest(backend) > latest(known))) legs.set(service, backend);
  }
  return legs;
}

function latest({ lastOk, lastFailure }: Leg): string {
  return [lastOk?.at ?? '', lastFailure?.at ?? ''].toSorted().at(-1) ?? '';
}

export function LastHandshake({ of }: { readonly of: Leg | undefined }) {
  const { lastOk = null, lastFailure = null } = of ?? {};
  if (lastFailure !== null && lastFailure.at > (lastOk?.at ?? ''))
    return (
      <>
        <Tag tone="bad">{lastFailure.code}</Tag>{' '}
        <small>
          <When at={lastFailure.at} show="distance" />
        </small>{' '}
        <Go to="/handshakes" label="Explain the failed handshake">
          Explain
        </Go>
      </>
    );
  if (lastOk === null) return <small>none seen yet</small>;
  return (
    <>
      <When at={lastOk.at} show="distance" /> <small>{lastOk.version}</small>
    </>
  );
}
