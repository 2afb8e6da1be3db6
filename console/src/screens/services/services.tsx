// Every service: where it is, how the two prove who they are, and whether it answers.
import { useNavigate } from '@tanstack/react-router';
import type { Item } from '../../api/client.ts';
import { useReadAll } from '../../api/queries.ts';
import { useMay } from '../../api/session.tsx';
import { Go } from '../../parts/button.tsx';
import { type CertificateFacts, ExpiryTag } from '../../parts/certificate.tsx';
import { urgency } from '../../parts/expiry.ts';
import { FilterBox } from '../../parts/filter-box.tsx';
import { Hostile } from '../../parts/hostile.tsx';
import { whereIs } from '../../parts/origin.tsx';
import { Page, Panel } from '../../parts/page.tsx';
import { Empty, Loaded, NothingFits } from '../../parts/states.tsx';
import { type Column, DataTable } from '../../parts/table.tsx';
import { Tag } from '../../parts/tag.tsx';
import { useNow } from '../../parts/when.tsx';
import { useKeys } from '../../shell/keys.ts';
import { useUrlState } from '../../shell/url-state.ts';
import { LastHandshake, modeWords, ServiceState, useHandshakes, worstState } from './service-state.tsx';

type Service = Item<'listServices'>;

export default function Services() {
  const query = useReadAll('listServices', {}, { everyMs: 20_000 });
  const mayWrite = useMay('config.write');
  const navigate = useNavigate();
  const [filter, setFilter] = useUrlState('q');
  useKeys({ n: () => mayWrite && void navigate({ to: '/services/new' }) });
  const create = mayWrite && (
    <Go to="/services/new" kind="primary">
      Create service
    </Go>
  );
  return (
    <Page
      title="Services"
      sub="What stands behind the gateway: where it is, what it has to show, and what we show it."
      actions={create}
    >
      <Panel label="Services" actions={<FilterBox label="Filter services" value={filter} onChange={setFilter} />}>
        <Loaded query={query} what="Services">
          {({ items, more }) => {
            const shown = items.filter((one) => fits(one, filter.toLowerCase()));
            if (items.length === 0)
              return (
                <Empty title="There is no service yet" actions={create}>
                  <p>
                    A service is a backend under a name: its address, the CA that must have issued its certificate, and
                    the certificate that we show it. Routes send requests there.
                  </p>
                </Empty>
              );
            if (shown.length === 0)
              return <NothingFits count={items.length} what="services" onClear={() => setFilter('')} />;
            return (
              <>
                <ServiceTable rows={shown} />
                {more && <p>There are more than are shown here: filter them by the search.</p>}
              </>
            );
          }}
        </Loaded>
      </Panel>
    </Page>
  );
}

function fits(service: Service, text: string): boolean {
  if (text === '') return true;
  const words = service.running
    ? [service.id, ...service.addresses.map(({ address }) => address), service.tls.caBundle, service.tls.certificateId]
    : [service.id];
  return words.some((word) => word?.toLowerCase().includes(text) === true);
}

type Around = {
  readonly now: number;
  /** What we show to a service. */
  readonly leafOf: (one: Service) => CertificateFacts | undefined;
  readonly handshakes: ReturnType<typeof useHandshakes>;
};

function ServiceTable({ rows }: { readonly rows: readonly Service[] }) {
  const now = useNow();
  const handshakes = useHandshakes();
  const { data } = useReadAll('listCertificates');
  const leaves = new Map((data?.items ?? []).flatMap((one) => (one.running ? [[one.id, one.chain[0]] as const] : [])));
  const leafOf = (one: Service) => (one.running ? leaves.get(one.tls.certificateId ?? '') : undefined);
  const columns = columnsOf({ now, handshakes, leafOf });
  return <DataTable label="Services" columns={columns} rows={rows} keyOf={({ id }) => id} />;
}

function columnsOf({ now, handshakes, leafOf }: Around): readonly Column<Service>[] {
  return [
    {
      id: 'name',
      title: 'Name',
      isRowHeader: true,
      sortBy: ({ id }) => id,
      cell: ({ id, origin }) => (
        <>
          <Go to="/services/$id" params={{ id } as never}>
            {id}
          </Go>{' '}
          {origin.kind === 'file' && <small className="mono">{whereIs(origin)}</small>}
        </>
      ),
    },
    {
      id: 'address',
      title: 'Address',
      sortBy: (one) => (one.running ? (one.addresses[0]?.address ?? '') : ''),
      cell: (one) =>
        one.running ? (
          <>
            <Hostile text={one.addresses[0]?.address ?? 'none'} mono />
            {one.addresses.length > 1 && <small> and {one.addresses.length - 1} more</small>}
          </>
        ) : (
          'does not run'
        ),
    },
    {
      id: 'mode',
      title: 'TLS mode',
      sortBy: (one) => (one.running ? one.tls.mode : ''),
      cell: (one) => one.running && modeWords[one.tls.mode],
    },
    {
      id: 'ours',
      title: 'Our certificate',
      sortBy: (one) => urgency(leafOf(one), now),
      cell: (one) => {
        const leaf = leafOf(one);
        if (!one.running || one.tls.certificateId === null) return <small>none</small>;
        return (
          <>
            <Go to="/certificates/$id" params={{ id: one.tls.certificateId } as never}>
              {one.tls.certificateId}
            </Go>{' '}
            {leaf !== undefined && <ExpiryTag of={leaf} />}
          </>
        );
      },
    },
    {
      id: 'theirs',
      title: 'Their CA',
      sortBy: (one) => (one.running ? (one.tls.caBundle ?? '') : ''),
      cell: (one) => one.running && <TheirCa tls={one.tls} />,
    },
    {
      id: 'handshake',
      title: 'Last handshake',
      cell: (one) => one.running && one.tls.mode !== 'off' && <LastHandshake of={handshakes.get(one.id)} />,
    },
    {
      id: 'state',
      title: 'State',
      sortBy: (one) => (one.running ? worstState(one.addresses) : ''),
      cell: (one) => (one.running ? <ServiceState of={one} /> : <Tag tone="plain">not running</Tag>),
    },
  ];
}

type Running = Extract<Service, { running: true }>;

export function TheirCa({ tls }: { readonly tls: Running['tls'] }) {
  if (tls.mode === 'off') return <small>none</small>;
  if (!tls.verified) return <Tag tone="bad">not verified</Tag>;
  if (tls.caBundle === null || tls.caBundle === 'system') return <>the CAs of the system</>;
  return (
    <Go to="/ca-bundles/$id" params={{ id: tls.caBundle } as never}>
      {tls.caBundle}
    </Go>
  );
}
