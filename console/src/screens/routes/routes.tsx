// Every route: what a request has to be, where it goes then, and how both legs are protected.
import { useNavigate } from '@tanstack/react-router';
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { FilterBox } from '../../parts/filter-box.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { whereIs } from '../../parts/origin.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { BackendLeg, ClientLeg, type Legs, type RunningRoute, useLegs } from './legs.tsx';
import { WhichRoute } from './which-route.tsx';

type Route = Item<'listRoutes'>;

export default function Routes() {
  const query = useReadAll('listRoutes');
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  const [filter, setFilter] = useUrlState('q');
  useKeys({ n: () => mayWrite && void navigate({ to: '/routes/new' }) });
  const create = mayWrite && (
    <Go to="/routes/new" kind="primary">
      Create route
    </Go>
  );
  return (
    <Page title="Routes" sub="Which request goes where, and how both of its legs are protected." actions={create}>
      <Panel label="Routes" actions={<FilterBox label="Filter routes" value={filter} onChange={setFilter} />}>
        <Loaded query={query} what="Routes">
          {({ items }) => {
            const shown = items.filter((one) => fits(one, filter.toLowerCase()));
            if (items.length === 0)
              return (
                <Empty title="There is no route yet" actions={create}>
                  <p>A route says which requests go to which service: by host, path and method.</p>
                </Empty>
              );
            if (shown.length === 0)
              return <NothingFits count={items.length} what="routes" onClear={() => setFilter('')} />;
            return <RouteTable rows={shown} />;
          }}
        </Loaded>
      </Panel>
      {useMay('routes.match') && <WhichRoute />}
    </Page>
  );
}

function fits(route: Route, text: string): boolean {
  if (text === '') return true;
  const words = route.running ? [route.id, route.path, route.service, ...route.hosts] : [route.id];
  return words.some((word) => word?.toLowerCase().includes(text) === true);
}

function RouteTable({ rows }: { readonly rows: readonly Route[] }) {
  const columns = columnsOf(useLegs());
  return <DataTable label="Routes" columns={columns} rows={rows} keyOf={({ id }) => id} />;
}

function columnsOf(legs: Legs): readonly Column<Route>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      isRowHeader: true,
      sortBy: ({ id }) => id,
      cell: ({ id, origin }) => (
        <>
          <Go to="/routes/$id" params={{ id } as never}>
            {id}
          </Go>{' '}
          {origin.kind === 'file' && <small className="mono">{whereIs(origin)}</small>}
        </>
      ),
    },
    {
      id: 'match',
      title: 'Takes',
      sortBy: (one) => (one.running ? `${one.hosts.join()}${one.path}` : ''),
      cell: (one) => (one.running ? <Takes of={one} /> : <Tag tone="plain">not running</Tag>),
    },
    {
      id: 'client',
      title: 'Client’s leg',
      cell: (one) => one.running && <ClientLeg of={one} legs={legs} />,
    },
    {
      id: 'service',
      title: 'Goes to',
      sortBy: (one) => (one.running ? (one.service ?? one.backends[0] ?? '') : ''),
      cell: (one) => one.running && <GoesTo of={one} />,
    },
    {
      id: 'backend',
      title: 'Backend’s leg',
      cell: (one) => one.running && <BackendLeg of={one} legs={legs} />,
    },
  ];
}

export function Takes({
  of: { hosts, path, methods },
}: {
  readonly of: Pick<RunningRoute, 'hosts' | 'path' | 'methods'>;
}) {
  return (
    <>
      {methods.length > 0 && <small>{methods.join(', ')} </small>}
      <Hostile text={`${hosts[0] ?? 'every host'}${path}`} mono />
      {hosts.length > 1 && <small> and {hosts.length - 1} more hosts</small>}
    </>
  );
}

export function GoesTo({ of: { service, backends } }: { readonly of: Pick<RunningRoute, 'service' | 'backends'> }) {
  if (service !== null)
    return (
      <Go to="/services/$id" params={{ id: service } as never}>
        {service}
      </Go>
    );
  const [first] = backends;
  if (first === undefined) return <>the gateway answers itself</>;
  return (
    <>
      <Hostile text={first} mono />
      {backends.length > 1 && <small> and {backends.length - 1} more</small>}
    </>
  );
}
