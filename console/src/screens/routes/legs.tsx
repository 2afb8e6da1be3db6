// Both legs of a route as the gateway has them in force: which policy lets clients in and what it asks of them, and how the backend is
// reached. From the trust relations, so that it is never told in another way than it is.
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { Go } from '../../parts/button.tsx';
import { Tag } from '../../parts/tag.tsx';
export type RunningRoute = Extract<Item<'listRoutes'>, { running: true }>;

export type Relation = Item<'listRelations'>;
export type Legs = ReadonlyMap<string, readonly Relation[]>;

/** By the name of the route. */
export function useLegs(): Legs {
  const { data } = useReadAll('listRelations');
  const legs = new Map<string, Relation[]>();
  for (const relation of data?.items ?? [])
    for (const route of relation.routes) legs.set(route, [...(legs.get(route) ?? []), relation]);
  return legs;
}

const clientWords = {
  required: 'client certificate required',
  optional: 'client certificate optional',
  off: 'no client certificate',
  plain: 'plain text',
} as const;

const backendWords = {
  mtls: 'mutual TLS',
  tls: 'TLS, they do not check us',
  off: 'plain text',
  plain: 'plain text',
} as const;

export function ClientLeg({
  of,
  legs,
}: {
  readonly of: Pick<RunningRoute, 'id' | 'requiresClientCertificate'>;
  readonly legs: Legs;
}) {
  const relations = legs.get(of.id) ?? [];
  if (relations.length === 0)
    return <small>{of.requiresClientCertificate === true ? 'client certificate required' : ''}</small>;
  return (
    <ul>
      {relations.slice(0, 3).map(({ id, policy, client }) => (
        <li key={id}>
          <Go to="/clients/$id" params={{ id: policy } as never}>
            {policy}
          </Go>{' '}
          <small>{words(clientWords, of.requiresClientCertificate === true ? 'required' : client.mode)}</small>
        </li>
      ))}
      {relations.length > 3 && <li>and {relations.length - 3} more policies</li>}
    </ul>
  );
}

export function BackendLeg({ of, legs }: { readonly of: Pick<RunningRoute, 'id'>; readonly legs: Legs }) {
  const backend = legs.get(of.id)?.[0]?.backend;
  if (backend === undefined) return null;
  return (
    <>
      {words(backendWords, backend.mode)} {backend.state === 'failing' && <Tag tone="bad">failing</Tag>}
      {backend.gatewayChecks !== null && !backend.gatewayChecks.verified && <Tag tone="bad">not verified</Tag>}
    </>
  );
}

function words(of: Readonly<Record<string, string>>, mode: string): string {
  return of[mode] ?? mode;
}
